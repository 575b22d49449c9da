"""One interface for messages and progress: on the terminal, in logs, and in programs that import the package.

Long work takes a `Progress` and reports to it. The class here writes to the logger `nmt_cli`, which shows only warnings
until the importing program or the command line adds a handler. Code without a `Progress` writes to the same logger.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOG_INTERVAL = 30.0
"""Minimum seconds between two lines about the same step."""

logger = logging.getLogger("nmt_cli")


class Step:
    """A counted piece of work. `total` is None if it is not known before the end; `unit` names what is counted."""

    def __init__(self, name: str, total: int | None, unit: str, on_advance: "Callable[[Step], None]") -> None:
        self.name = name
        self.total = total
        self.unit = unit
        self.done = 0
        self.started = time.monotonic()
        self._on_advance = on_advance

    def advance(self, units: int = 1) -> None:
        """Count `units` more as done."""
        self.done += units
        self._on_advance(self)

    @property
    def seconds(self) -> float:
        """How long the step has taken so far."""
        return time.monotonic() - self.started

    @property
    def rate(self) -> float:
        """Units done per second."""
        return self.done / max(self.seconds, 1e-3)

    @property
    def remaining(self) -> float | None:
        """Seconds to the end at this rate; None if the total is unknown or nothing is done yet."""
        return (self.total - self.done) / self.rate if self.total is not None and self.done else None


class Progress:
    """Receives the reports of long work: messages, warnings, and steps with a count."""

    def message(self, text: str) -> None:
        """Log a line of information."""
        logger.info(text)

    def warning(self, text: str) -> None:
        """Log a line about something that the user may want to change."""
        logger.warning(text)

    @contextmanager
    def step(self, name: str, total: int | None = None, unit: str = "lines", announce: bool = True) -> Iterator[Step]:
        """Yield a Step that counts the work of the block.

        Logs a line at the start, such as "encoding: 29,000 pairs", unless `announce` is False, and then at most one
        every `LOG_INTERVAL`.
        """
        logged_at = time.monotonic()

        def report(step: Step) -> None:
            nonlocal logged_at
            if (now := time.monotonic()) - logged_at >= LOG_INTERVAL:
                logged_at = now
                self.message(_line(step))

        if announce:
            self.message(name if total is None else f"{name}: {total:,} {unit}")
        yield Step(name, total, unit, report)


def _line(step: Step) -> str:
    of = "" if step.total is None else f" of {step.total:,}"
    left = "" if step.remaining is None else f", {clock(step.remaining)} left"
    return f"{step.name}: {step.done:,}{of} {step.unit}, {step.rate:,.0f} a second{left}"


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss or m:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
