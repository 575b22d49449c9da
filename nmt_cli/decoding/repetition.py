"""Whether a text got stuck: something said again and again without a break."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

MIN_REPEATS = 3
"""Repetitions in a row that make a loop."""


@dataclass(frozen=True)
class Loop:
    """`size` items from `start` on, said `times` times in a row."""

    start: int
    size: int
    times: int


def longest_loop(items: Sequence[Hashable]) -> Loop | None:
    """The run of items said most often in a row, at least LEAST times; of equals the shortest, then the first."""
    best: Loop | None = None
    if len(items) - len(set(items)) < MIN_REPEATS - 1:
        return None
    for size in range(1, len(items) // MIN_REPEATS + 1):
        same = 0
        for i in range(size, len(items)):
            same = same + 1 if items[i] == items[i - size] else 0
            times = same // size + 1
            if times >= MIN_REPEATS and (best is None or times > best.times):
                best = Loop(i + 1 - times * size, size, times)
    return best


def find_loop(target: Sequence[Hashable], source: Sequence[Hashable]) -> Loop | None:
    """The loop in a translation, unless its source repeats something as often ("no, no, no, no")."""
    loop = longest_loop(target)
    if loop is None:
        return None
    said = longest_loop(source)
    return None if said is not None and said.times >= loop.times else loop
