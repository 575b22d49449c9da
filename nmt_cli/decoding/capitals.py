"""Lines in capitals or title case are translated from their usual case: a vocabulary trained on other text spells
capitals letter by letter, and the model does not know them."""

import re
from functools import partial
from typing import Literal

from nmt_cli.corpus import casing
from nmt_cli.corpus.tokenizer import Tokenizer
from nmt_cli.languages import main_code

Case = Literal["capitals", "title"]

MIN_LETTERS = 4
"""Letters, with capital and small form, of the shortest line that counts as one in capitals; a shorter one may be an
abbreviation, such as US."""
MIN_SHARE = 0.9
"""Share of these letters that are capitals in a line in capitals, and of words that are as they should be in title
case."""
MIN_WORDS = 4
"""Words of the shortest line that counts as one in title case; a shorter one may be a name."""
MAX_SMALL = 3
"""Letters, at most, of the words that may be in small letters in title case, such as "of"."""

_CAPITAL_NOUNS = frozenset({"de", "lb"})
_SPACES = re.compile(r"(\s+)")
_SENTENCE_END = re.compile(r"[.!?…][^\w\s]*$")


def unusual_case(text: str, language: str) -> Case | None:
    """Whether a line is in capitals or in title case; None if it is in neither."""
    if is_capitals(text):
        return "capitals"
    return "title" if is_title_case(text, language) else None


def in_usual_case(text: str, tokenizer: Tokenizer, language: str) -> tuple[str, Case | None]:
    """A line as it is translated: in its usual case, and the case that it had if that was unusual."""
    case = unusual_case(text, language)
    return (truecase(text, case, tokenizer, language) if case else text), case


def truecase(text: str, case: Case, tokenizer: Tokenizer, language: str) -> str:
    """The text of a line in capitals or title case in its usual case.

    Each word gets the case that needs the fewest subwords: of several, small letters, then a capital and small letters,
    which comes first where a sentence begins, then capitals. So a noun of German, a name or an abbreviation that the
    vocabulary has is kept in its own case. In title case, so is any other word of more than one subword.
    """
    parts = _SPACES.split(tokenizer.normalize(text))
    words = parts[::2]
    forms = [_forms(word, language, begins) for word, begins in zip(words, _sentence_starts(words), strict=True)]
    sizes = iter(map(len, tokenizer.encode_many([form for word_forms in forms for form in word_forms])))

    def cost(word: str, form: str) -> float:
        size = next(sizes)
        return size + 0.5 if case == "title" and form != word and size > 1 else size

    parts[::2] = [min(word_forms, key=partial(cost, word)) for word, word_forms in zip(words, forms, strict=True)]
    return "".join(parts)


def is_capitals(text: str) -> bool:
    """Whether (almost) all letters of a text are capitals, and it has enough letters to tell."""
    capitals = sum(map(str.isupper, text))
    letters = capitals + sum(map(str.islower, text))
    return letters >= MIN_LETTERS and capitals >= MIN_SHARE * letters


def is_title_case(text: str, language: str) -> bool:
    """Whether (almost) every word of a text begins with a capital, and it has enough words to tell. Short words may be
    small, but not in a language whose nouns all have capitals."""
    words = [letters for word in text.split() if (letters := "".join(filter(str.isalpha, word)))]
    titled = sum(word[0].isupper() for word in words)
    small = sum(word.islower() and len(word) <= MAX_SMALL for word in words)
    small *= main_code(language) not in _CAPITAL_NOUNS
    return len(words) >= MIN_WORDS and titled + small >= MIN_SHARE * len(words) and titled > len(words) / 2


def _forms(word: str, language: str, begins_sentence: bool) -> tuple[str, ...]:
    """A word in small letters, in capital and small letters, and as it is, in order of preference."""
    small = casing.lower(word, language)
    capitalized = casing.title(small, language)
    return (capitalized, small, word) if begins_sentence else (small, capitalized, word)


def _sentence_starts(words: list[str]) -> list[bool]:
    return [i == 0 or bool(_SENTENCE_END.search(words[i - 1])) for i in range(len(words))]
