"""How a clause depends on another: shared subjects, the order of clauses, a time for both."""

from collections.abc import Sequence
from random import Random

from actions import GOING, actor, known_person
from clause import Clause, Spec, fixed
from frames import THEMES
from korean import Ending
from nominal import Nominal
from phrase import Word, comma, words
from scene import Wish, act, allows, times


def again(rng: Random, subject: Nominal) -> Nominal:
    """The same person a second time: a pronoun in English, nothing in Korean."""
    pronoun = subject.pronoun if subject.pronoun != "person" else rng.choice(("he", "she"))
    return Nominal([Word(pronoun)], [], subject.agreement, pronoun, key=subject.key)


def main_actor(rng: Random, rich: float) -> Nominal:
    """A subject that can be told from others: no bare he, she or they."""
    while True:
        found = actor(rng, GOING, rich)
        if found.key not in ("he", "she", "they"):
            return found


def other_person(rng: Random, subject: Nominal) -> Nominal:
    """Somebody else, never a bare he or she that could be taken for the first person."""
    while True:
        found = known_person(rng)
        if found.key not in ("he", "she", "they") and not found.overlaps(subject):
            return found


def front_time(rng: Random, clause: Clause, tense: str, chance: float) -> Clause:
    """A time for the whole sentence, at its very beginning in both languages."""
    if rng.random() < chance:
        meal = any(word.text.strip(",") in ("breakfast", "lunch", "dinner") for word in clause.en)
        entry = rng.choice(times(tense, "short", False if meal else None))
        en, ko = fixed(entry.en, entry.ko)
        clause.en, clause.front = [*comma(en), *clause.en], [*ko, *clause.front]
    return clause


def lower(clause: Clause, ending: Ending, hooks: Sequence[Word], main: Clause, shared: bool) -> Clause:
    """Make one clause depend on another, as Korean orders them: before it, but after a shared subject."""
    ko = clause.korean(ending, hooks)
    if shared:
        main.body = [*ko, *main.body]
    else:
        main.front = [*main.front, *ko]
    return main


def compose(rng: Random, link: str, sub: Clause, main: Clause, ending: Ending, shared: bool, first: float) -> Clause:
    """English order of the two clauses is free; Korean order is not."""
    hook = words(link)
    en_main = main.en
    result = lower(sub, ending, hook, main, shared)
    result.en = [*hook, *comma(sub.en), *en_main] if rng.random() < first else [*en_main, *hook, *sub.en]
    return result


def swap(rng: Random, link: str, sub: Clause, main: Clause, subject: Nominal, ending: Ending, tense: str) -> Clause:
    """Join clauses that share a subject; the first of them in English names it, the second says he or she."""
    first = rng.random() < 0.35 and len(subject.en) <= 3
    pronoun = sub.en[0]
    if first:
        sub.en[:1], main.en[: len(subject.en)] = main.en[: len(subject.en)], [pronoun]
        sub.tail.maybe.remove(pronoun)
        main.tail.maybe = [*main.tail.maybe, pronoun]
    chance = 0.3 if tense == "past" else 0.0
    return front_time(rng, compose(rng, link, sub, main, ending, True, 1.0 if first else 0.0), tense, chance)


CAUSES = {
    "tired": ("rest",),
    "hungry": ("hunger",),
    "thirsty": ("thirst",),
    "happy": ("joy",),
    "sad": ("sorrow",),
    "busy": (),
    "sick": ("rest",),
}
"""What a mood leads to; where it leads to nothing, it keeps people from things."""


SKIES = {
    "good": ("outdoor",),
    "bad": ("indoor",),
    "cold": ("cold", "chill"),
    "hot": ("heat",),
    "warm": ("outdoor",),
}


OUTSIDE = ("park", "beach", "street", "garden", "zoo", "market")


INSIDE = ("home", "library", "room", "cafe", "kitchen", "theater", "bakery", "school")


def led_to(rng: Random, subject: Nominal, theme: str, spec: Spec, rich: float) -> Clause:
    """What somebody does because of something, at a place where that makes sense."""
    frame = rng.choice([entry for entry in THEMES[theme] if allows(entry, spec)])
    allowed = {"indoor": INSIDE, "outdoor": OUTSIDE}.get(theme, frame.places)
    options = [place for place in frame.places if place in allowed]
    place = rng.choice(options) if options and rng.random() < 0.4 + rich else ""
    return act(rng, subject, frame, spec, Wish(rich, place=place, time=False))
