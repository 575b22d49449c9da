"""Detects loops in a translation: tokens that are repeated over and over without a break."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

MIN_REPEATS = 3
"""Least number of consecutive repetitions that counts as a loop."""


@dataclass(frozen=True)
class Loop:
    """`size` items from `start` on, repeated `times` times in a row."""

    start: int
    size: int
    times: int


def longest_loop(items: Sequence[Hashable]) -> Loop | None:
    """The items repeated most often in a row, at least MIN_REPEATS times; of ties the shortest, then the first."""
    best: Loop | None = None
    if len(items) - len(set(items)) < MIN_REPEATS - 1:
        return None
    numbers: dict[Hashable, int] = {}
    ids = np.array([numbers.setdefault(item, len(numbers)) for item in items])
    for size in range(1, len(items) // MIN_REPEATS + 1):
        if np.count_nonzero(ids[size:] == ids[:-size]) < (MIN_REPEATS - 1) * size:
            continue  # most sizes: too few items are equal to those before them
        matches = 0
        for i in range(size, len(items)):
            matches = matches + 1 if items[i] == items[i - size] else 0
            times = matches // size + 1
            if times >= MIN_REPEATS and (best is None or times > best.times):
                best = Loop(i + 1 - times * size, size, times)
    return best


def find_loop(target: Sequence[Hashable], source: Sequence[Hashable]) -> Loop | None:
    """The loop in a translation, unless its source repeats something as often ("no, no, no, no")."""
    loop = longest_loop(target)
    if loop is None:
        return None
    source_loop = longest_loop(source)
    return None if source_loop is not None and source_loop.times >= loop.times else loop
