"""Whether the threads of a run have a core each: a program beside it that keeps one of two cores busy leaves training
with two threads a third of its speed, with one thread three fifths (`benchmarks/JOURNAL.md`). On Linux only."""

import time
from contextlib import suppress
from pathlib import Path

THREADS_DIR = Path("/proc/self/task")
"""A folder for each thread of this process, on Linux."""
BUSY_SHARE = 0.15
"""Share of their time that threads wait for a core from which it counts."""
CHECKS_IN_A_ROW = 3
"""Looks in a row that must show it: a moment is nobody's concern."""


def seconds_waited() -> float:
    """Seconds that this process's threads have been ready and without a core so far, all of them together; 0 where the
    system does not tell."""
    nanoseconds = 0
    for told in THREADS_DIR.glob("*/schedstat"):
        with suppress(OSError, IndexError, ValueError):  # a thread may end meanwhile
            nanoseconds += int(told.read_text(encoding="ascii").split()[1])  # after the time it had one
    return nanoseconds / 1e9


class Contention:
    """Watches how long so many threads wait. All of them work on every operation, so that one without a core holds up
    the others."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._clock, self._waited = time.monotonic(), seconds_waited()
        self._in_a_row = 0
        self._told = threads == 1

    def warning(self) -> str | None:
        """What a user should know of the time since the last look, in words; only once."""
        clock, total = time.monotonic(), seconds_waited()
        share = (total - self._waited) / (self._threads * max(clock - self._clock, 1e-9))
        self._clock, self._waited = clock, total
        self._in_a_row = self._in_a_row + 1 if share > BUSY_SHARE else 0
        if self._told or self._in_a_row < CHECKS_IN_A_ROW:
            return None
        self._told = True
        return (
            f"{self._threads} threads wait for a core {share:.0%} of the time, and at every operation for each other: "
            f"other programs keep the cores busy, or there are fewer; threads {self._threads - 1} may be much faster "
            "here (Ctrl-C, then resume with it)"
        )
