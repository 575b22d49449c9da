"""Whatever the lines are, each command gives one line for each, or accounts for each, within bounded memory."""

import functools
import io
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import write_tiny_model
from fault_runner import Ended, Faults, fault_server
from generated_lines import BREAKS, DIRECTIONS, INVISIBLE, fuzzed_lines
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt_cli.checkpoint.model_dir import load_model
from nmt_cli.config import SearchConfig
from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.corpus.normalization import is_blank
from nmt_cli.corpus.tokenizer import Tokenizer
from nmt_cli.decoding.output import as_json, as_text
from nmt_cli.decoding.text_stream import Line, LineReader
from nmt_cli.decoding.translator import LineTranslator
from nmt_cli.kernels.device import compute_for_search

COUNTS = pytest.mark.parametrize("count", [600, pytest.param(100_000, marks=pytest.mark.faults)])
GREEDY = ("--beam-size", 1, "--max-length", 3, "--threads", 1)
GROWTH = 400
"""MiB that a command may take more than `nmt info`, which imports and reads little."""
SCORED = 8
"""KiB more for each line that `nmt eval` scores: sacrebleu holds the n-grams of all references."""
FLAT = 40
"""MiB that a million lines may take more than ten thousand."""


@pytest.fixture(scope="module")
def run() -> Iterator[Faults]:
    with fault_server() as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Tokenizer) -> Path:
    """A folder with a tiny model."""
    folder = tmp_path_factory.mktemp("lines")
    write_tiny_model(folder / "model", tiny_tokenizer)
    return folder


@functools.cache
def written(home: Path, count: int) -> list[Line]:
    """Fuzzed lines as the reader of streams decodes them, written to the folder as they are (`raw`), and as valid UTF-8
    in this order (`text`) and in the opposite one (`other`)."""
    lines = fuzzed_lines(count, seed=count)
    (home / f"{count}.raw").write_bytes(b"".join(line + b"\n" for line in lines))
    valid = [line.decode(errors="replace").encode() + b"\n" for line in lines]
    (home / f"{count}.text").write_bytes(b"".join(valid))
    (home / f"{count}.other").write_bytes(b"".join(reversed(valid)))
    return [Line.read(number, line) for number, line in enumerate(lines, start=1)]


def within_memory(run: Faults, home: Path, *arguments: object, growth: int = GROWTH) -> Ended:
    """Run a command, which succeeds, and takes at most `growth` MiB more than `nmt info`."""
    least = run(home, "info", "model").peak
    ended = run(home, *arguments)
    assert ended.status == 0, ended.output
    assert "Traceback" not in ended.output
    assert ended.peak - least < growth << 10, f"{ended.peak >> 10} MiB"
    return ended


def rows(path: Path) -> list[str]:
    """The lines of an output, all of which end in a line feed."""
    content = path.read_bytes()
    path.unlink()
    assert content.endswith(b"\n")
    return content.decode().split("\n")[:-1]


def check_text(lines: list[Line], out: Path) -> None:
    translations = rows(out)
    assert len(translations) == len(lines)
    assert all(len(translation.splitlines()) <= 1 for translation in translations)
    assert not [line for line, text in zip(lines, translations, strict=True) if is_blank(line.text) and text]


def check_jsonl(lines: list[Line], out: Path) -> None:
    records = [json.loads(row) for row in rows(out)]
    assert [record["source"] for record in records] == [line.text for line in lines]


def check_n_best(lines: list[Line], out: Path) -> None:
    indices = [int(row.split(" ||| ")[0]) for row in rows(out)]
    assert indices == sorted(indices)
    assert set(indices) == set(range(len(lines)))
    assert max(len(list(group)) for _, group in itertools.groupby(indices)) <= 2


FORMS: dict[str, tuple[tuple[object, ...], Callable[[list[Line], Path], None]]] = {
    "text": (("translate", *GREEDY), check_text),
    "jsonl": (("translate", "--output-format", "jsonl", *GREEDY), check_jsonl),
    "n-best": (("translate", *GREEDY, "--beam-size", 2, "--n-best", 2), check_n_best),
    "bulk": (("bulk", "--shard-size", 5000, *GREEDY), check_text),
}


@COUNTS
@pytest.mark.parametrize("form", FORMS)
def test_every_line_is_translated(run: Faults, home: Path, count: int, form: str) -> None:
    lines = written(home, count)
    arguments, check = FORMS[form]
    name, *options = arguments
    out = home / f"{form}.{count}"
    within_memory(run, home, name, f"{count}.raw", "--model", "model", "--out", out.name, *options)
    check(lines, out)


@COUNTS
def test_every_line_is_scored(run: Faults, home: Path, count: int) -> None:
    written(home, count)
    files = ("--hypotheses", f"{count}.text", "--reference", f"{count}.other")
    options = ("--target", "ko", "--resamples", 3, "--json")
    ended = within_memory(run, home, "eval", *files, *options, growth=GROWTH + (SCORED * count >> 10))
    result = json.loads(ended.output[ended.output.index("{") : ended.output.rindex("}") + 1])
    assert result["recipe"]["sentences"] == count
    assert all(result[name]["score"] >= 0 for name in ("bleu", "chrf", "ter"))
    refused = run(home, "eval", "--hypotheses", f"{count}.raw", "--reference", f"{count}.raw", "--target", "ko")
    assert refused.status == 1
    assert refused.output.startswith(f"nmt: {count}.raw:")
    assert "is not UTF-8" in refused.output


@COUNTS
@pytest.mark.parametrize("keep", ["none", "duplicates"])
def test_every_pair_is_accounted_for(run: Faults, home: Path, count: int, keep: str) -> None:
    written(home, count)
    out = home / f"{keep}.{count}"
    text = ("--train", f"{count}.raw,{count}.other", "--source", "en", "--target", "de", "--invalid-utf8", "replace")
    options = ("--keep", keep, "--holdout", 5, "--vocabulary-size", 600, "--threads", 1)
    within_memory(run, home, "preprocess", *text, *options, "--out", out.name)
    train = json.loads((out / "report.json").read_text())["splits"]["train"]
    dropped = sum(finding["dropped"] for finding in train["findings"])
    assert train["read"] == count
    assert train["kept"] + dropped + train["held_out"] == count
    assert train["held_out"] == 10
    assert len(PreparedCorpus.open(out).split("train")) == train["kept"]


def translated(model: Path, folder: Path, count: int) -> int:
    """Translate so many lines by a pipe -> peak memory in KiB. Lines recur, as equal lines are searched once."""
    source, target = folder / "in", folder / "out"
    with open(source, "w") as file:
        file.writelines(f"the dog {number // 16} .\n" for number in range(count))
    program = [sys.executable, "-m", "nmt_cli", "translate", "--model", str(model), *map(str, GREEDY)]
    with open(source, "rb") as stdin, open(target, "wb") as stdout:
        process = subprocess.Popen(program, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    with open(target, "rb") as file_:
        assert sum(1 for _ in file_) == count
    return usage.ru_maxrss


@pytest.mark.parametrize(("few", "many"), [(5_000, 20_000), pytest.param(10_000, 1_000_000, marks=pytest.mark.faults)])
def test_memory_does_not_grow_with_the_lines(home: Path, tmp_path: Path, few: int, many: int) -> None:
    least, most = (translated(home / "model", tmp_path, count) for count in (few, many))
    assert most - least < FLAT << 10, f"{(most - least) >> 10} MiB"
    print(f"{few:,} lines take {least >> 10} MiB, {many:,} lines {most >> 10}")


LINE = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=40).map(str.encode),
    st.tuples(st.characters(codec="utf-8"), st.integers(1, 300)).map(lambda run: (run[0] * run[1]).encode()),
    st.text(st.sampled_from(BREAKS + DIRECTIONS + INVISIBLE + "a가"), max_size=20).map(str.encode),
).map(lambda line: line.replace(b"\n", b""))
"""Lines that Hypothesis makes shorter until the smallest that fails is found."""


@pytest.mark.parametrize("examples", [20, pytest.param(1000, marks=pytest.mark.faults)])
def test_any_lines_are_translated_and_shown(home: Path, examples: int) -> None:
    loaded = load_model(home / "model", compute_for_search("cpu", "fp32", 1))
    translator = LineTranslator(loaded, SearchConfig(beam_size=2, n_best=2, max_length=3), attention=True)

    @settings(max_examples=examples, deadline=None, database=None)
    @given(st.lists(LINE, max_size=20))
    def check(lines: list[bytes]) -> None:
        source = io.BytesIO(b"".join(line + b"\n" for line in lines))
        read = [line for window in LineReader(source, 7).windows() for line in window]
        assert len(read) == len(lines)
        translations = translator.translate(read)
        assert [translation.line for translation in translations] == read
        for translation in translations:
            assert as_text(translation, 1).count("\n") == 1
            assert len(as_text(translation, 1).splitlines()) == 1
            assert json.loads(as_json(translation, 2))["source"] == translation.line.text
            assert as_text(translation, 2).count("\n") == len(translation.candidates)

    check()
