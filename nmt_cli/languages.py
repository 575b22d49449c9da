"""Codes of languages: all forms of a code are one language, a language has a script, a country is not a language."""

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langcodes import Language

COUNTRIES = {
    "at": "de",
    "au": "en",
    "by": "be",
    "cn": "zh",
    "cz": "cs",
    "dk": "da",
    "gb": "en",
    "gr": "el",
    "hk": "zh-HK",
    "il": "he",
    "ir": "fa",
    "jp": "ja",
    "kp": "ko",
    "kr": "ko",
    "kz": "kk",
    "mx": "es",
    "ua": "uk",
    "us": "en",
    "vn": "vi",
}
"""Codes of countries that are often taken for the language. Only `kr` is also the code of a language, Kanuri,
for which kau can be given."""

_ASIAN = {"Hans", "Hant", "Hani", "Jpan"}
_UNSPACED = {*_ASIAN, "Thai", "Laoo", "Khmr", "Mymr", "Tibt"}


def check_code(code: str) -> str:
    """The code itself. Raises ValueError for the code of a country."""
    likely = COUNTRIES.get(code.lower())
    if likely:
        raise ValueError(
            f"{code} is the code of a country, not of a language; did you mean {likely}? (files whose names end in "
            f".{code} can be given as two names: SOURCE,TARGET)"
        )
    return code


def main_code(code: str | None) -> str:
    """One code for all forms of a language: en for eng, EN, en_US and eng-GB, zh for chi and cmn; empty if not known.

    ISO 639-1 if the language has such a code, else ISO 639-3; anything else in lower case, up to its first hyphen.
    """
    parsed = _parse(code or "")
    if parsed is not None and parsed.language:
        return parsed.language
    return (code or "").replace("_", "-").split("-")[0].lower()


def script(code: str | None) -> str:
    """The ISO 15924 script of a language: the one in its code (ko-Latn), else the usual one; empty if not known."""
    parsed = _parse(code or "")
    if parsed is None or parsed.language is None:
        return ""
    return parsed.script or parsed.maximize().script or ""


def written_script(code: str) -> str:
    """The ISO 15924 script that a code names, such as Latn in ko-Latn; else empty."""
    parsed = _parse(code)
    return (parsed.script or "") if parsed else ""


def is_valid(code: str) -> bool:
    """Whether the code is that of a language."""
    from langcodes import tag_is_valid

    return tag_is_valid(code)


def same_language(first: str, second: str) -> bool:
    """Whether two codes are forms of one language."""
    return main_code(first) == main_code(second)


def is_unspaced(code: str | None) -> bool:
    """Whether a language is written without spaces between words."""
    return script(code) in _UNSPACED


def is_chinese_or_japanese(code: str | None) -> bool:
    """Whether a language is written in ideographs or kana, also without spaces between sentences."""
    return script(code) in _ASIAN


@lru_cache
def _parse(code: str) -> "Language | None":
    """The code in the form of CLDR; None if it has not the form of a code."""
    import langcodes

    try:
        return langcodes.Language.get(code.replace("_", "-")).prefer_macrolanguage()
    except ValueError:
        return None
