"""What is explained is what was computed."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import write_tiny_model
from rich.console import Console

from nmt_cli.checkpoint.model_dir import LoadedModel, load_model
from nmt_cli.config import SearchConfig
from nmt_cli.corpus.tokenizer import Tokenizer
from nmt_cli.decoding.translator import translate_corpus
from nmt_cli.errors import ConfigError
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.report.explain.record import END, Explanation, explain
from nmt_cli.report.explain.render import show, write_page

SENTENCE = "the old man sings"

SYSTEMS: dict[str, dict[str, object]] = {
    "gnmt": {},
    "luong": {"attention": "luong", "score": "dot"},
    "scheduled_sampling": {"attention": "luong", "input_feeding": True, "score": "concat"},
    "bahdanau": {"attention": "bahdanau", "score": "mlp", "readout": "maxout"},
    "heads": {"heads": 4, "score": "scaled-dot"},
    "local_attention": {"local_attention": "predictive", "local_window": 2},
    "coverage": {"attention": "luong", "coverage": True},
    "doubled": {"source_order": "doubled-reversed"},
    "location": {"score": "location"},
    "none": {"attention": "none", "encoder_layers": 2},
    "none-repeat": {"attention": "none-repeat"},
}


@pytest.fixture(scope="module", params=SYSTEMS)
def loaded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Tokenizer
) -> LoadedModel:
    path = write_tiny_model(tmp_path_factory.mktemp("models") / "m", tiny_tokenizer, **SYSTEMS[request.param])
    return load_model(path, compute_for_search("cpu", "fp32", 1))


@pytest.fixture(scope="module")
def explained(loaded: LoadedModel) -> Explanation:
    return explain(loaded, SENTENCE, beam_size=3, candidates=4)


def test_it_explains_the_translation_that_is_given(loaded: LoadedModel, explained: Explanation) -> None:
    assert explained.translation == translate_corpus(loaded, [SENTENCE], SearchConfig(beam_size=3))[0]
    assert explained.steps[-1].token == END
    other = explain(loaded, SENTENCE, 3, 4, forced="나는 개")
    assert other.translation == "나는 개"


def test_numbers_are_those_of_the_equations(explained: Explanation) -> None:
    config = explained.config
    for step in explained.steps:
        best = [probability for _, probability in step.best]
        assert best == sorted(best, reverse=True)
        assert dict(step.best).get(step.token, step.probability) == pytest.approx(step.probability)
        if config.attention in ("none", "none-repeat"):
            assert step.attention is None
            continue
        looked = step.attention
        assert looked is not None
        assert explained.values is not None
        assert len(looked.weights) == len(looked.scores) == len(explained.source) == len(explained.values)
        assert looked.weights.sum() == pytest.approx(1, abs=1e-5)
        if config.attention == "luong":
            np.testing.assert_allclose(looked.query, step.state, atol=1e-6)  # the state that predicts is what asks
        else:
            assert not np.allclose(looked.query, step.state)
        if config.heads == 1:
            np.testing.assert_allclose(looked.context, looked.weights @ explained.values, atol=1e-5)
        if config.heads == 1 and config.local_attention == "none":
            raised = np.exp(looked.scores - looked.scores.max())
            np.testing.assert_allclose(looked.weights, raised / raised.sum(), atol=1e-5)


def test_the_source_stands_as_it_was_read(loaded: LoadedModel, explained: Explanation) -> None:
    pieces = loaded.tokenizers.source.pieces(loaded.tokenizers.source.encode(SENTENCE))
    doubled = explained.config.source_order == "doubled-reversed"
    assert explained.source == [*(pieces[::-1] * 2 if doubled else pieces), END]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_terminal_view_fits(explained: Explanation, width: int) -> None:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    show(explained, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(len(line) <= width for line in text.split("\n"))
    assert text.count("next  ") == len(explained.steps)
    config = explained.config
    made = "[s; previous word; c]" if config.readout == "maxout" else "[s; c]"
    joined = "[s]" if explained.values is None else made
    assert " ".join(text.split()).count(f"of {joined}") == len(explained.steps)
    assert text.count("query  ") == len([step for step in explained.steps if step.attention])
    assert ("has no attention" in " ".join(text.split())) == (explained.values is None)
    assert ("one fixed vector" in " ".join(text.split())) == (explained.config.attention == "none-repeat")
    for token in set(explained.source):
        assert token in text or explained.values is None


def test_the_page_holds_the_numbers_and_nothing_from_elsewhere(explained: Explanation, tmp_path: Path) -> None:
    write_page(explained, tmp_path / "e.html")
    page = (tmp_path / "e.html").read_text(encoding="utf-8")
    (content,) = re.findall(r'<script type="application/json" id="content">(.*?)</script>', page, re.DOTALL)
    found = json.loads(content)
    assert [step["token"] for step in found["steps"]] == [step.token for step in explained.steps]
    assert found["source"] == explained.source
    if explained.values is not None:
        assert sum(found["steps"][0]["weights"]) == pytest.approx(1, abs=1e-2)
    assert not re.search(r"https?://|src=|@import|url\(", page)


def test_what_is_said_cannot_become_code(loaded: LoadedModel, tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>"
    write_page(explain(loaded, SENTENCE, 1, 2, forced=evil), tmp_path / "e.html")
    page = (tmp_path / "e.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 2
    assert "alert(1)</script>" not in page


@pytest.mark.parametrize(("text", "message"), [("", "the sentence is empty"), ("dog " * 40, "reads in one piece")])
def test_what_cannot_be_explained(loaded: LoadedModel, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        explain(loaded, text, 1, 1)
