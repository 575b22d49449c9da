"""Translations that repeat themselves or are far too long are searched again with repetition blocked."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import TINY_TEXT

from nmt_cli.checkpoint.model_dir import LoadedModel, load_model
from nmt_cli.config import SearchConfig
from nmt_cli.decoding.hypothesis import Hypothesis
from nmt_cli.decoding.issues import receipt_entry
from nmt_cli.decoding.search_again import Request, Results, defect, search_again
from nmt_cli.decoding.text_stream import Line
from nmt_cli.decoding.translator import LineTranslator
from nmt_cli.kernels.device import compute_for_training


def result(tokens: list[int]) -> list[Hypothesis]:
    return [Hypothesis(tokens, -1.0, -1.0, [-0.1] * (len(tokens) + 1), None, True)]


CPU = compute_for_training("cpu", "fp32", 0)
GOOD, LOOP, LONG = [7, 8, 9], [7, 8, 7, 8, 7, 8], list(range(10, 40))
SOURCE = (5, 6, 7)
TEXTLESS = [4]
"""Subwords that decode to no text, such as a space alone."""


def decode(tokens: Sequence[int]) -> str:
    return "" if list(tokens) == TEXTLESS else " ".join(map(str, tokens))


@pytest.mark.parametrize(
    ("target", "source", "expected"),
    [
        (GOOD, SOURCE, None),
        (LOOP, SOURCE, "repetition"),
        (LOOP, (5, 6, 5, 6, 5, 6), None),
        (LONG, SOURCE, "length_ratio"),
        (LONG, range(12), None),
        ([], range(40), None),
    ],
)
def test_defects(target: list[int], source: tuple[int, ...], expected: str | None) -> None:
    assert defect(target, tuple(source)) == expected


@pytest.mark.parametrize(
    ("by_size", "sizes", "found"),
    [
        ({3: GOOD, 2: GOOD}, [3], GOOD),
        ({3: LOOP, 2: GOOD}, [3, 2], GOOD),
        ({3: LONG, 2: LOOP}, [3, 2], None),
        ({3: [], 2: []}, [3, 2], None),
        ({3: TEXTLESS, 2: GOOD}, [3, 2], GOOD),
    ],
)
@pytest.mark.parametrize("first", [LOOP, LONG])
def test_the_first_search_without_a_defect_is_kept(
    first: list[int], by_size: dict[int, list[int]], sizes: list[int], found: list[int] | None
) -> None:
    bad: Request = (SOURCE, (), ())
    good: Request = ((5, 6), (), ())
    searched = []

    def search(requests: list[Request], options: SearchConfig) -> Results:
        assert requests == [bad]
        searched.append(options.no_repeat_ngram_size)
        return {bad: result(by_size[options.no_repeat_ngram_size])}

    results = search_again({bad: result(first), good: result(GOOD)}, search, SearchConfig(), decode)
    assert searched == sizes
    assert {request: hypotheses[0].tokens for request, hypotheses in results.items()} == ({bad: found} if found else {})
    assert [hypotheses[0].searched_again for hypotheses in results.values()] == [defect(first, SOURCE)] * len(results)


def test_a_search_that_blocks_as_much_is_not_repeated() -> None:
    def search(requests: list[Request], options: SearchConfig) -> Results:
        raise AssertionError("searched again")

    bad: Request = (SOURCE, (), ())
    assert search_again({bad: result(LOOP)}, search, SearchConfig(no_repeat_ngram_size=2), decode) == {}


def test_lines_searched_again_have_no_defect_and_others_keep_their_translation(tiny_model: Path) -> None:
    model: LoadedModel = load_model(tiny_model, CPU)
    lines = [Line(number, text) for number, text in enumerate([*TINY_TEXT, "a dog", "women talk"], start=1)]
    first, again = (
        LineTranslator(model, SearchConfig(beam_size=2, search_again=on)).translate(lines) for on in (False, True)
    )
    kinds = [{issue.kind for issue in translation.issues} for translation in again]
    searched = [n for n, line_kinds in enumerate(kinds) if "searched_again" in line_kinds]
    assert searched, "the untrained model repeats itself"
    for n, (before, after) in enumerate(zip(first, again, strict=True)):
        before_kinds = {issue.kind for issue in before.issues}
        if n in searched:
            assert before_kinds & {"repetition", "length_ratio"}
            assert not kinds[n] & {"repetition", "length_ratio"}
            assert '"kind": "searched_again", "reason": ' in str(receipt_entry(after))
        else:
            assert before.text == after.text
            assert before_kinds == kinds[n]
    assert not any("searched_again" in {issue.kind for issue in translation.issues} for translation in first)
