"""The script of a language, and a check whether text is written in it."""

import re

from nmt_cli.languages import main_code, written_script

_RANGES = {
    "latin": "A-Za-zªºÀ-ÖØ-öø-ʯḀ-ỿⱠ-Ɀ꜠-ꟿＡ-Ｚａ-ｚ",
    "cyrillic": "\u0400-\u052f\u1c80-\u1c8f\u2de0-\u2dff\ua640-\ua69f",
    "greek": "\u0370-\u03ff\u1f00-\u1fff",
    "armenian": "\u0530-\u058f",
    "hebrew": "\u0590-\u05ff\ufb1d-\ufb4f",
    "arabic": "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc",
    "devanagari": "\u0900-\u097f\ua8e0-\ua8ff",
    "bengali": "\u0980-\u09ff",
    "gurmukhi": "\u0a00-\u0a7f",
    "gujarati": "\u0a80-\u0aff",
    "tamil": "\u0b80-\u0bff",
    "oriya": "\u0b00-\u0b7f",
    "telugu": "\u0c00-\u0c7f",
    "kannada": "\u0c80-\u0cff",
    "malayalam": "\u0d00-\u0d7f",
    "sinhala": "\u0d80-\u0dff",
    "thai": "\u0e00-\u0e7f",
    "lao": "\u0e80-\u0eff",
    "tibetan": "\u0f00-\u0fff",
    "myanmar": "\u1000-\u109f",
    "georgian": "\u10a0-\u10ff\u1c90-\u1cbf\u2d00-\u2d2f",
    "ethiopic": "\u1200-\u139f",
    "khmer": "\u1780-\u17ff",
    "hangul": "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff\uffa0-\uffdc",
    "kana": "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f",
    "han": "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
}

_LANGUAGES = {
    "latin": "af az br ca cs cy da de en eo es et eu fi fo fr fy ga gl ha hr ht hu id ig is it lb lt lv mg mi ms mt "
    "nb nl nn no pl pt ro sk sl so sq sv sw tk tl tr uz vi xh yo zu",
    "cyrillic": "be bg kk ky mk mn ru tg tt uk",
    "cyrillic latin": "bs sh sr",
    "greek": "el",
    "armenian": "hy",
    "hebrew": "he yi",
    "arabic": "ar fa ps sd ug ur",
    "devanagari": "hi mr ne sa",
    "bengali": "as bn",
    "gurmukhi": "pa",
    "gujarati": "gu",
    "tamil": "ta",
    "telugu": "te",
    "kannada": "kn",
    "oriya": "or",
    "malayalam": "ml",
    "sinhala": "si",
    "thai": "th",
    "lao": "lo",
    "tibetan": "bo dz",
    "myanmar": "my",
    "georgian": "ka",
    "ethiopic": "am ti",
    "khmer": "km",
    "hangul": "ko",
    "kana han": "ja",
    "han": "zh yue wuu lzh",
}


_CODES = {
    "Latn": "latin",
    "Cyrl": "cyrillic",
    "Grek": "greek",
    "Arab": "arabic",
    "Deva": "devanagari",
    "Hang": "hangul",
    "Kore": "hangul",
    "Hans": "han",
    "Hant": "han",
    "Jpan": "kana han",
}
"""Scripts that a language code may name (ISO 15924), as in ko-Latn."""

_DENSE = {"hangul", "kana", "han"}
"""Scripts whose characters count as two letters."""


class Script:
    """The script or scripts of a language; `known` is False for a language that is not in the table.

    `names` are their names. A code that names its script, such as ko-Latn, is taken at its word.
    """

    def __init__(self, language: str) -> None:
        main, written = main_code(language), written_script(language)
        names = _CODES.get(written, "") if written else ""
        if not written:
            names = next((names for names, codes in _LANGUAGES.items() if main in codes.split()), "")
        self.names = frozenset(names.split())
        self.known = bool(names)
        self._ascii = "latin" in names
        self._weight = 2 if _DENSE & set(names.split()) else 1
        self._runs = re.compile(f"[{''.join(_RANGES[name] for name in names.split())}]+") if names else None

    def is_wrong(self, text: str) -> bool:
        """Whether fewer than half of the letters of a text are in this script; False if the script is unknown.

        A Hangul syllable, a kana and an ideograph count as two letters, because they represent more than one.
        """
        if self._runs is None or (self._ascii and text.isascii()):
            return False
        in_script = sum(map(len, self._runs.findall(text)))
        if in_script * 2 >= len(text):
            return False
        return in_script * self._weight < sum(map(str.isalpha, text)) - in_script
