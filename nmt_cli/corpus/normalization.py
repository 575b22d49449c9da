"""Text normalisation, applied to all text before tokenizers and metrics.

It is a Unicode normalisation form, which is stored with the corpus and the model, and one rule for white space:
characters that some programs treat as the end of a line or field (tab, form feed, U+0085, U+2028, ...) become a space,
and so does U+2581, which SentencePiece uses for a space. A byte order mark (U+FEFF), which joined files have inside, is
removed. All other characters, including no-break and ideographic
spaces, are unchanged.
"""

import itertools
import re
import unicodedata
from typing import Literal

Form = Literal["nfc", "nfkc", "none"]

SPACE = "\u2581"
"""SentencePiece's symbol for a space inside a piece."""

_BREAKS = re.compile(f"[\t\n\x0b\x0c\r\x1c-\x1f\x85\u2028\u2029{SPACE}]")


LONG = 4096
"""Characters of a text from which its runs of combining characters are looked at."""
_LONG_RUN = 32

_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""What Unicode calls default-ignorable: soft hyphen, zero-width characters, joiners, marks of direction, fillers."""
_VISIBLE = re.compile(rf"[^\s{_INVISIBLE}]")

BYTE_ORDER_MARK = "\ufeff"


def is_blank(text: str) -> bool:
    """Whether a text has no visible character: it is empty, or all of it is white space or of no width."""
    return _VISIBLE.search(text) is None


def normalize(text: str, form: Form) -> str:
    """Text in this Unicode form and on a single line (see `single_line`).

    Idempotent: normalize(normalize(text, form), form) == normalize(text, form).
    """
    if form == "none":
        return single_line(text)
    return single_line(unicodedata.normalize("NFC" if form == "nfc" else "NFKC", _order_long_runs(text)))


def _order_long_runs(text: str) -> str:
    """The text with long runs of combining characters in canonical order, to which normalisation brings them too, but
    in quadratic time."""
    if len(text) < LONG or text.isascii():
        return text
    parts = []
    for is_run, group in itertools.groupby(text, lambda character: unicodedata.combining(character) > 0):
        part = "".join(group)
        if is_run and len(part) > _LONG_RUN:
            decomposed = "".join(unicodedata.normalize("NFD", character) for character in part)
            part = "".join(sorted(decomposed, key=unicodedata.combining))
        parts.append(part)
    return "".join(parts)


def single_line(text: str) -> str:
    """Replace characters that some program may treat as the end of a line or field by spaces; drop byte order marks."""
    if text.isprintable() and SPACE not in text:  # true for almost all text, and much faster than the search
        return text
    return _BREAKS.sub(" ", text.replace(BYTE_ORDER_MARK, ""))
