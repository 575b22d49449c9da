"""Where two files that should run in parallel come apart."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmt_cli.corpus.text_io import SEPARATORS

_LEAST_EVIDENCE = 20
"""Lines on either side of a change below which it may be chance."""


@dataclass(frozen=True)
class Suspicion:
    """A line at which two files may have come apart; `side` is 0 for the source, 1 for the target."""

    line: int
    side: int
    reason: str


def first_suspicious_line(source: Iterable[str], target: Iterable[str]) -> Suspicion | None:
    """The first line that another program would have split, or else the one from which the lengths disagree.

    The lengths disagree from the line at which the typical distance of the length ratio from its median
    grows most. Takes 8 bytes of memory a line.
    """
    ratios = []
    separator: Suspicion | None = None
    for number, (s, t) in enumerate(itertools.zip_longest(source, target), 1):
        separator = separator or _separator(number, (s or "", t or ""))
        if s is not None and t is not None:
            ratios.append(float(np.log((len(s) + 1) / (len(t) + 1))))
    return separator or _change(np.asarray(ratios))


def _separator(number: int, pair: tuple[str, str]) -> Suspicion | None:
    for side, text in enumerate(pair):
        if found := SEPARATORS.search(text):
            return Suspicion(number, side, f"it holds U+{ord(found[0]):04X}, which other programs take for a line end")
    return None


def _change(ratios: npt.NDArray[np.float64]) -> Suspicion | None:
    lines = len(ratios)
    if lines < 2 * _LEAST_EVIDENCE:
        return None
    distance = np.abs(ratios - np.median(ratios))
    before = np.cumsum(distance)[:-1]
    counts = np.arange(1, lines)
    means = before / counts, (before[-1] + distance[-1] - before) / (lines - counts)
    gain = np.abs(means[1] - means[0]) * np.sqrt(counts * (lines - counts))
    gain[: _LEAST_EVIDENCE - 1] = gain[lines - _LEAST_EVIDENCE :] = 0
    place = int(np.argmax(gain))
    if means[1][place] < 1.5 * means[0][place] + 0.05:
        return None
    return Suspicion(place + 2, 0, "from about here on the lengths of the two sides no longer agree")
