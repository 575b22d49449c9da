"""Output of `nmt eval`: complete, plain text without a terminal, and tables within the width of a terminal."""

import io
import re
from collections.abc import Sequence
from typing import Any

import pytest
from rich.cells import cell_len

from nmt_cli.evaluation.inputs import EvalInput, Text
from nmt_cli.evaluation.results import EvalResult, score_inputs
from nmt_cli.report.tables import show_result

REFERENCES = ["Ein Mann fährt mit dem Fahrrad durch die Stadt.", "나는 어제 [b]도서관[/b]에서 책을 읽었습니다. " * 4]
SOURCES = ["A man rides.", "I read " * 30]
HYPOTHESES = ["Ein Mann fährt :cat: mit einem Rad.", ""]


def eval_result(baseline: Text | None = None, sources: Sequence[str] | None = SOURCES) -> EvalResult:
    recipe: dict[str, Any] = {"references": ["test of prepared"], "hypotheses": "translated by model", "sentences": 2}
    recipe["model"] = {"path": "model", "sha256": "0123456789abcdef", "compute": "CPU, 1 thread, fp32"}
    recipe["ensemble"] = [{"path": "other", "sha256": "fedcba9876543210"}]
    recipe["search"] = {"beam_size": 5, "length_penalty": 1.0}
    inputs = EvalInput(HYPOTHESES, [REFERENCES], sources, baseline, ("en", "de"), "nfc", recipe, ["be careful"])
    return score_inputs(inputs, resamples=50)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def rendered(result: EvalResult, file: io.StringIO) -> str:
    show_result(result, file)
    return file.getvalue()


def test_plain_text_is_complete_and_has_no_escape_codes() -> None:
    text = rendered(eval_result(Text(["a", "b"], "other.txt")), io.StringIO())
    assert "\x1b" not in text
    assert not re.search(r"[│─┃━]", text)
    scores = eval_result().scores
    for metric in (scores.bleu, scores.chrf, scores.ter):
        assert f"{metric.score:.2f}" in text
        assert f"{metric.low:.2f} to {metric.high:.2f}" in text
        assert metric.signature in text
    for expected in (
        "Against other.txt",
        "By length of the source",
        "Sentences that differ most",
        "baseline   b\n",
        "line 2",
        "(empty)",
        ":cat:",
        "[b]도서관[/b]",
        "2 sentences against test of prepared",
        "model 0123456789ab with other fedcba987654; ",
        "beam size 5, length penalty 1.0",
        "note: be careful",
        "I read " * 29 + "I read\n",
    ):
        assert expected in text
    assert all(line == line.rstrip() for line in text.split("\n"))


@pytest.mark.parametrize("width", [80, 120])
def test_tables_fit_the_terminal_width(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm-256color")
    text = rendered(eval_result(Text(["a", "b"], "other.txt")), Terminal())
    assert "\x1b[" in text
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).split("\n")
    signatures = [line for line in lines if "version:" in line]
    assert len(signatures) == 3, "a signature is not wrapped, so that it can be copied"
    assert all(cell_len(line) <= width for line in lines if line not in signatures and "sentences against" not in line)


def test_length_buckets_use_the_reference_without_a_source() -> None:
    result = eval_result(sources=None)
    text = rendered(result, io.StringIO())
    assert "By length of the reference" in text
    assert "note: without the source, lengths are those of the reference" in text
    assert "source  " not in text
