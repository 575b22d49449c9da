"""Splits a text that is too long for the model into segments, at sentence ends where possible."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Count = Callable[[list[str]], list[int]]
"""Counts the subwords of each text."""

_SENTENCE = re.compile(r"""(?<=[.!?…])(?:["'”’»)\]]*)\s+|(?<=[。！？])(?:["'”’」』）]*)\s*""")
_CLAUSE = re.compile(r"(?<=[,;:])\s+|(?<=[，、；：])\s*|\s+(?=[–—-]\s)")
_WORD = re.compile(r"\s+")


@dataclass(frozen=True)
class Segment:
    """A segment of a line; `within_word` if no space separates it from the previous segment."""

    text: str
    within_word: bool = False


def split(text: str, limit: int, count: Count) -> list[Segment]:
    """Split a text into segments of at most `limit` subwords; joined, they are the text without the spaces at the cuts.

    The text is cut after every sentence; a sentence over the limit between clauses, or else words, with as few cuts as
    the limit allows; a word over the limit (or text without spaces) into halves. A single character is never cut, even
    if it takes more subwords than the limit.
    """
    if count([text])[0] <= limit:
        return [Segment(text)]
    return list(_sentences(text, limit, count))


def _sentences(text: str, limit: int, count: Count) -> Iterator[Segment]:
    for start, end in _spans(_SENTENCE, text, 0, len(text)):
        for start_, end_ in _fitting(text, (start, end), (_CLAUSE, _WORD), limit, count):
            within_word = start_ > 0 and not text[start_ - 1].isspace() and not text[start_].isspace()
            yield Segment(text[start_:end_], within_word)


def _fitting(
    text: str, span: tuple[int, int], boundaries: tuple[re.Pattern[str], ...], limit: int, count: Count
) -> Iterator[tuple[int, int]]:
    """Cut a span at the first kind of boundary, with as few cuts as possible; spans that are still too long are cut at
    the next kind."""
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
    """Start and end of the spans between boundaries; closing quotes stay with the sentence that they close."""
    for match in boundary.finditer(text, start, end):
        closed = match.start() + len(match[0].rstrip())
        if closed > start:
            yield start, closed
        start = match.end()
    if start < end:
        yield start, end


def _pack(text: str, spans: list[tuple[int, int]], limit: int, count: Count) -> Iterator[tuple[int, int]]:
    """Join neighbouring spans as long as the sum of their subwords, counted for each span, stays within the limit."""
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
    """The middle of a span, moved forward if it would separate a character from its combining accents."""
    middle = (start + end) // 2
    while middle + 1 < end and unicodedata.combining(text[middle]):
        middle += 1
    return middle
