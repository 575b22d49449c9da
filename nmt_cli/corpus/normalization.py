"""Text normalisation, applied to all text before tokenizers and metrics.

It is a Unicode normalisation form, which is stored with the corpus and the model, and one rule for white space:
characters that some programs treat as the end of a line or field (tab, form feed, U+0085, U+2028, ...) become a space,
and so does U+2581, which SentencePiece uses for a space. All other characters, including no-break and ideographic
spaces, are unchanged.
"""

import re
import unicodedata
from typing import Literal

Form = Literal["nfc", "nfkc", "none"]

SPACE = "\u2581"
"""SentencePiece's symbol for a space inside a piece."""

_BREAKS = re.compile(f"[\t\n\x0b\x0c\r\x1c-\x1f\x85\u2028\u2029{SPACE}]")


def normalize(text: str, form: Form) -> str:
    """Text in this Unicode form and on a single line (see `single_line`).

    Idempotent: normalize(normalize(text, form), form) == normalize(text, form).
    """
    return single_line(text if form == "none" else unicodedata.normalize("NFC" if form == "nfc" else "NFKC", text))


def single_line(text: str) -> str:
    """Replace characters that some program may treat as the end of a line or field by spaces."""
    if text.isprintable() and SPACE not in text:  # true for almost all text, and much faster than the search
        return text
    return _BREAKS.sub(" ", text)
