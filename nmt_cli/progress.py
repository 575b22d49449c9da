"""Telling the user what goes on."""

import time
from collections.abc import Callable

SECONDS = 10.0
"""Between two lines about the same work."""

Say = Callable[[str], None]
"""Takes a line that tells the user what goes on."""


class ProgressLog:
    """Says how far some work is, but not too often."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._last = time.monotonic()

    def __call__(self, line: Callable[[], str]) -> None:
        """Say this line, if it is time for one."""
        now = time.monotonic()
        if now - self._last >= SECONDS:
            self._last = now
            self._say(line())
