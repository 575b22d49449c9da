"""Lines in capitals are translated from their usual case: a vocabulary trained on other text spells capitals letter by
letter, and the model does not know them."""

import re

from nmt_cli.corpus import casing
from nmt_cli.corpus.tokenizer import Tokenizer

MIN_LETTERS = 4
"""Letters, with capital and small form, of the shortest line that counts as one in capitals; a shorter one may be an
abbreviation, such as US."""
MIN_SHARE = 0.9
"""Share of these letters that are capitals in a line in capitals."""

_SPACES = re.compile(r"(\s+)")
_SENTENCE_END = re.compile(r"[.!?…][^\w\s]*$")


def truecase(text: str, tokenizer: Tokenizer, language: str) -> str:
    """The normalised text of a line in capitals in its usual case, or as it is if that needs as few subwords.

    Each word gets the case that needs the fewest subwords: of several, small letters, then a capital and small letters,
    which comes first where a sentence begins, then capitals. So a noun of German, a name or an abbreviation that the
    vocabulary has is kept in its own case.
    """
    parts = _SPACES.split(text)
    words = parts[::2]
    forms = [_forms(word, language, begins) for word, begins in zip(words, _sentence_starts(words), strict=True)]
    sizes = iter(map(len, tokenizer.encode_many([form for word_forms in forms for form in word_forms])))
    parts[::2] = [min(word_forms, key=lambda _: next(sizes)) for word_forms in forms]
    cased = "".join(parts)
    return cased if len(tokenizer.encode(cased)) < len(tokenizer.encode(text)) else text


def is_capitals(text: str) -> bool:
    """Whether (almost) all letters of a text are capitals, and it has enough letters to tell."""
    capitals = sum(map(str.isupper, text))
    letters = capitals + sum(map(str.islower, text))
    return letters >= MIN_LETTERS and capitals >= MIN_SHARE * letters


def _forms(word: str, language: str, begins_sentence: bool) -> tuple[str, ...]:
    """A word in small letters, in capital and small letters, and as it is, in order of preference."""
    small = casing.lower(word, language)
    capitalized = casing.title(small, language)
    return (capitalized, small, word) if begins_sentence else (small, capitalized, word)


def _sentence_starts(words: list[str]) -> list[bool]:
    return [i == 0 or bool(_SENTENCE_END.search(words[i - 1])) for i in range(len(words))]
