"""Capitals and small letters: of whole lines, of the first letters of words, and with the dotted i of Turkish."""

import re

from nmt_cli.languages import main_code

_DOTTED_I = frozenset({"az", "crh", "tr"})
"""Languages in which İ is the capital of i, and I that of ı."""
_FIRST_LETTER = re.compile(r"(?:^|(?<=\s))[\W_]*\w")


def upper(text: str, language: str = "") -> str:
    """The text in capitals; text of a script without capitals is unchanged."""
    return (text.replace("i", "İ") if _has_dotted_i(language) else text).upper()


def lower(text: str, language: str = "") -> str:
    """The text in small letters."""
    return (text.replace("İ", "i").replace("I", "ı") if _has_dotted_i(language) else text).lower()


def title(text: str, language: str = "") -> str:
    """The text with a capital as the first letter of every word; the other letters stay."""

    def capitalize(match: re.Match[str]) -> str:
        start, letter = match[0][:-1], match[0][-1]
        return start + ("İ" if letter == "i" and _has_dotted_i(language) else letter.title())

    return _FIRST_LETTER.sub(capitalize, text)


def _has_dotted_i(language: str) -> bool:
    return main_code(language) in _DOTTED_I
