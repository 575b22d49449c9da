r"""Lines in, as they come: only `\n` ends one, no byte is an error, and nobody waits for a window to fill."""

import select
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from nmt_cli.corpus.text_io import BYTE_ORDER_MARK

CHUNK = 1 << 16
PATIENCE = 0.02
"""Seconds that a pipe is given to add to a window that has begun: unnoticed, and batches are fuller for it."""


@dataclass(frozen=True)
class Line:
    """One line of input, `number` counted from 1, and what was done to it."""

    number: int
    text: str
    prefix: str = ""
    """How its translation must begin."""
    invalid_utf8: bool = False
    """Bytes that are no UTF-8 became U+FFFD."""
    carriage_return: bool = False
    """One carriage return at its end was dropped."""
    byte_order_mark: bool = False
    """A byte order mark at its beginning, which is that of the input, was dropped."""

    @classmethod
    def read(cls, number: int, content: bytes) -> "Line":
        """Make a line of its bytes, without the line feed."""
        marked = number == 1 and content.startswith(BYTE_ORDER_MARK)
        if marked:
            content = content[len(BYTE_ORDER_MARK) :]
        returned = content.endswith(b"\r")
        if returned:
            content = content[:-1]
        try:
            text, invalid = content.decode(), False
        except UnicodeDecodeError:
            text, invalid = content.decode(errors="replace"), True
        return cls(number, text, "", invalid, returned, marked)


class LineReader:
    """Reads a stream in windows of at most `window` lines.

    A window is given as soon as the stream has, for the moment, no more: what a terminal user types or another
    program asks is answered at once, while a file or a busy pipe fills its windows. Memory holds one window.
    """

    def __init__(self, stream: BinaryIO, window: int) -> None:
        self.count = 0
        """Lines given so far."""
        self.interactive = stream.isatty()
        """Whether somebody is typing."""
        self._stream = stream
        self._window = window
        self._lines: deque[bytes] = deque()
        self._begun = bytearray()  # a line whose end has not come yet
        self._ended = False

    def windows(self) -> Iterator[list[Line]]:
        """The lines, window by window, none of them empty."""
        while True:
            while not self._lines and not self._ended:
                self._read()
            if not self._lines:
                return
            until = time.monotonic() + (0.0 if self.interactive else PATIENCE)
            while len(self._lines) < self._window and not self._ended and self._ready(until):
                self._read()
            yield self._take()

    def _take(self) -> list[Line]:
        taken = []
        for _ in range(min(self._window, len(self._lines))):
            self.count += 1
            taken.append(Line.read(self.count, self._lines.popleft()))
        return taken

    def _read(self) -> None:
        """Wait for bytes, and cut them at line feeds."""
        found = self._stream.read1(CHUNK) if hasattr(self._stream, "read1") else self._stream.read(CHUNK)
        if not found:
            self._ended = True
            if self._begun:
                self._lines.append(bytes(self._begun))
                self._begun.clear()
            return
        first, *more = found.split(b"\n")
        self._begun += first
        for part in more:
            self._lines.append(bytes(self._begun))
            self._begun[:] = part

    def _ready(self, until: float) -> bool:
        """Whether reading would not wait, now or before `until`."""
        try:
            handle = self._stream.fileno()
        except OSError:  # a stream in memory has all that it will ever have
            return True
        try:
            return bool(select.select([handle], [], [], max(0.0, until - time.monotonic()))[0])
        except (OSError, ValueError):  # this system can only ask sockets: answer what is here
            return False
