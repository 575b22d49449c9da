"""Explanations show the numbers that the model computed."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from browser import dump_dom
from conftest import write_tiny_model
from rich.console import Console

from nmt_cli.checkpoint.model_dir import LoadedModel, load_model
from nmt_cli.cli.app import main
from nmt_cli.config import SearchConfig
from nmt_cli.corpus.casing import title
from nmt_cli.corpus.tokenizer import Tokenizer
from nmt_cli.decoding.capitals import Case, truecase
from nmt_cli.decoding.translator import translate_corpus
from nmt_cli.errors import ConfigError
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.report.explain.record import END, Explanation, Step, explain
from nmt_cli.report.explain.render import _least_certain, show, write_page

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


def test_it_explains_the_best_hypothesis_or_a_forced_translation(loaded: LoadedModel, explained: Explanation) -> None:
    assert (
        explained.translation
        == translate_corpus(loaded, [SENTENCE], SearchConfig(beam_size=3, search_again=False))[0].text
    )
    assert explained.steps[-1].token == END
    other = explain(loaded, SENTENCE, 3, 4, forced="나는 개")
    assert other.translation == "나는 개"


@pytest.mark.parametrize("case", ["capitals", "title"])
def test_unusual_case_is_explained_as_it_is_translated(loaded: LoadedModel, case: Case, tmp_path: Path) -> None:
    text = {"capitals": SENTENCE.upper(), "title": title(SENTENCE)}[case]
    usual = truecase(text, case, loaded.tokenizers.source, loaded.manifest.source)
    assert usual != text
    explained, other = (explain(loaded, given, beam_size=3, candidates=4) for given in (usual, text))
    assert (other.text, other.source, other.translation) == (usual, explained.source, explained.translation)
    output = io.StringIO()
    show(other, Console(file=output, width=80), summary=True)
    write_page(other, tmp_path / "page.html")
    for shown in (output.getvalue(), (tmp_path / "page.html").read_text(encoding="utf-8")):
        assert re.search(rf"given in {case}( case)?, translated from its usual case", shown)
    write_page(explained, tmp_path / "page.html")
    assert "usual case" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_recorded_numbers_satisfy_the_equations(explained: Explanation) -> None:
    config = explained.config
    for step in explained.steps:
        best = [probability for _, probability in step.best]
        assert best == sorted(best, reverse=True)
        assert dict(step.best).get(step.token, step.probability) == pytest.approx(step.probability)
        if config.attention in ("none", "none-repeat"):
            assert step.attention is None
            continue
        attention = step.attention
        assert attention is not None
        assert explained.values is not None
        assert len(attention.weights) == len(attention.scores) == len(explained.source) == len(explained.values)
        assert attention.weights.sum() == pytest.approx(1, abs=1e-5)
        if config.attention == "luong":
            np.testing.assert_allclose(attention.query, step.state, atol=1e-6)  # the query is the state that predicts
        else:
            assert not np.allclose(attention.query, step.state)
        if config.heads == 1:
            np.testing.assert_allclose(attention.context, attention.weights @ explained.values, atol=1e-5)
        if config.heads == 1 and config.local_attention == "none":
            exponentials = np.exp(attention.scores - attention.scores.max())
            np.testing.assert_allclose(attention.weights, exponentials / exponentials.sum(), atol=1e-5)


def test_the_source_is_in_the_order_in_which_it_was_encoded(loaded: LoadedModel, explained: Explanation) -> None:
    pieces = loaded.tokenizers.source.pieces(loaded.tokenizers.source.encode(SENTENCE))
    doubled = explained.config.source_order == "doubled-reversed"
    assert explained.source == [*(pieces[::-1] * 2 if doubled else pieces), END]


def test_the_attention_between_words_is_that_of_the_steps(loaded: LoadedModel) -> None:
    """A target word attends to all source words together as much as its subwords do on average."""
    explained = explain(loaded, SENTENCE, 1, 1, forced="작은 개가 달리고")
    if explained.attention is None:
        assert explained.values is None
        return
    assert list(explained.attention.source_words) == SENTENCE.split()
    assert list(explained.attention.target_words) == explained.translation.split()
    words = loaded.tokenizers.target.words(loaded.tokenizers.target.encode(explained.translation))
    assert len(words) > len(set(words)), "some words must consist of several subwords"
    end = explained.source.index(END)
    for number, row in enumerate(explained.attention.weights):
        steps = [step for step, word in zip(explained.steps, words, strict=False) if word == number]
        attended = [1 - step.attention.weights[end] for step in steps if step.attention]
        assert row.sum() == pytest.approx(np.mean(attended), abs=1e-5)


def test_the_least_certain_steps_come_with_the_best_other_token() -> None:
    nothing = np.zeros(1, dtype=np.float32)

    def step(token: str, probability: float, *best: tuple[str, float]) -> Step:
        return Step(token, probability, None, nothing, nothing, list(best))

    steps = [
        step("a", 0.9, ("a", 0.9), ("x", 0.1)),
        step("b", 0.2, ("y", 0.7), ("b", 0.2)),
        step("c", 0.6, ("c", 0.6), ("z", 0.3)),
        step("d", 0.5, ("d", 0.5)),
    ]
    output = io.StringIO()
    Console(file=output, width=60).print(_least_certain(steps))
    rows = [line.split() for line in output.getvalue().splitlines()[1:]]
    assert rows == [["2", "b", "0.200", "y", "0.700"], ["4", "d", "0.500"], ["3", "c", "0.600", "z", "0.300"]]


def test_the_summary_is_the_beginning_of_the_terminal_view(explained: Explanation) -> None:
    whole, summary = io.StringIO(), io.StringIO()
    show(explained, Console(file=whole, width=80))
    show(explained, Console(file=summary, width=80), summary=True)
    assert whole.getvalue().startswith(summary.getvalue())
    assert "Least certain steps" in summary.getvalue()
    assert "  p = " in whole.getvalue().removeprefix(summary.getvalue())


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_terminal_view_fits_the_width(explained: Explanation, width: int) -> None:
    output = io.StringIO()
    show(explained, Console(file=output, width=width, highlight=False))
    text = output.getvalue()
    assert all(len(line) <= width for line in text.split("\n"))
    assert text.count("next  ") == len(explained.steps)
    config = explained.config
    readout_input = "[s; previous word; c]" if config.readout == "maxout" else "[s; c]"
    readout_input = "[s]" if explained.values is None else readout_input
    assert " ".join(text.split()).count(f"of {readout_input}") == len(explained.steps)
    assert text.count("query  ") == len([step for step in explained.steps if step.attention])
    assert ("has no attention" in " ".join(text.split())) == (explained.values is None)
    assert ("one fixed vector" in " ".join(text.split())) == (explained.config.attention == "none-repeat")
    headings = ["Least certain steps", "The encoder's output", f"\n1  {explained.steps[0].token}  p = "]
    if explained.values is None:
        del headings[1]
        assert "Attention between words" not in text
    else:
        headings.insert(0, "Attention between words")
    assert [text.count(heading) for heading in headings] == [1] * len(headings)
    assert sorted(headings, key=text.index) == headings
    for token in set(explained.source):
        assert token in text or explained.values is None


def test_the_page_holds_the_numbers_and_loads_nothing(explained: Explanation, tmp_path: Path) -> None:
    write_page(explained, tmp_path / "e.html")
    page = (tmp_path / "e.html").read_text(encoding="utf-8")
    (content,) = re.findall(r'<script type="application/json" id="content">(.*?)</script>', page, re.DOTALL)
    data = json.loads(content)
    assert [step["token"] for step in data["steps"]] == [step.token for step in explained.steps]
    assert data["source"] == explained.source
    if explained.values is not None:
        assert sum(data["steps"][0]["weights"]) == pytest.approx(1, abs=1e-2)
    assert not re.search(r"https?://|src=|@import|url\(", page)


def test_markup_in_a_translation_is_escaped(loaded: LoadedModel, tmp_path: Path) -> None:
    markup = "</script><script>alert(1)</script>"
    write_page(explain(loaded, SENTENCE, 1, 2, forced=markup), tmp_path / "e.html")
    page = (tmp_path / "e.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 2
    assert "alert(1)</script>" not in page


@pytest.fixture(scope="module")
def page(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page that explains five words and the end."""
    path = tmp_path_factory.mktemp("pages") / "e.html"
    loaded = load_model(tiny_model, compute_for_search("cpu", "fp32", 1))
    write_page(explain(loaded, SENTENCE, 1, 3, forced="나는 개"), path)
    return path


def press(*keys: str) -> str:
    """JavaScript that presses keys where the focus is, and marks the element that then has the focus."""
    return f"""
      for (const key of {json.dumps(keys)})
        document.activeElement.dispatchEvent(new window.KeyboardEvent("keydown", {{ key, bubbles: true }}));
      document.activeElement.id = "focused";
    """


@pytest.mark.parametrize(
    ("actions", "step"),
    [
        (press("ArrowRight"), 1),
        (press("ArrowRight", "ArrowRight", "ArrowLeft"), 1),
        ("document.querySelectorAll('button')[1].click();" + press(), 1),
        ("document.querySelectorAll('button')[1].click();" + press("ArrowRight"), 2),
        (press("End"), -1),
        (press("End", "ArrowRight"), -1),
        (press("End", "Home", "ArrowLeft"), 0),
    ],
)
def test_the_focus_and_the_chosen_word_move_together(page: Path, actions: str, step: int) -> None:
    dom = dump_dom(page, actions=actions)
    buttons = re.findall("<button([^>]*)>(.*?)</button>", dom)
    chosen, token = buttons[step]
    for attribute in ('aria-current="step"', 'id="focused"', 'tabindex="0"'):
        assert [attribute in attributes for attributes, _ in buttons].count(True) == 1
        assert attribute in chosen
    assert f"Word {step % len(buttons) + 1} of {len(buttons)}: {token}, of probability" in dom


def test_keys_with_a_modifier_are_left_to_the_browser(page: Path) -> None:
    actions = """
      const init = { key: "ArrowRight", altKey: true, bubbles: true };
      document.body.dispatchEvent(new window.KeyboardEvent("keydown", init));
    """
    assert "Word 1 of" in dump_dom(page, actions=actions)


def test_each_side_has_its_language(page: Path) -> None:
    dom = dump_dom(page)
    assert f'<dd dir="auto" lang="en">{SENTENCE}</dd>' in dom
    assert '<dd dir="auto" lang="ko">나는 개</dd>' in dom
    assert '<td class="number" lang="en">▁' in dom
    assert re.search('id="words"[^>]* lang="ko"', dom)
    assert '<div class="best" id="best" lang="ko">' in dom


@pytest.mark.parametrize("width", [390, 1280, 1900])
def test_the_page_fits_its_width_and_uses_it(page: Path, width: int) -> None:
    """On a wide screen the prediction stands beside the decoder, on a phone below it."""
    actions = """
      const [, decoder, next] = [...document.querySelectorAll("section")].map(part => part.getBoundingClientRect());
      const beside = next.left > decoder.left, below = next.top >= decoder.bottom;
      Object.assign(document.body.dataset, { page: document.documentElement.scrollWidth, beside, below });
    """
    dom = dump_dom(page, width, actions=actions)
    assert f'data-page="{width}"' in dom
    assert f'data-beside="{str(width == 1280).lower()}" data-below="{str(width != 1280).lower()}"' in dom


@pytest.mark.parametrize(
    ("typed", "expected"),
    [(b"old man\n", "source       old man"), (b"a\nb\n", "standard input has 2 lines, but one sentence is explained")],
)
def test_a_dash_reads_the_sentence_from_standard_input(
    tiny_model: Path,
    typed: bytes,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(typed)))
    with pytest.raises(SystemExit):
        main(["explain", "-", "--model", str(tiny_model), "--device", "cpu"])
    assert expected in "".join(capsys.readouterr())


@pytest.mark.parametrize(("text", "message"), [("", "the sentence is empty"), ("dog " * 40, "encodes in one piece")])
def test_empty_and_overlong_sentences_are_rejected(loaded: LoadedModel, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        explain(loaded, text, 1, 1)
