"""Cutting a text that is too long for the model into parts that are not, where it hurts least."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Count = Callable[[list[str]], list[int]]
"""How many subwords each of these texts has."""

_SENTENCE = re.compile(r"""(?<=[.!?…])(?:["'”’»)\]]*)\s+|(?<=[。！？])(?:["'”’」』）]*)\s*""")
_CLAUSE = re.compile(r"(?<=[,;:])\s+|(?<=[，、；：])\s*|\s+(?=[–—-]\s)")
_WORD = re.compile(r"\s+")


@dataclass(frozen=True)
class Segment:
    """A part of a line; `within_word` if it begins inside a word that the segment before began."""

    text: str
    within_word: bool = False


def split(text: str, limit: int, count: Count) -> list[Segment]:
    """Parts of at most `limit` subwords which, read in order, are all of the text but the space between them.

    Cut after every sentence; a sentence that is too long, at as few clauses, else words, as the limit allows;
    a word that is too long (or text without spaces), in halves. A single character is never cut, whatever it takes.
    """
    if count([text])[0] <= limit:
        return [Segment(text)]
    return list(_sentences(text, limit, count))


def _sentences(text: str, limit: int, count: Count) -> Iterator[Segment]:
    for start, end in _spans(_SENTENCE, text, 0, len(text)):
        for start_, end_ in _fitting(text, (start, end), (_CLAUSE, _WORD), limit, count):
            inside = start_ > 0 and not text[start_ - 1].isspace() and not text[start_].isspace()
            yield Segment(text[start_:end_], inside)


def _fitting(
    text: str, span: tuple[int, int], boundaries: tuple[re.Pattern[str], ...], limit: int, count: Count
) -> Iterator[tuple[int, int]]:
    """Cut a span at the first kind of boundary, as seldom as possible; what is still too long at the next kind."""
    start, end = span
    if count([text[start:end]])[0] <= limit:
        yield span
    elif boundaries:
        for packed in _pack(text, list(_spans(boundaries[0], text, start, end)), limit, count):
            yield from _fitting(text, packed, boundaries[1:], limit, count)
    elif end - start > 1:
        middle = _middle(text, start, end)
        for half in ((start, middle), (middle, end)):
            yield from _fitting(text, half, (), limit, count)
    else:
        yield span


def _spans(boundary: re.Pattern[str], text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the parts between boundaries begin and end; closing quotes stay with what they close."""
    for match in boundary.finditer(text, start, end):
        closed = match.start() + len(match[0].rstrip())
        if closed > start:
            yield start, closed
        start = match.end()
    if start < end:
        yield start, end


def _pack(text: str, spans: list[tuple[int, int]], limit: int, count: Count) -> Iterator[tuple[int, int]]:
    """Neighbouring spans joined for as long as their subwords, counted apart, stay within the limit."""
    sizes = count([text[start:end] for start, end in spans])
    first, total = 0, 0
    for i, size in enumerate(sizes):
        if i > first and total + size > limit:
            yield spans[first][0], spans[i - 1][1]
            first, total = i, 0
        total += size
    if spans:
        yield spans[first][0], spans[-1][1]


def _middle(text: str, start: int, end: int) -> int:
    """The middle of a span, moved on while it would part a character from its accent."""
    middle = (start + end) // 2
    while middle + 1 < end and unicodedata.combining(text[middle]):
        middle += 1
    return middle
