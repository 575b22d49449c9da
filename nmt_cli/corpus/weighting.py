"""How often an epoch draws each pair of a weighted corpus, and the order of its batches."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]

WINDOW = 64
"""Batches among which the next one is chosen."""


class Weighted(Protocol):
    """A corpus: its number of pairs in train, and its weight."""

    @property
    def pairs(self) -> int: ...

    @property
    def weight(self) -> float: ...


def draws(corpus: Weighted) -> int:
    """Pairs that an epoch draws from a corpus: weight times pairs, rounded, and at least one if it has any."""
    whole, rest = _copies(corpus)
    return whole * corpus.pairs + rest


def _copies(corpus: Weighted) -> tuple[int, int]:
    """How often every pair is drawn, and the number of pairs that are drawn once more."""
    whole, fraction = divmod(corpus.weight, 1)
    rest = round(fraction * corpus.pairs)
    return int(whole), rest if whole or rest else min(1, corpus.pairs)


def shares(corpora: Sequence[Weighted]) -> list[float]:
    """The fraction of an epoch's draws that each corpus has."""
    counts = [draws(corpus) for corpus in corpora]
    return [count / max(1, sum(counts)) for count in counts]


def draw_epoch(corpora: Sequence[Weighted], order: np.random.Generator) -> Rows | None:
    """The rows of one epoch: every pair as often as its weight has whole units, and for the fraction a fresh sample
    without replacement. None, without a draw, if every weight is 1: then an epoch is every row once.

    The corpora follow each other in the rows of train.
    """
    if all(corpus.weight == 1 for corpus in corpora):
        return None
    parts = []
    first = 0
    for corpus in corpora:
        rows = np.arange(first, first + corpus.pairs)
        whole, rest = _copies(corpus)
        parts += [rows] * whole
        parts.append(order.choice(rows, rest, replace=False) if rest else rows[:0])
        first += corpus.pairs
    return np.concatenate(parts)


def mix_evenly(batches: Sequence[Rows], corpora: Sequence[Weighted]) -> list[Rows]:
    """Reorder the batches of an epoch so that every stretch of it has the shares of the whole.

    Batches hold pairs of similar length, so that one may come from a single corpus; in random order, the shares of the
    first 10,000 draws would be off by several percent. Of the next WINDOW batches, each time the one follows that
    brings the draws so far nearest to the shares of the epoch.
    """
    ends = np.cumsum([corpus.pairs for corpus in corpora])
    counts = np.array([np.bincount(np.searchsorted(ends, rows, "right"), minlength=len(ends)) for rows in batches])
    target = counts.sum(0) / counts.sum()
    window, following = list(range(min(WINDOW, len(batches)))), WINDOW
    excess = np.zeros(len(ends))  # draws of each corpus so far, beyond its share
    ordered = []
    while window:
        after = excess + counts[window] - np.outer(counts[window].sum(1), target)
        best = int(np.abs(after).max(1).argmin())
        excess = after[best]
        ordered.append(batches[window.pop(best)])
        if following < len(batches):
            window.append(following)
            following += 1
    return ordered
