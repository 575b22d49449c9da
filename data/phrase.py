"""Words of both languages, kept as objects so that alignment is known and never guessed.

Every English word is an object of its own. A Korean word remembers which of them it came from:
`sure` for the words it translates, `maybe` for words without a counterpart that lean on it (the
article of a noun, the auxiliary of a verb). Positions are looked up once the sentence is complete.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class Word:
    """One English word; compared by identity, because a sentence may contain "the" twice."""

    text: str


@dataclass(slots=True)
class Eojeol:
    """One Korean word as written between spaces, with the English words behind it."""

    text: str
    sure: list[Word] = field(default_factory=list)
    maybe: list[Word] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pair:
    """A finished sentence pair and its alignment in Pharaoh format."""

    en: str
    ko: str
    align: str


def words(text: str) -> list[Word]:
    """English words from a string."""
    return [Word(part) for part in text.split()]


def eojeols(text: str, sure: Iterable[Word] = (), maybe: Iterable[Word] = ()) -> list[Eojeol]:
    """Korean words from a string, all with the same English words behind them."""
    return [Eojeol(part, list(sure), list(maybe)) for part in text.split()]


def comma(en: list[Word]) -> list[Word]:
    """Put a comma after the last word, where English separates clauses."""
    en[-1].text += ","
    return en


def links(en: list[Word], ko: list[Eojeol]) -> str:
    """The alignment, sorted; a pair that is both sure and possible counts as sure."""
    position = {id(word): index for index, word in enumerate(en)}
    found: dict[tuple[int, int], str] = {}
    for j, eojeol in enumerate(ko):
        for word in eojeol.maybe:
            found[position[id(word)], j] = "p"
        for word in eojeol.sure:
            found[position[id(word)], j] = "-"
    return " ".join([f"{i}{mark}{j}" for (i, j), mark in sorted(found.items())])


def finish(en: list[Word], ko: list[Eojeol], mark: str = ".") -> Pair:
    """Capitalise, add the closing mark on both sides and read off the alignment."""
    align = links(en, ko)
    en_text = " ".join([word.text for word in en])
    ko_text = " ".join([eojeol.text for eojeol in ko])
    return Pair(en_text[0].upper() + en_text[1:] + mark, ko_text + mark, align)
