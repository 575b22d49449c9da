"""Lines of any length and any characters: no recursion over text, and time in proportion to the length."""

import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import TINY_TEXT
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt_cli.checkpoint.model_dir import LoadedModel, load_model
from nmt_cli.config import SearchConfig
from nmt_cli.corpus import normalization
from nmt_cli.corpus.cleaning import check_pair
from nmt_cli.corpus.normalization import normalize
from nmt_cli.corpus.writing_systems import Script
from nmt_cli.decoding.repetition import longest_loop
from nmt_cli.decoding.segments import split
from nmt_cli.decoding.text_stream import Line
from nmt_cli.decoding.translator import LineTranslator
from nmt_cli.evaluation.metrics import NAMES, Scorer
from nmt_cli.kernels.device import compute_for_training

CATEGORIES: dict[str, list[str]] = {}
for code in (*range(0xD800), *range(0xE000, 0x30000), *range(0xE0000, 0xE0200), *range(0xF0000, 0xF0100)):
    CATEGORIES.setdefault(unicodedata.category(chr(code)), []).append(chr(code))
CATEGORIES["combining"] = [c for c in CATEGORIES["Mn"] if unicodedata.combining(c)]
ODD = [
    "\u0315\u0300",
    "\u0344\u0327\u0301",
    " - ",
    "a\u0301",
    "\u1112\u1161\u11ab",
    "\ufdfa",
    ". ",
    '."',
    " \u200d",
    "、",
    "😀",
]

runs = st.tuples(
    st.one_of(
        *(st.text(st.sampled_from(characters), min_size=1, max_size=3) for characters in CATEGORIES.values()),
        st.sampled_from(ODD),
    ),
    st.integers(1, 1500),
)
long_texts = st.lists(runs, min_size=1, max_size=4).map(lambda parts: "".join(text * times for text, times in parts))


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> LoadedModel:
    return load_model(tiny_model, compute_for_training("cpu", "fp32", 0))


@settings(max_examples=15, deadline=None)
@given(text=long_texts)
def test_long_runs_of_any_category_are_translated(model: LoadedModel, text: str) -> None:
    search = SearchConfig(beam_size=1, max_length=2)
    (translation,) = LineTranslator(model, search, attention=True).translate([Line(1, text)])
    assert "\n" not in translation.text
    for link in translation.alignment(translation.candidates[0]):
        assert link[0] <= max(translation.source_words)


@settings(max_examples=60, deadline=None)
@given(text=long_texts, form=st.sampled_from(["nfc", "nfkc"]))
def test_normalisation_of_long_runs_is_that_of_unicode(text: str, form: normalization.Form) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(normalization, "LONG", 0)
        expected = unicodedata.normalize("NFC" if form == "nfc" else "NFKC", text)
        assert normalize(text, form) == normalization.single_line(expected)
        assert normalize(normalize(text, form), form) == normalize(text, form)


@settings(max_examples=40, deadline=None)
@given(text=long_texts, limit=st.integers(1, 50))
def test_segments_of_long_runs_keep_the_text(text: str, limit: int) -> None:
    segments = split(text, limit, lambda texts: [len(t) for t in texts])
    assert "".join("".join(segment.text.split()) for segment in segments) == "".join(text.split())
    assert all(len(segment.text) <= max(limit, 1) for segment in segments)


@pytest.mark.parametrize("characters", [*ODD, "a", " ", "\t", "汉", "\u0300", "\u200b", "a dog. ", "\x01"])
@pytest.mark.parametrize("step", ["normalize", "split", "check"])
def test_time_grows_with_the_length(characters: str, step: str) -> None:
    steps: dict[str, Callable[[str], object]] = {
        "normalize": lambda text: normalize(text, "nfkc"),
        "split": lambda text: split(text, 100, lambda texts: [len(t) for t in texts]),
        "check": lambda text: check_pair(text, text, (Script("en"), Script("ko"))),
    }
    text = "a" + characters * (1_000_000 // len(characters))
    started = time.process_time()
    steps[step](text)
    assert time.process_time() - started < 15, "a quadratic step takes minutes or hours"


def test_a_megabyte_without_a_loop_is_searched_for_one_in_seconds() -> None:
    started = time.process_time()
    assert longest_loop([(n * n) % 1009 * 7 + n % 3 for n in range(5000)]) is None
    assert time.process_time() - started < 5


@settings(max_examples=5, deadline=None)
@given(text=long_texts)
def test_long_runs_are_scored(text: str) -> None:
    scorer = Scorer([[*TINY_TEXT[:2], text]], "ko")
    for name in NAMES:
        assert scorer.statistics(name, [*TINY_TEXT[:2], text[::-1]]).rows.shape[0] == 3
