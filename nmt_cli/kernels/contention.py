"""Detects that training has fewer free CPU cores than threads, from the time that its threads wait for a core.

Used in training on a CPU, on Linux only. Beside another program that keeps one of two cores busy, training with two
threads falls to a third of its speed; with one thread it has three fifths of the speed that two threads have alone
(`benchmarks/JOURNAL.md`, "Training speed and memory").
"""

import time
from contextlib import suppress
from pathlib import Path

THREADS_DIR = Path("/proc/self/task")
"""On Linux, has one folder for each thread of this process."""
BUSY_SHARE = 0.15
"""Contention is when the threads wait for a core for more than this share of their time."""
CHECKS_IN_A_ROW = 3
"""Consecutive checks that must show contention before it is reported."""


def seconds_waited() -> float:
    """Total seconds that the threads of this process have been ready to run but without a core; 0 where the system does
    not report it."""
    nanoseconds = 0
    for schedstat in THREADS_DIR.glob("*/schedstat"):
        with suppress(OSError, IndexError, ValueError):  # the thread may have ended
            nanoseconds += int(schedstat.read_text(encoding="ascii").split()[1])  # time running, time waiting, ...
    return nanoseconds / 1e9


class Contention:
    """Measures how long the `threads` threads of training wait for a core. torch divides every operation among all of
    them, so one thread without a core delays the others."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._clock, self._waited = time.monotonic(), seconds_waited()
        self._consecutive = 0
        self._warned = threads == 1

    def warning(self) -> str | None:
        """Check the time since the last call. Warn, once, if contention has lasted `CHECKS_IN_A_ROW` calls."""
        clock, total = time.monotonic(), seconds_waited()
        share = (total - self._waited) / (self._threads * max(clock - self._clock, 1e-9))
        self._clock, self._waited = clock, total
        self._consecutive = self._consecutive + 1 if share > BUSY_SHARE else 0
        if self._warned or self._consecutive < CHECKS_IN_A_ROW:
            return None
        self._warned = True
        return (
            f"{self._threads} threads wait for a CPU core {share:.0%} of the time, because other programs use the "
            f"cores or there are fewer than {self._threads}; every operation waits for the slowest thread, so threads "
            f"{self._threads - 1} may be much faster here (stop with Ctrl-C, then resume with it)"
        )
