"""Names of files as file systems have them: decomposed accents and syllables (macOS), and bytes that are not UTF-8."""

import os
import unicodedata
from pathlib import Path
from typing import Literal

from nmt_cli.errors import NMTError


def readable(name: str | Path) -> str:
    r"""The name as text: bytes that are not UTF-8 are written as \xb0."""
    return os.fsencode(name).decode(errors="backslashreplace")


def existing_form(path: Path) -> Path:
    """The path as it exists, with composed or decomposed characters; the path itself if neither exists."""
    if str(path).isascii() or path.exists():
        return path
    forms: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
    for form in forms:
        whole, name = (unicodedata.normalize(form, text) for text in (str(path), path.name))
        for candidate in (Path(whole), path.parent / name):
            if candidate.exists():
                return candidate
    return path


def check_utf8(path: Path, error: type[NMTError]) -> None:
    """Raise this error if the name of a folder to write is not UTF-8, which PyArrow and safetensors cannot open."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise error(f"{readable(path)}: the name of the folder is not UTF-8; choose another --out") from None
