"""Find the line at which two files that should be parallel become misaligned."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmt_cli.corpus.text_io import SEPARATORS

_LEAST_EVIDENCE = 20
"""Minimum lines on either side of a change; with fewer it may be chance."""


@dataclass(frozen=True)
class Suspicion:
    """A line at which two files may have become misaligned; `side` is 0 for the source, 1 for the target."""

    line: int
    side: int
    reason: str


def first_suspicious_line(source: Iterable[str], target: Iterable[str]) -> Suspicion | None:
    """The first line that contains a separator (see SEPARATORS), or else the line from which the lengths disagree.

    The lengths disagree from the line at which the mean distance of the log length ratio from its median increases
    most. Takes 8 bytes of memory per line.
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
        if match := SEPARATORS.search(text):
            reason = f"it contains U+{ord(match[0]):04X}, which other programs treat as a line end"
            return Suspicion(number, side, reason)
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
    change = int(np.argmax(gain))
    if means[1][change] < 1.5 * means[0][change] + 0.05:
        return None
    return Suspicion(change + 2, 0, "from about here on the lengths of the two sides no longer agree")
