"""The one normalisation that every text goes through before it meets a tokenizer or a metric.

It is a Unicode normalisation form, recorded with the corpus and the model, and one rule about white space:
a character that would end a line or a field somewhere (tab, form feed, U+0085, U+2028, ...) becomes a plain
space, and so does U+2581, with which SentencePiece writes a space. Everything else, no-break and
ideographic spaces included, stays what it is.
"""

import re
import unicodedata
from typing import Literal

Form = Literal["nfc", "nfkc", "none"]

SPACE = "\u2581"
"""How SentencePiece writes a space inside a piece."""

_BREAKS = re.compile(f"[\t\n\x0b\x0c\r\x1c-\x1f\x85\u2028\u2029{SPACE}]")


def normalize(text: str, form: Form) -> str:
    """Text in this Unicode form, on one line whoever reads it.

    Idempotent: normalise(normalise(text)) == normalise(text).
    """
    return single_line(text if form == "none" else unicodedata.normalize("NFC" if form == "nfc" else "NFKC", text))


def single_line(text: str) -> str:
    """Text that no program can take for more than one line or one field."""
    if text.isprintable() and SPACE not in text:  # almost always, and much faster than the search
        return text
    return _BREAKS.sub(" ", text)
