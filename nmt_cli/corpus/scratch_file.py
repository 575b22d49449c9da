"""A temporary file of sentence pairs between two passes: each source line is followed by its target line."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

CHUNK = 8192
"""Pairs in a chunk."""

Pair = tuple[str, str]
Sides = tuple[list[str], list[str]]


@dataclass(frozen=True)
class Chunk:
    """A run of consecutive pairs in the file: first row, number of rows, byte offset and size."""

    first: int
    rows: int
    path: Path
    offset: int
    size: int

    def read(self) -> Sides:
        """Read the source segments and the target segments."""
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            lines = file.read(self.size).decode().split("\n")
        return lines[0:-1:2], lines[1:-1:2]


class ScratchFile:
    """Pairs written chunk by chunk and read back in any order; only the positions of the chunks are in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.chunks: list[Chunk] = []
        self.rows = 0
        self._size = 0
        self._file = open(path, "wb")  # noqa: SIM115  # closed by __exit__

    def append(self, pairs: list[Pair]) -> None:
        """Append a chunk. Segments must not contain line feeds."""
        content = "".join(f"{source}\n{target}\n" for source, target in pairs).encode()
        self._file.write(content)
        self.chunks.append(Chunk(self.rows, len(pairs), self.path, self._size, len(content)))
        self.rows += len(pairs)
        self._size += len(content)

    def pair(self, row: int) -> Pair:
        """Read one pair."""
        chunk = self.chunks[bisect_right(self.chunks, row, key=lambda c: c.first) - 1]
        source, target = chunk.read()
        return source[row - chunk.first], target[row - chunk.first]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def in_chunks(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    """Split pairs into lists of CHUNK; the last may be shorter."""
    remaining = iter(pairs)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk
