"""Read text files as lines: only a line feed ends a line, and every change to the text is counted."""

import bz2
import gzip
import io
import lzma
import re
import shlex
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, cast

import zstandard

from nmt_cli.corpus.encodings import decode_blocks, is_mostly_invalid, likely_encodings
from nmt_cli.errors import CorpusError
from nmt_cli.file_names import existing_form, readable
from nmt_cli.system_errors import explain

BLOCK = 1 << 20
"""Bytes read at a time."""
MAX_LINE_BYTES = 1 << 26
"""Maximum bytes of a line; a file with a longer one is not accepted as text."""

OnInvalid = Literal["error", "replace"]

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
SEPARATORS = re.compile("[\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029]")
"""Characters that other programs treat as a line end."""
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_INNER_RETURN = re.compile(rb"[^\r]\r(?=[^\r])")
_LOOKED_AT = 1 << 16
_MANY_INVALID = 20
"""Invalid bytes in a block from which it may be text in another encoding."""
_MOSTLY = 3
"""One over the share of characters that may be replaced."""
_LEAST_TEXT = 16
"""Bytes from which an encoding is told; fewer may be any."""
NEWLINE = b"\n"
_DAMAGED = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, zstandard.ZstdError)


@dataclass
class TextFile:
    """A file to read, its name in messages, and counts of what was found while reading it."""

    path: Path
    name: str = ""
    suffix: str = ""
    """Compression: .gz, .bz2, .xz, .zst or an empty string."""
    encoding: str = ""
    """Encoding to read it in; by default UTF-8."""
    lines: int = 0
    byte_order_marks: int = 0
    carriage_returns: int = 0
    invalid_bytes: int = 0
    header: int = 0
    """Number of header lines (TSV and CSV only)."""
    chosen: str = ""
    """The columns or keys that hold the two sides (TSV, CSV and JSON Lines only)."""
    joined_lines: int = 0
    """Segments with a line break, which became a space (CSV, JSON Lines and TMX only)."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Number of skipped records, by reason."""
    first_left_out: dict[str, int] = field(default_factory=dict)
    """Line of the first skipped record, by reason."""
    gaps: list[int] = field(default_factory=list)
    """For each skipped record that is a line, the number of pairs before it."""

    def __post_init__(self) -> None:
        self.name = readable(self.name or self.path)
        self.path = existing_form(self.path)
        self.suffix = self.suffix or (self.path.suffix if self.path.suffix in OPENERS else "")

    def leave_out(self, reason: str, line: int) -> None:
        """Count a skipped record that ends on this line."""
        self.left_out[reason] = self.left_out.get(reason, 0) + 1
        self.first_left_out.setdefault(reason, line)


def read_blocks(file: TextFile) -> Iterator[bytes]:
    """Yield the decompressed content of a file in blocks. Raises CorpusError if it cannot be read."""
    try:
        with open(file.path, "rb") as raw:
            yield from OPENERS[file.suffix](raw)
    except _DAMAGED as error:
        raise _damaged(file, error) from None
    except IsADirectoryError:
        raise CorpusError(f"{file.name}: is a folder; give a file or a prefix of files in it") from None
    except FileNotFoundError:
        raise CorpusError(f"{file.name}: no such file") from None
    except OSError as error:
        if error.errno is None:  # bz2 raises OSError without errno for damaged data
            raise _damaged(file, error) from None
        raise CorpusError(f"{file.name}: cannot be read: {explain(error)}") from None


def _damaged(file: TextFile, error: Exception) -> CorpusError:
    return CorpusError(f"{file.name}: damaged or truncated {file.suffix} file ({error}); download or copy it again")


def read_lines(file: TextFile, invalid: OnInvalid = "error") -> Iterator[str]:
    r"""Yield the lines of a text file, without their `\n`. It is UTF-8 unless `file.encoding` names another encoding.

    Other separators such as U+2028, U+0085 and form feeds do not end a line. Byte order marks and one
    `\r` at the end of a line are removed and counted in `file`; with `invalid` "replace", bytes that are not UTF-8
    become U+FFFD and are counted too. Memory holds one block, whatever the size of the file.
    Raises CorpusError naming file, line and byte offset of the first byte that is not UTF-8.
    """
    offset = 0
    for part in whole_lines(file, invalid):
        text = _decode(part, offset, file, invalid)
        offset += len(part)
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        if "\r" in text:
            lines = [_strip_return(line, file) for line in lines]
        file.lines += len(lines)
        yield from lines


def whole_lines(file: TextFile, invalid: OnInvalid = "error") -> Iterator[bytes]:
    """Yield blocks of whole lines, byte order mark included; the last line may lack its line feed. Text of another
    encoding is converted to UTF-8. Raises CorpusError if the file cannot be read or is not text."""
    parts: list[bytes] = []
    pending = 0
    first = True
    for block in _in_utf8(file, invalid):
        if first:
            _refuse_other_encodings(block, file)
            first = False
        cut = block.rfind(b"\n") + 1
        if cut:
            yield b"".join([*parts, block[:cut]])
            parts, pending = [], 0
        parts.append(block[cut:])
        pending += len(block) - cut
        if pending > MAX_LINE_BYTES:
            raise CorpusError(
                f"{file.name}:{file.lines + 1}: a line of more than {MAX_LINE_BYTES >> 20} MiB; "
                "it is not a file of sentences"
            )
    if pending:
        yield b"".join(parts)


def _in_utf8(file: TextFile, invalid: OnInvalid) -> Iterator[bytes]:
    if not file.encoding:
        yield from read_blocks(file)
        return
    for text in decode_blocks(file.name, read_blocks(file), file.encoding, invalid == "replace"):
        file.invalid_bytes += text.count("\ufffd") if invalid == "replace" else 0
        yield text.encode(errors="replace")


def _refuse_other_encodings(block: bytes, file: TextFile) -> None:
    if block[:2] in _UTF16_MARKS:
        raise CorpusError(f"{file.name}: is UTF-16, not UTF-8; {_conversion(file, 'UTF-16')}")
    if b"\n" not in block and len(_INNER_RETURN.findall(block[:_LOOKED_AT])) > 1:
        raise CorpusError(
            f"{file.name}: its lines end in a carriage return only, as on an old Mac; convert them with "
            f"tr '\\r' '\\n' < {shlex.quote(file.name)} > NEW"
        )
    if 4 * block.count(0) > len(block):
        raise CorpusError(f"{file.name}: more than a quarter of it is NUL bytes; it is not UTF-8 text (UTF-16?)")


def _conversion(file: TextFile, encoding: str) -> str:
    """How to read a file in this encoding."""
    return (
        f"convert it with iconv -f {encoding.upper()} -t UTF-8 {shlex.quote(file.name)} > NEW (nmt preprocess reads "
        f"it with --encoding {encoding.lower()})"
    )


def _decode(part: bytes, offset: int, file: TextFile, invalid: OnInvalid) -> str:
    """Decode UTF-8. Byte order marks, which joined files have inside too, are removed and counted."""
    try:
        text = part.decode()
    except UnicodeDecodeError as error:
        line = file.lines + part.count(b"\n", 0, error.start) + 1
        if invalid == "error":
            raise CorpusError(
                f"{file.name}:{line}: byte 0x{part[error.start]:02X} at byte offset {offset + error.start} is not "
                f"UTF-8; {_explain_invalid(part[part.rfind(NEWLINE, 0, error.start) + 1 :], file)}"
            ) from None
        text = part.decode(errors="replace")
        replaced = text.count("\ufffd") - part.count("\ufffd".encode())
        file.invalid_bytes += replaced
        if replaced >= _MANY_INVALID and _MOSTLY * replaced > len(text):
            raise CorpusError(
                f"{file.name}:{line}: most of its text is not UTF-8 and would be lost by --invalid-utf8 replace; "
                f"{_explain_invalid(part[part.rfind(NEWLINE, 0, error.start) + 1 :], file)}"
            ) from None
    if BYTE_ORDER_MARK in part:
        file.byte_order_marks += text.count("\ufeff")
        text = text.replace("\ufeff", "")
    return text


def _explain_invalid(rest: bytes, file: TextFile) -> str:
    """What to do with bytes that are not UTF-8: name the likely encoding if most of the text is in another one."""
    likely = likely_encodings(rest) if len(rest) >= _LEAST_TEXT and is_mostly_invalid(rest) else []
    if not likely:
        return "convert the file, or let nmt preprocess replace such bytes with --invalid-utf8 replace"
    return f"it looks like {' or '.join(likely)}; {_conversion(file, likely[0])}"


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
    """Decompress all frames; unlike zstandard's own stream reader, raise EOFError for a truncated file."""
    decoder = zstandard.ZstdDecompressor().decompressobj()
    started = False
    for block in _plain(raw):
        while block:
            if decoder.eof:
                decoder = zstandard.ZstdDecompressor().decompressobj()
            yield decoder.decompress(block)
            started = True
            block = decoder.unused_data
    if started and not decoder.eof:
        raise EOFError("the last frame does not end")


OPENERS: dict[str, Callable[[IO[bytes]], Iterator[bytes]]] = {
    "": _plain,
    ".gz": _through(lambda raw: gzip.GzipFile(fileobj=raw)),
    ".bz2": _through(bz2.BZ2File),
    ".xz": _through(lzma.LZMAFile),
    ".zst": _zstandard,
}
"""Block readers by compression suffix."""
