"""The kinds of entry the word lists are made of, and how the lists are written down.

Tags say what a word may combine with: a verb asks for objects with a tag ("drink"), an adjective
for nouns with a tag ("sized"). They keep nonsense such as "the apple reads the teacher" out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from korean import Stem


@dataclass(frozen=True, slots=True, eq=False)
class Noun:
    """A noun; `counter` is the Korean unit it is counted in, empty when it is not counted."""

    en: str
    ko: str
    counter: str
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Name:
    """A given name and the pronoun English uses when it comes up again."""

    en: str
    ko: str
    pronoun: str


@dataclass(frozen=True, slots=True)
class Place:
    """A place with its English preposition; `bare` places take no article ("at school")."""

    en: str
    ko: str
    prep: str
    bare: bool
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Adjective:
    """An adjective; `before` replaces the conjugated form in front of a noun ("새")."""

    en: str
    stem: Stem
    fits: frozenset[str]
    use: str
    before: str = ""


@dataclass(frozen=True, slots=True)
class Time:
    """A time expression, the tenses it agrees with and how long a stretch it names."""

    en: str
    ko: str
    tenses: frozenset[str]
    span: str
    clock: bool


@dataclass(frozen=True, slots=True, eq=False)
class Verb:
    """A verb; English words after the first stay unchanged ("wait for")."""

    en: str
    stem: Stem
    negative: Stem | None = None
    joins: bool = False
    """Joins a following action with 아서, not 고: what comes next happens there."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One way of using a verb: who does it, to what, where, and in which sentences it makes sense.

    `uses` holds one letter per permitted use: p past, f future, h habit, g progressive,
    m want, can, must and plan, r request, n counted objects, l long stretches of time (last year), o nothing shorter.
    """

    verb: Verb
    objects: tuple[Noun, ...]
    article: str
    case: str
    places: tuple[str, ...]
    site: str
    toward: str
    spots: tuple[str, ...]
    receivers: tuple[Noun, ...]
    manners: tuple[str, ...]
    uses: str
    who: str
    themes: frozenset[str]
    company: bool


def rows(text: str) -> Iterator[tuple[str, list[str]]]:
    """Read a word list: per line an English and a Korean form, then tags; _ stands for a space."""
    for line in text.strip().splitlines():
        english, korean, *tags = line.split()
        yield english.replace("_", " "), [korean.replace("_", " "), *tags]


def nouns(counter: str, shared: str, text: str) -> tuple[Noun, ...]:
    """A list of nouns that share a counter and some tags."""
    return tuple(Noun(en, ko, counter, frozenset([*shared.split(), *tags])) for en, (ko, *tags) in rows(text))


def adjectives(use: str, text: str) -> tuple[Adjective, ...]:
    """A list of adjectives; Korean is the dictionary form, with /class when it is irregular."""
    return tuple(Adjective(en, stem(ko, adjective=True), frozenset(fits), use) for en, (ko, *fits) in rows(text))


def stem(dictionary_form: str, adjective: bool = False) -> Stem:
    """The stem of a dictionary form such as "돕다/ㅂ"."""
    word, _, irregular = dictionary_form.partition("/")
    return Stem(word.removesuffix("다"), irregular, adjective)
