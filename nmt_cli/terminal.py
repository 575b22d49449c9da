"""The one place that prints lines: what a terminal would obey instead of showing is escaped.

Names of files, manifests and texts come from strangers. A control character in them could move the cursor, rewrite
lines that were printed, or change the terminal's title; a bidirectional one could reorder what is read.
"""

import re
import sys
from contextlib import suppress
from typing import TextIO

_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but for tab and newline, line separators, bidirectional controls, and lone surrogates."""


def escape(text: str) -> str:
    """Text whose control characters are written as in Python and JSON, such as \\u001b.

    Bytes of UTF-8 that Python's surrogateescape kept, as of arguments in another locale, become characters again.
    """
    with suppress(UnicodeEncodeError):  # other lone surrogates
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    return _OBEYED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def say(text: str = "", file: TextIO | None = None) -> None:
    """Print text and a newline to standard output, or to `file`, escaped."""
    print(escape(text), file=file or sys.stdout, flush=file is sys.stderr)  # the one place


def say_error(text: str) -> None:
    """Print text and a newline to standard error, escaped."""
    say(text, sys.stderr)
