"""Documents that may come from a stranger: size, nesting and values are checked before they are believed.

These functions raise OSError if a file cannot be read, and ValueError, with a reason for the user, if its content is
refused. The caller adds the file and the remedy.
"""

import json
import math
import os
import stat
import tomllib
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any

from pydantic import ValidationError

MAX_MANIFEST = 1 << 20
"""Bytes of a manifest; ours have a few thousand."""
MAX_OPTIONS = 1 << 16
"""Bytes of a file of options; ours have about one thousand."""
MAX_HEADER = 1 << 22
"""Bytes of the header of a tensor file; ours have some tens of thousands."""
MAX_DEPTH = 12
"""Levels of nesting in a document."""
MAX_DOTS = 256
"""Dots in one line of TOML: tomllib needs memory that is quadratic in the parts of a dotted key."""


def open_file(path: Path, folder: Path | None = None) -> BufferedReader:
    """Open a regular file. Raises OSError for anything else, such as a pipe, which might never end, or a device.

    With `folder`, the file must lie in it: a link that leads out of the folder is refused.
    """
    if folder is not None and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise OSError(f"a link that leads out of {folder}")
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError("not a regular file")
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_file(path: Path, limit: int, folder: Path | None = None) -> bytes:
    """Read a regular file of at most `limit` bytes (see `open_file`)."""
    with open_file(path, folder) as file:
        content = file.read(limit + 1)
    return _within(content, limit)


def _within(content: bytes, limit: int) -> bytes:
    if len(content) > limit:
        raise ValueError(f"longer than {limit:,} bytes")
    return content


def parse_json(content: bytes | str) -> Any:
    """Parse JSON of finite numbers, at most MAX_DEPTH levels deep."""
    try:
        parsed = json.loads(content, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not valid JSON: {error}") from None
    except ValueError as error:  # an integer of too many digits, a constant, or not UTF-8
        raise ValueError(f"not valid JSON: {_first_line(error)}") from None
    check_values(parsed)
    return parsed


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def read_options_file(path: Path) -> bytes:
    """The content of a file of options that the user named, which may be a pipe."""
    with open(path, "rb") as file:
        return _within(file.read(MAX_OPTIONS + 1), MAX_OPTIONS)


def parse_toml(content: bytes) -> dict[str, Any]:
    """Parse TOML of finite numbers, at most MAX_DEPTH levels deep."""
    text = content.decode("utf-8")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > MAX_DOTS:
            raise ValueError(f"line {number} has more than {MAX_DOTS} dots; use shorter lines")
    try:
        parsed = tomllib.loads(text.replace("\r\n", "\n"))
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:  # also an integer of too many digits
        raise ValueError(f"not valid TOML: {_first_line(error)}") from None
    check_values(parsed)
    return parsed


def check_values(document: Any) -> None:
    """Raise ValueError unless a parsed document has at most MAX_DEPTH levels, its integers have 64 bits, its other
    numbers are finite, and its text can be encoded as UTF-8."""
    level = [document]
    for _ in range(MAX_DEPTH):
        if not level:
            return
        level = [part for value in level for part in _parts(value)]
    raise ValueError(f"nested deeper than {MAX_DEPTH} levels")


def _parts(value: Any) -> list[Any]:
    """The values within a value, which itself is checked."""
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    if isinstance(value, list):
        return value
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("an integer has more than 64 bits")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number is not finite")
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("text holds half of a surrogate pair") from None
    return []


def first_problem(error: ValidationError) -> str:
    """Where the first value of a document is that does not fit its schema, and why: "at KEY: REASON"."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"])) or "the top"
    return _shorten(f"at {where}: {first['msg']}")


def _first_line(error: Exception) -> str:
    return _shorten(str(error).split("\n")[0])


def _shorten(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "..."
