"""Splitting overlong text into segments, and finding repetition loops."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt_cli.decoding.repetition import Loop, find_loop, longest_loop
from nmt_cli.decoding.segments import split


def words(texts: list[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def characters(texts: list[str]) -> list[int]:
    return [len(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("short enough . really", 4, ["short enough . really"]),
        ("One two three. Four five! Six?", 4, ["One two three.", "Four five!", "Six?"]),
        ('He said "go now." Then left.', 4, ['He said "go now."', "Then left."]),
        ("Pi is 3.14 and e is 2.72 or so.", 4, ["Pi is 3.14 and", "e is 2.72 or", "so."]),
        ("a b, c d; e f g, h", 4, ["a b, c d;", "e f g, h"]),
        ("a b c d e f g h i", 4, ["a b c d", "e f g h", "i"]),
        ("one two... Three four five", 4, ["one two...", "Three four five"]),
    ],
)
def test_split_prefers_sentence_ends_to_clause_ends_to_spaces(text: str, limit: int, expected: list[str]) -> None:
    assert [segment.text for segment in split(text, limit, words)] == expected


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("今天很好。我们去吧！好", 7, ["今天很好。", "我们去吧！", "好"]),
        ("「来了。」他说。", 6, ["「来了。」", "他说。"]),
        ("一二三，四五六、七", 5, ["一二三，", "四五六、七"]),
        ("abcdefgh", 3, ["ab", "cd", "ef", "gh"]),
        ("abce\u0301xyz", 5, ["abce\u0301", "xyz"]),
    ],
)
def test_split_of_text_without_spaces(text: str, limit: int, expected: list[str]) -> None:
    segments = split(text, limit, characters)
    assert [segment.text for segment in segments] == expected
    assert [segment.within_word for segment in segments] == [False] + [True] * (len(expected) - 1)


@given(st.text(alphabet='ab .,!?;。，…"” \u3000é\u0301가', max_size=80), st.integers(1, 12))
def test_segments_fit_the_limit_and_lose_no_characters(text: str, limit: int) -> None:
    segments = split(text, limit, characters)
    assert "".join("".join(segment.text.split()) for segment in segments) == "".join(text.split())
    assert all(len(segment.text) <= limit or len(segment.text) == 1 for segment in segments)


def test_splitting_a_word_does_not_change_the_word_count() -> None:
    text = "eins zweidreivier fünf"
    segments = split(text, 8, characters)
    word_starts = sum(len(segment.text.split()) - segment.within_word for segment in segments)
    assert len(segments) > 3
    assert word_starts == 3


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("a b c d", None),
        ("a a b b c c", None),
        ("x a a a y", Loop(1, 1, 3)),
        ("a b a b a b", Loop(0, 2, 3)),
        ("x a b c a b c a b c a", Loop(1, 3, 3)),
        ("a a a b c b c b c b c", Loop(3, 2, 4)),
        ("", None),
    ],
)
def test_longest_loop_of_repeated_words(text: str, loop: Loop | None) -> None:
    assert longest_loop(text.split()) == loop


def test_loop_that_is_also_in_the_source_is_not_reported() -> None:
    assert find_loop(["아니", "아니", "아니", "아니"], ["no", "no", "no", "no"]) is None
    assert find_loop(["아니", "아니", "아니", "아니"], ["no", "no", "no"]) == Loop(0, 1, 4)
    assert find_loop(["박수", "박수", "박수"], ["Thank", "you", "."]) == Loop(0, 1, 3)
