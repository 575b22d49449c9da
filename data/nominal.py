"""Noun phrases: determiners, adjectives, counters, owners and the particles that follow them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random

import english
from korean import OBJECT, SUBJECT, TOPIC, Particle, attach, modifier
from lexicon import Adjective, Name, Noun, Place
from modifiers import ADJECTIVES, NUMBERS, OBJECT_PRONOUNS, OWNERS, PLACES, PRONOUNS
from nouns import ANIMALS, NAMES, PEOPLE, RELATIVES, tagged
from phrase import Eojeol, Word, eojeols, words


@dataclass(slots=True)
class Nominal:
    """A noun phrase in both languages, before its Korean particle.

    `agreement` is the English verb form it takes (1s, 1p, 2, 3s, 3p), `pronoun` what English calls
    it when it comes up again, `fresh` whether it is new to the listener: then Korean marks it as
    a subject with 이/가, and otherwise as the topic with 은/는; `after` follows the particle.
    """

    en: list[Word]
    ko: list[Eojeol]
    agreement: str = "3s"
    pronoun: str = "it"
    fresh: bool = False
    key: str = ""
    after: list[Eojeol] = field(default_factory=list)

    def overlaps(self, other: "Nominal") -> bool:
        """Whether the two name the same person or thing, or one of several."""
        return not set(self.key.split("+")).isdisjoint(other.key.split("+"))

    def marked(self, particle: Particle, leaning: Iterable[Word] = ()) -> list[Eojeol]:
        """The Korean words with a particle; `leaning` are English words it stands for (to, in)."""
        if self.ko:
            last = self.ko[-1]
            last.text = attach(last.text, particle)
            last.maybe.extend(leaning)
        return [*self.ko, *self.after]

    def as_subject(self) -> list[Eojeol]:
        """The Korean words as the subject of a main clause."""
        return self.marked(SUBJECT if self.fresh else TOPIC)

    def as_object(self) -> list[Eojeol]:
        """The Korean words as a direct object."""
        return self.marked(OBJECT)


@cache
def fitting(tags: frozenset[str], before: bool) -> tuple[Adjective, ...]:
    """Adjectives that go with a noun's tags, in front of it or after "to be"."""
    uses = ("both", "before") if before else ("both", "after")
    return tuple(entry for entry in ADJECTIVES if entry.fits & tags and entry.use in uses)


COLOURS = frozenset(["red", "blue", "white", "black"])


def pick_adjectives(rng: Random, tags: frozenset[str], rich: float, price: bool = False) -> list[Adjective]:
    """No, one or (size before colour) two adjectives; price matters only in buying and selling."""
    options = fitting(tags if price else tags - {"priced"}, True)
    if not options or rng.random() >= rich:
        return []
    first = rng.choice(options)
    colours = [entry for entry in options if entry.en in COLOURS]
    if first.en in ("big", "small") and colours and rng.random() < 0.5:
        return [first, rng.choice(colours)]
    return [first]


def described(chosen: Sequence[Adjective]) -> tuple[list[Word], list[Eojeol]]:
    """Adjectives in front of a noun."""
    en: list[Word] = []
    ko: list[Eojeol] = []
    for entry in chosen:
        word = Word(entry.en)
        en.append(word)
        ko += eojeols(entry.before or modifier(entry.stem), [word])
    return en, ko


def counted(noun: Noun, number: str, chosen: Sequence[Adjective]) -> Nominal:
    """Three red apples, two cups of tea: 빨간 사과 세 개, 차 두 잔."""
    unit: list[Word] = []
    if "mass" in noun.tags:
        unit = words("cups of" if "cup" in noun.tags else "glasses of")
    count = Word(number)
    adj_en, adj_ko = described(chosen)
    head = words(noun.en if unit else english.plural(noun.en))
    counter = Eojeol(noun.counter, unit[:1], [*unit[1:], *([] if unit else [count])])
    ko = [*adj_ko, *eojeols(noun.ko, head), Eojeol(NUMBERS[number], [count]), counter]
    return Nominal([count, *unit, *adj_en, *head], ko, "3p", "they", fresh=True, key=noun.en)


def measured(noun: Noun) -> Nominal:
    """A cup of coffee: 커피 한 잔."""
    one, unit, of = words("a cup of" if "cup" in noun.tags else "a glass of")
    head = words(noun.en)
    ko = [*eojeols(noun.ko, head), Eojeol("한", [one]), Eojeol(noun.counter, [unit], [of])]
    return Nominal([one, unit, of, *head], ko, key=noun.en)


SPOKEN = {**OWNERS, "this": "이", "that": "그", "these": "이", "those": "그", "many": "많은"}
"""Determiners that Korean says; articles it does not."""


def plain(noun: Noun, det: str, chosen: Sequence[Adjective] = (), many: bool = False) -> Nominal:
    """A noun with a determiner: an article, this, that, many, an owner, or none.

    Many people are 많은 사람들, many things 책을 많이: an adverb behind the particle.
    """
    adj_en, adj_ko = described(chosen)
    plural = many or "pair" in noun.tags
    head = words(english.plural(noun.en) if many and "pair" not in noun.tags else noun.en)
    following = (adj_en + head)[0].text
    det_en = words(english.article(following) if det == "a" else det)
    front: list[Eojeol] = []
    text = noun.ko + ("들" if many and "person" in noun.tags else "")
    body = eojeols(text, head)
    after: list[Eojeol] = []
    if det == "many" and "person" not in noun.tags:
        after = [Eojeol("많이", det_en)]
    elif det in SPOKEN:
        front = [Eojeol(SPOKEN[det], det_en)]
    else:
        body[-1].maybe.extend(det_en)
    fresh = det in ("a", "many") or (many and not det)
    agreement = "3p" if plural else "3s"
    pronoun = "they" if plural else gender(noun)
    return Nominal(det_en + adj_en + head, front + adj_ko + body, agreement, pronoun, fresh, noun.en, after)


def gender(noun: Noun) -> str:
    """The pronoun for a noun; professions are left to the caller's choice."""
    for pronoun in ("he", "she"):
        if pronoun in noun.tags:
            return pronoun
    return "person" if "person" in noun.tags else "it"


def owned(owner: Name, noun: Noun, chosen: Sequence[Adjective] = (), many: bool = False) -> Nominal:
    """Minsu's friend: 민수의 친구."""
    mine = Word(owner.en + "'s")
    result = plain(noun, "", chosen, many)
    result.en.insert(0, mine)
    result.ko.insert(0, Eojeol(owner.ko + "의", [mine]))
    result.fresh = False
    result.key = f"{owner.en}+{noun.en}"
    return result


DETERMINERS = {
    "any": ("a", "a", "a", "a", "the", "the", "the", "this", "that"),
    "new": ("a",),
    "habit": ("a", "a", "the"),
    "ours": ("a", "a", "the", "the", "our", "our"),
    "mine": ("a", "a", "the", "the", "my", "my", "my"),
    "the": ("the", "the", "the", "the", "that", "this"),
}


def thing(
    rng: Random, noun: Noun, article: str = "any", rich: float = 0.3, numbers: bool = False, price: bool = False
) -> Nominal:
    """A noun phrase for anything but a person."""
    chosen = pick_adjectives(rng, noun.tags, rich, price)
    if "mass" in noun.tags:
        if numbers and noun.counter == "잔" and rng.random() < 0.4:
            return measured(noun) if rng.random() < 0.6 else counted(noun, rng.choice(("two", "three")), [])
        return plain(noun, "the" if article in ("any", "mine", "ours") and rng.random() < 0.35 else "", chosen)
    if "pair" in noun.tags:
        return plain(noun, rng.choice(("the", "these", "those", "", "my" if article == "mine" else "the")), chosen)
    if numbers and noun.counter and rng.random() < 0.22:
        return counted(noun, rng.choice(tuple(NUMBERS)), chosen)
    plural = {"generic": 1.0, "habit": 0.4}.get(article, 0.1 if noun.counter and article != "the" else 0.0)
    if rng.random() < plural:
        return plain(noun, "", chosen, many=True)
    if numbers and noun.counter and rng.random() < 0.05:
        return plain(noun, "many", chosen, many=True)
    return plain(noun, rng.choice(DETERMINERS[article]), chosen)


def named(name: Name) -> Nominal:
    """A person by name."""
    word = Word(name.en)
    return Nominal([word], [Eojeol(name.ko, [word])], "3s", name.pronoun, key=name.en)


def spoken(pronoun: str) -> Nominal:
    """A personal pronoun as a subject; "you" is left unsaid in Korean."""
    word = Word(pronoun)
    agreement = {"I": "1s", "we": "1p", "you": "2", "they": "3p"}.get(pronoun, "3s")
    ko = [Eojeol(PRONOUNS[pronoun], [word])] if pronoun in PRONOUNS else []
    return Nominal([word], ko, agreement, pronoun, key=pronoun)


def relative(rng: Random, rich: float = 0.0, many: bool = False) -> Nominal:
    """A friend, neighbour or member of the family, named by whose they are."""
    noun = rng.choice(RELATIVES)
    chosen = pick_adjectives(rng, noun.tags, rich)
    if rng.random() < 0.35:
        return owned(rng.choice(NAMES), noun, chosen, many)
    return plain(noun, "my", chosen, many)


def companion(rng: Random, subject: Nominal) -> Nominal:
    """Somebody to do things with: never the subject itself."""
    while True:
        roll = rng.random()
        if roll < 0.4:
            found = named(rng.choice(NAMES))
        elif roll < 0.75:
            found = relative(rng, many=rng.random() < 0.15)
        else:
            found = plain(rng.choice(RELATIVES[:3]), "a")
        if not found.overlaps(subject):
            return found


def other(rng: Random, subject: Nominal, options: Sequence[Noun], rich: float) -> Nominal:
    """A person as an object: never the subject itself."""
    while True:
        roll = rng.random()
        if roll < 0.3 and len(options) > 5:
            found = named(rng.choice(NAMES))
        elif roll < 0.42 and len(options) > 5:
            found = relative(rng, rich / 2, many=rng.random() < 0.15)
        elif roll < 0.52 and len(options) > 20:
            pronouns = ("him", "her", "them") if subject.agreement[0] == "1" else ("me", "us")
            pronoun = rng.choice(pronouns)
            word = Word(pronoun)
            found = Nominal([word], [Eojeol(OBJECT_PRONOUNS[pronoun], [word])], key=pronoun)
        else:
            found = member(rng, rng.choice(options), rich, ("a", "the", "the"))
        if not found.overlaps(subject):
            return found


def member(rng: Random, noun: Noun, rich: float, dets: Sequence[str]) -> Nominal:
    """Somebody by what they are, alone or several."""
    chosen = pick_adjectives(rng, noun.tags, rich)
    if "kin" in noun.tags:
        return plain(noun, "my", chosen, rng.random() < 0.1)
    roll = rng.random()
    if roll < 0.12:
        return counted(noun, rng.choice(("two", "three", "four", "five")), chosen)
    if roll < 0.27:
        return plain(noun, rng.choice(("the", "the", "many")), chosen, many=True)
    return plain(noun, rng.choice(dets), chosen)


def person(rng: Random, rich: float = 0.25, options: Sequence[Noun] = PEOPLE) -> Nominal:
    """A person as the subject of a sentence."""
    roll = rng.random()
    if roll < 0.24:
        return spoken(rng.choice(("I", "I", "I", "we", "we", "he", "she", "they")))
    if roll < 0.5:
        return named(rng.choice(NAMES))
    if roll < 0.56:
        return both(rng)
    if roll < 0.66:
        return relative(rng, rich, many=rng.random() < 0.15)
    return introduced(member(rng, rng.choice(options), rich, ("a", "the", "the", "the", "this", "that")))


def settled(rng: Random, rich: float) -> Nominal:
    """Somebody already known, for sentences about what is so and not what happens."""
    while True:
        found = person(rng, rich)
        if not found.fresh:
            return found


def introduced(found: Nominal, animal: str = "") -> Nominal:
    """Say 한 where Korean introduces somebody new: 한 소년이, 개 한 마리가."""
    first = found.en[0]
    if found.agreement != "3s" or first.text not in ("a", "an"):
        return found
    if animal:
        found.ko[-1].maybe.remove(first)
        found.ko += [Eojeol("한", [first]), Eojeol(animal, [], [first])]
    elif len(found.ko) == 1:
        found.ko[0].maybe.remove(first)
        found.ko.insert(0, Eojeol("한", [first]))
    return found


def both(rng: Random) -> Nominal:
    """Two people by name: 민수와 지민."""
    first, second = rng.sample(NAMES, 2)
    one, conj, two = words(f"{first.en} and {second.en}")
    ko = [Eojeol(attach(first.ko, ("과", "와")), [one], [conj]), Eojeol(second.ko, [two])]
    return Nominal([one, conj, two], ko, "3p", "they", key=f"{first.en}+{second.en}")


def animal(rng: Random, tag: str, rich: float) -> tuple[Nominal, Noun]:
    """An animal as the subject of a sentence, and its noun."""
    noun = rng.choice(tagged(tag) if tag != "animal" else ANIMALS)
    chosen = pick_adjectives(rng, noun.tags, rich)
    if rng.random() < 0.2:
        return counted(noun, rng.choice(("two", "three", "four")), chosen), noun
    dets = ("a", "the", "the", "that", "my") if "pet" in noun.tags else ("a", "the", "the", "that")
    return introduced(plain(noun, rng.choice(dets), chosen), noun.counter), noun


def landmark(rng: Random) -> tuple[list[Word], list[Eojeol]]:
    """Near the station: 역 근처에 있는."""
    place = PLACES[rng.choice(("station", "hospital", "airport", "park", "school"))]
    near, *rest = words(f"near {'' if place.bare else 'the '}{place.en}")
    head = rest[-len(place.en.split()) :]
    ko = [Eojeol(place.ko, head, rest[: -len(head)]), Eojeol("근처에", [near]), Eojeol("있는", [], [near])]
    return [near, *rest], ko


def at_place(rng: Random, place: Place, rich: float) -> Nominal:
    """A place without its preposition."""
    if place.bare:
        head = words(place.en)
        return Nominal(head, eojeols(place.ko, head), key=place.en)
    chosen = pick_adjectives(rng, place.tags, rich)
    adj_en, adj_ko = described(chosen)
    the, *head = words(f"the {place.en}")
    near_en, near_ko = landmark(rng) if "near" in place.tags and rng.random() < rich * 0.6 else ([], [])
    ko = [*near_ko, *adj_ko, *eojeols(place.ko, head, [the])]
    return Nominal([the, *adj_en, *head, *near_en], ko, key=place.en)
