"""Word alignments: merging subword attention, the Pharaoh format, and alignment error rates."""

from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nmt_cli.decoding.alignment import block_links, format_pharaoh, links, merge_subwords
from nmt_cli.errors import CorpusError
from nmt_cli.evaluation.alignment import Alignment, alignment_error_rate, parse_links, read_links


def test_merge_equals_hand_computed_values() -> None:
    weights = [
        [0.1, 0.2, 0.3, 0.4],  # first subword of word 0
        [0.3, 0.4, 0.1, 0.2],  # second subword of word 0
        [0.0, 0.0, 0.9, 0.1],  # word 1
        [0.7, 0.1, 0.1, 0.1],  # EOS, which belongs to no word
    ]
    merged = merge_subwords(weights, source_words=[0, 0, 1], target_words=[0, 0, 1])
    np.testing.assert_allclose(merged, [[(0.3 + 0.7) / 2, (0.3 + 0.1) / 2], [0.0, 0.9]])


SubwordAttention = tuple[npt.NDArray[np.float64], list[int], list[int]]
"""Attention weights, and the word index of each source and target subword."""


def word_indices(subwords: int) -> st.SearchStrategy[list[int]]:
    steps = st.lists(st.integers(0, 1), min_size=subwords - 1, max_size=subwords - 1)
    return steps.map(lambda drawn: np.cumsum([0, *drawn]).tolist())


@st.composite
def subword_matrices(draw: st.DrawFn) -> SubwordAttention:
    target, source = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    weights = draw(arrays.arrays(np.float64, (target, source), elements=st.floats(0.01, 1)))
    split = [
        np.cumsum([0, *draw(st.lists(st.integers(0, 1), min_size=n - 1, max_size=n - 1))]) for n in (source, target)
    ]
    return weights / weights.sum(1, keepdims=True), *(words.tolist() for words in split)


@given(subword_matrices())
def test_merged_rows_sum_to_one(drawn: SubwordAttention) -> None:
    weights, source_words, target_words = drawn
    merged = merge_subwords(weights, source_words, target_words)
    assert merged.shape == (target_words[-1] + 1, source_words[-1] + 1)
    np.testing.assert_allclose(merged.sum(1), 1)


@given(subword_matrices())
def test_positions_outside_words_are_ignored(drawn: SubwordAttention) -> None:
    weights, source_words, target_words = drawn
    with_end = np.pad(weights, ((0, 1), (0, 2)), constant_values=5.0)
    expected = merge_subwords(weights, source_words, target_words)
    np.testing.assert_allclose(merge_subwords(with_end, source_words, target_words), expected)
    np.testing.assert_allclose(merge_subwords(with_end, [*source_words, -1, -1], [*target_words, -1]), expected)


def test_merging_no_words_gives_an_empty_matrix() -> None:
    assert merge_subwords(np.zeros((0, 3)), [0, 1, 1], []).shape == (0, 2)
    assert merge_subwords(np.zeros((2, 1)), [], [0, 1]).shape == (2, 0)


def test_more_subwords_than_attention_positions_is_an_error() -> None:
    with pytest.raises(ValueError, match="3 source subwords, but attention over 2"):
        merge_subwords(np.ones((2, 2)), [0, 1, 2], [0, 1])
    with pytest.raises(ValueError, match="matrix"):
        merge_subwords(np.ones(3), [0], [0])


def test_links_take_the_strongest_source_word_of_each_target_word() -> None:
    assert links([[0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.0, 0.0, 0.0], [0.4, 0.4, 0.2]]) == [(0, 1), (0, 3), (1, 0)]
    assert links(np.zeros((0, 4))) == links(np.zeros((3, 0))) == []


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99))))
def test_pharaoh_format_round_trips(pairs: list[tuple[int, int]]) -> None:
    assert parse_links(format_pharaoh(pairs)) == Alignment(frozenset(pairs), frozenset(pairs))


def test_possible_links_include_the_sure_ones() -> None:
    parsed = parse_links("0-0 1p2  3-1 3p1")
    assert parsed.sure == {(0, 0), (3, 1)}
    assert parsed.possible == {(0, 0), (1, 2), (3, 1)}
    assert parse_links("") == Alignment(frozenset(), frozenset())


@pytest.mark.parametrize("word", ["0", "1-", "-1", "1-2-3", "1x2", "a-b", "1.0-2", "-1-2", "٣-4"])
def test_an_invalid_link_is_reported_with_file_and_line(tmp_path: Path, word: str) -> None:
    path = tmp_path / "gold"
    path.write_text(f"0-0\n0-1 {word}\n", encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        read_links(path)
    assert str(caught.value) == f"{path}:2: {word!r} is not a link; write 3-4 (sure) or 3p4 (possible), counted from 0"


@pytest.mark.parametrize(
    ("predicted", "gold", "aer", "precision", "recall"),
    [
        ("0-0 1-1", "0-0 1-1", 0.0, 1.0, 1.0),
        ("0-0 1-1", "0-0 1p1", 0.0, 1.0, 1.0),  # predicting a possible link is no error
        ("0-0", "0-0 1p1", 0.0, 1.0, 1.0),  # nor is omitting it
        ("0-0", "0-0 1-1", 1 - 2 / 3, 1.0, 0.5),
        ("0-0 2-2", "0-0 1-1 2p2 3p3", 1 - (1 + 2) / 4, 1.0, 0.5),
        ("0-0 1-2 5-5", "0-0 1-1 1p2", 1 - (1 + 2) / 5, 2 / 3, 0.5),
        ("1-0", "0-1", 1.0, 0.0, 0.0),
        ("", "0-0", 1.0, 1.0, 0.0),
        ("", "", 0.0, 1.0, 1.0),
    ],
)
def test_error_rates_equal_hand_computed_values(
    predicted: str, gold: str, aer: float, precision: float, recall: float
) -> None:
    rate = alignment_error_rate([parse_links(predicted).sure], [parse_links(gold)])
    assert (rate.aer, rate.precision, rate.recall) == pytest.approx((aer, precision, recall))


def test_error_rate_is_averaged_over_links_not_sentences() -> None:
    predicted = [parse_links("0-0").sure, parse_links("0-0 1-1 2-2").sure]
    gold = [parse_links("0-1"), parse_links("0-0 1-1 2-2")]
    rate = alignment_error_rate(predicted, gold)
    assert rate.aer == pytest.approx(1 - (3 + 3) / (4 + 4))
    assert rate.sentences == 2


def test_unequal_numbers_of_alignments_are_rejected() -> None:
    with pytest.raises(CorpusError, match="1 alignments, but 2 gold ones"):
        alignment_error_rate([frozenset()], [parse_links(""), parse_links("")])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans(), st.booleans()), min_size=1, max_size=5),
    st.randoms(use_true_random=False),
)
def test_links_of_blocks_are_those_of_the_whole_matrix(
    shapes: list[tuple[int, int, bool, bool]], random: Random
) -> None:
    """Words may go on from one segment into the next, on either side."""
    rows, columns = sum(shape[0] for shape in shapes), sum(shape[1] for shape in shapes)
    whole = np.zeros((rows, columns), np.float32)
    blocks, row, column = [], 0, 0
    words: tuple[list[int], list[int]] = ([], [])
    for height, width, *continues in shapes:
        block = np.array([[random.choice((0, 1, 2, 4, 8)) for _ in range(width)] for _ in range(height)], np.float32)
        block = block.reshape(height, width)
        whole[row : row + height, column : column + width] = block
        row, column = row + height, column + width
        blocks.append(block)
        for numbered, size, goes_on in zip(words, (width, height), continues, strict=True):
            for n in range(size):
                last = numbered[-1] if numbered else -1
                numbered.append(max(last, 0) if (goes_on if n == 0 else random.random() < 0.5) else last + 1)
    merged = merge_subwords(whole, *words)
    found = {j: i for i, j in block_links(blocks, *words)}
    assert found.keys() == {j for _, j in links(merged)}
    for j, i in found.items():
        assert merged[j, i] == pytest.approx(merged[j].max())
