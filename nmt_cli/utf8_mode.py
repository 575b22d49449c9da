"""Python's UTF-8 mode, whatever the locale."""

import os
import sys
from pathlib import Path

COMMAND_LINE = Path("/proc/self/cmdline")
"""The arguments of this process as bytes, on Linux."""


def ensure_utf8_mode() -> None:
    """Start the program again in UTF-8 mode if the locale has another encoding, such as EUC-KR.

    Python decodes arguments and file names with the encoding of the locale, and then cannot encode every one of them
    again. In UTF-8 mode, text in UTF-8 is understood, and file names of any bytes lead to their file.
    """
    if sys.getfilesystemencoding() == "utf-8" or not COMMAND_LINE.exists():
        return
    _, *arguments = COMMAND_LINE.read_bytes().removesuffix(b"\0").split(b"\0")
    os.execv(sys.executable, [os.fsencode(sys.executable), b"-X", b"utf8", *arguments])
