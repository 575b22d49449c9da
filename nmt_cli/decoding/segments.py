"""Splits a text that is too long for the model into segments, at sentence ends where possible."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

Count = Callable[[list[str]], list[int]]
"""Counts the subwords of each text."""

_SENTENCE = re.compile(r"""(?<=[.!?…])(?:["'”’»)\]]*)\s+|(?<=[。！？])(?:["'”’」』）]*)\s*""")
_CLAUSE = re.compile(r"(?<=[,;:])\s+|(?<=[，、；：])\s*|(?<!\s)\s++(?=[–—-]\s)")
MOST_ACCENTS = 32
"""Combining characters that are kept with their letter; no writing system needs more."""
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
    text: str, span: tuple[int, int], boundaries: Sequence[re.Pattern[str]], limit: int, count: Count
) -> Iterator[tuple[int, int]]:
    """Cut a span at the first kind of boundary, with as few cuts as possible; spans that are still too long are cut at
    the next kind, and those without a boundary into halves."""
    fitting = count([text[span[0] : span[1]]])[0] <= limit
    pending = [(span, 0, fitting)]
    while pending:
        (start, end), level, fits = pending.pop()
        if fits or (level == len(boundaries) and end - start <= 1):
            yield start, end
            continue
        if level < len(boundaries):
            parts = list(_pack(text, list(_spans(boundaries[level], text, start, end)), limit, count))
            level += 1
        else:
            middle = _middle(text, start, end)
            parts = [(start, middle), (middle, end)]
        sizes = count([text[first:last] for first, last in parts])
        pending += [(part, level, size <= limit) for part, size in zip(reversed(parts), reversed(sizes), strict=True)]


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
    """The middle of a span, moved forward if it would separate a character from its combining accents, unless these
    are too many."""
    middle = (start + end) // 2
    for moved in range(middle, min(middle + MOST_ACCENTS, end)):
        if not unicodedata.combining(text[moved]):
            return moved
    return middle
