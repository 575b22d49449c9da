r"""Reads lines from a stream: only `\n` ends a line, invalid bytes are replaced, no line waits for a full window."""

import io
import os
import select
import stat
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nmt_cli.corpus.text_io import BYTE_ORDER_MARK, TextFile, read_blocks

CHUNK = 1 << 16
GROWTH = 8
"""Factor from one full window to the next."""
FILL_TIMEOUT = 0.02
"""Seconds to wait for more lines from a pipe once a window has begun: too short to notice, yet it fills batches."""


@dataclass(frozen=True)
class Line:
    """One line of input, `number` counted from 1, and what was changed in it."""

    number: int
    text: str
    prefix: str = ""
    """Text that its translation must begin with."""
    invalid_utf8: bool = False
    """Bytes that are not UTF-8 were replaced by U+FFFD."""
    carriage_return: bool = False
    """One carriage return at its end was dropped."""
    byte_order_mark: bool = False
    """A byte order mark was dropped from the start of the input, which is this line."""

    @classmethod
    def read(cls, number: int, content: bytes) -> "Line":
        """Decode a line from its bytes, without the line feed."""
        byte_order_mark = number == 1 and content.startswith(BYTE_ORDER_MARK)
        if byte_order_mark:
            content = content[len(BYTE_ORDER_MARK) :]
        carriage_return = content.endswith(b"\r")
        if carriage_return:
            content = content[:-1]
        try:
            text, invalid = content.decode(), False
        except UnicodeDecodeError:
            text, invalid = content.decode(errors="replace"), True
        return cls(number, text, "", invalid, carriage_return, byte_order_mark)


def count_lines(stream: "BinaryIO | FileStream") -> int | None:
    """Number of lines of a regular file that has not been read from yet; None for a terminal, a pipe or a stream in
    memory."""
    try:
        handle = stream.fileno()
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(handle).st_mode) or not hasattr(os, "pread"):
        return None
    offset, count, last = os.lseek(handle, 0, os.SEEK_CUR), 0, b"\n"
    while data := os.pread(handle, CHUNK, offset):
        offset, count, last = offset + len(data), count + data.count(b"\n"), data[-1:]
    return count + (last != b"\n")


class FileStream(io.RawIOBase):
    """Files and standard input (a path of -) one after the other as one stream, decompressed. A file whose last line
    has no line feed gets one, and a byte order mark at its start is dropped."""

    def __init__(self, paths: Sequence[Path], standard_input: BinaryIO) -> None:
        self._blocks = self._read_all(paths, standard_input)

    def _read_all(self, paths: Sequence[Path], standard_input: BinaryIO) -> Iterator[bytes]:
        for path in paths:
            last = b"\n"
            stream = iter(lambda: standard_input.read(CHUNK), b"") if str(path) == "-" else read_blocks(TextFile(path))
            for number, block in enumerate(stream):
                content = block.removeprefix(BYTE_ORDER_MARK) if number == 0 else block
                if content:
                    yield content
                    last = content[-1:]
            if last != b"\n":
                yield b"\n"

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """The next block, of any size; empty at the end of the last file."""
        return next(self._blocks, b"")


class LineReader:
    """Reads a stream in windows of at most `window` lines: the first has at most `first`, and a full window is followed
    by one of up to `GROWTH` times its size, so that output starts soon and later batches hold lines of similar length.

    A window is returned as soon as the stream has no more data for the moment: input from a terminal or from a program
    that waits for each answer is translated at once, while a file or a busy pipe fills the windows. Memory holds one
    window.
    """

    def __init__(self, stream: BinaryIO | FileStream, window: int, first: int | None = None) -> None:
        self.count = 0
        """Lines returned so far."""
        self.interactive = stream.isatty()
        """Whether the stream is a terminal."""
        self._stream = stream
        self._window = window
        self._size = window if first is None else min(first, window)
        self._lines: deque[bytes] = deque()
        self._unfinished = bytearray()  # a line whose line feed has not arrived yet
        self._at_end = False

    def windows(self) -> Iterator[list[Line]]:
        """Yield the lines, window by window, none of them empty."""
        while True:
            while not self._lines and not self._at_end:
                self._read()
            if not self._lines:
                return
            deadline = time.monotonic() + (0.0 if self.interactive else FILL_TIMEOUT)
            while len(self._lines) < self._size and not self._at_end and self._ready(deadline):
                self._read()
            window = self._next_window()
            if len(window) == self._size:
                self._size = min(GROWTH * self._size, self._window)
            yield window

    def _next_window(self) -> list[Line]:
        window = []
        for _ in range(min(self._size, len(self._lines))):
            self.count += 1
            window.append(Line.read(self.count, self._lines.popleft()))
        return window

    def _read(self) -> None:
        """Wait for data, and split it at line feeds."""
        data = self._stream.read1(CHUNK) if hasattr(self._stream, "read1") else self._stream.read(CHUNK)
        if not data:
            self._at_end = True
            if self._unfinished:
                self._lines.append(bytes(self._unfinished))
                self._unfinished.clear()
            return
        first, *more = data.split(b"\n")
        self._unfinished += first
        for content in more:
            self._lines.append(bytes(self._unfinished))
            self._unfinished[:] = content

    def _ready(self, deadline: float) -> bool:
        """Whether a read would not block, now or at some moment before `deadline`."""
        try:
            handle = self._stream.fileno()
        except OSError:  # a stream in memory never blocks
            return True
        try:
            return bool(select.select([handle], [], [], max(0.0, deadline - time.monotonic()))[0])
        except (OSError, ValueError):  # select does not support this stream: return the lines read so far
            return False
