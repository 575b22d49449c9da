"""Bytes to lines: only a line feed ends a line, and nothing is changed or lost without being counted."""

import bz2
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, cast

import zstandard

from nmt_cli.errors import CorpusError

BLOCK = 1 << 20
LONGEST = 1 << 26
"""Bytes in a line beyond which a file is no text file."""

OnInvalid = Literal["error", "replace"]

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
SEPARATORS = re.compile("[\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029]")
"""Characters that other programs take for a line end."""
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_DAMAGED = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, zstandard.ZstdError)


@dataclass
class TextFile:
    """A file to read, under the name that the user knows it by, and what was met while reading it."""

    path: Path
    name: str = ""
    suffix: str = ""
    """How it is compressed: .gz, .bz2, .xz, .zst or nothing."""
    lines: int = 0
    byte_order_marks: int = 0
    carriage_returns: int = 0
    invalid_bytes: int = 0
    header: int = 0
    """Lines of a header, which is no pair (TSV and CSV only)."""
    joined: int = 0
    """Segments that held a line break, which became a space (CSV, JSON Lines and TMX only)."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Records that are no pair of these languages, by reason."""

    def __post_init__(self) -> None:
        self.name = self.name or str(self.path)
        self.suffix = self.suffix or (self.path.suffix if self.path.suffix in OPENERS else "")


def read_blocks(file: TextFile) -> Iterator[bytes]:
    """The decompressed content of a file, block by block. Raises CorpusError if it cannot be read."""
    try:
        with open(file.path, "rb") as raw:
            yield from OPENERS[file.suffix](raw)
    except _DAMAGED as error:
        raise _damaged(file, error) from None
    except IsADirectoryError:
        raise CorpusError(f"{file.name}: is a folder; name a file or a prefix of files in it") from None
    except FileNotFoundError:
        raise CorpusError(f"{file.name}: no such file") from None
    except OSError as error:
        if error.errno is None:  # bz2 says so
            raise _damaged(file, error) from None
        raise CorpusError(f"{file.name}: cannot be read: {error.strerror}") from None


def _damaged(file: TextFile, error: Exception) -> CorpusError:
    return CorpusError(f"{file.name}: damaged or cut short {file.suffix} file ({error}); get it again")


def read_lines(file: TextFile, invalid: OnInvalid = "error") -> Iterator[str]:
    r"""The lines of a UTF-8 text file, without their `\n`.

    U+2028, U+0085, form feeds and the like stay inside their line. A byte order mark at the start and one
    `\r` at the end of a line go and are counted in `file`, and so are bytes that are not UTF-8 when they are
    to be replaced by U+FFFD. Memory holds a block, whatever the size of the file.
    Raises CorpusError naming file, line and byte offset of the first byte that is not UTF-8.
    """
    offset = 0
    for part in whole_lines(file):
        text = _decode(part, offset, file, invalid)
        offset += len(part)
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        if "\r" in text:
            lines = [_strip_return(line, file) for line in lines]
        file.lines += len(lines)
        yield from lines


def whole_lines(file: TextFile) -> Iterator[bytes]:
    """Blocks that end where a line ends, but for the end of the file; the byte order mark is left in. Raises
    CorpusError if the file cannot be read, or is no text."""
    parts: list[bytes] = []
    waiting = 0
    first = True
    for block in read_blocks(file):
        if first:
            _refuse_other_encodings(block, file)
            first = False
        cut = block.rfind(b"\n") + 1
        if cut:
            yield b"".join([*parts, block[:cut]])
            parts, waiting = [], 0
        parts.append(block[cut:])
        waiting += len(block) - cut
        if waiting > LONGEST:
            raise CorpusError(
                f"{file.name}:{file.lines + 1}: a line of more than {LONGEST >> 20} MiB; this is no file of sentences"
            )
    if waiting:
        yield b"".join(parts)


def _refuse_other_encodings(block: bytes, file: TextFile) -> None:
    if block[:2] in _UTF16_MARKS:
        raise CorpusError(f"{file.name}: is UTF-16, not UTF-8; convert it with iconv -f UTF-16 -t UTF-8")
    if 4 * block.count(0) > len(block):
        raise CorpusError(f"{file.name}: more than a quarter of it is NUL bytes; this is no UTF-8 text (UTF-16?)")


def _decode(part: bytes, offset: int, file: TextFile, invalid: OnInvalid) -> str:
    if offset == 0 and part.startswith(BYTE_ORDER_MARK):
        file.byte_order_marks += 1
        part = part[len(BYTE_ORDER_MARK) :]
        offset = len(BYTE_ORDER_MARK)
    try:
        return part.decode()
    except UnicodeDecodeError as error:
        if invalid == "replace":
            text = part.decode(errors="replace")
            file.invalid_bytes += text.count("\ufffd") - part.count("\ufffd".encode())
            return text
        line = file.lines + part.count(b"\n", 0, error.start) + 1
        place = offset + error.start
        raise CorpusError(
            f"{file.name}:{line}: byte 0x{part[error.start]:02X} at byte offset {place} is not UTF-8; "
            "convert the file, or let nmt preprocess replace such bytes with --invalid-utf8 replace"
        ) from None


def _strip_return(line: str, file: TextFile) -> str:
    if line.endswith("\r"):
        file.carriage_returns += 1
        return line[:-1]
    return line


def _plain(raw: IO[bytes]) -> Iterator[bytes]:
    while block := raw.read(BLOCK):
        yield block


def _through(opener: Callable[[IO[bytes]], object]) -> Callable[[IO[bytes]], Iterator[bytes]]:
    return lambda raw: _plain(cast(io.BufferedIOBase, opener(raw)))  # type: ignore[arg-type]


def _zstandard(raw: IO[bytes]) -> Iterator[bytes]:
    """Every frame in turn; unlike the library's own stream reader, a file that was cut short is an error."""
    decoder = zstandard.ZstdDecompressor().decompressobj()
    begun = False
    for block in _plain(raw):
        while block:
            if decoder.eof:
                decoder = zstandard.ZstdDecompressor().decompressobj()
            yield decoder.decompress(block)
            begun = True
            block = decoder.unused_data
    if begun and not decoder.eof:
        raise EOFError("the last frame does not end")


OPENERS: dict[str, Callable[[IO[bytes]], Iterator[bytes]]] = {
    "": _plain,
    ".gz": _through(lambda raw: gzip.GzipFile(fileobj=raw)),
    ".bz2": _through(bz2.BZ2File),
    ".xz": _through(lzma.LZMAFile),
    ".zst": _zstandard,
}
"""How to read a file, by the end of its name."""
