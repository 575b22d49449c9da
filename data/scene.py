"""Scenes: a frame filled in with people, things, places and times."""

from dataclasses import dataclass, replace
from functools import cache
from random import Random

from clause import Clause, Slot, Spec, build, fixed, verb_group
from frames import FRAMES
from korean import AT, IN, OBJECT, TO_PERSON, TOWARD, WITH, Ending
from lexicon import Frame, Noun, Time
from modifiers import FREQUENCY, MANNERS, PLACES, TIMES
from nominal import Nominal, at_place, companion, named, other, plain, spoken, thing
from nouns import NAMES, tagged
from phrase import Eojeol, Word, comma, words

CASES = {"를": OBJECT, "에": AT, "에게": TO_PERSON, "와": WITH}
SITES = {"에서": IN, "에": AT}
TOPICS = tagged("talked")
SURFACES = tagged("surface")


@dataclass(frozen=True, slots=True)
class Wish:
    """How much to say: `rich` scales every optional part; an empty `place` means none is named."""

    rich: float = 0.3
    place: str | None = None
    time: bool = True
    front: bool = False
    clauses: bool = True
    numbers: bool = True
    theme: str = ""

    def less(self) -> "Wish":
        """For a clause inside another: little beside the verb, no time of its own."""
        return Wish(self.rich * 0.5, self.place, False, False, False, False, self.theme)


def allows(frame: Frame, spec: Spec) -> bool:
    """Whether a frame makes sense in a verb group of this kind."""
    if spec.mode:
        return "m" in frame.uses
    if spec.form in ("bare", "gerund"):
        return "m" in frame.uses
    if spec.progressive:
        return "g" in frame.uses
    return {"past": "p", "future": "f", "present": "h"}[spec.tense] in frame.uses


@cache
def usable(spec: Spec, who: str) -> tuple[Frame, ...]:
    """Every frame for a verb group of this kind and a subject of this kind."""
    return tuple(frame for frame in FRAMES if frame.who == who and allows(frame, spec))


@cache
def times(tense: str, span: str, clock: bool | None = None) -> tuple[Time, ...]:
    """Times that agree with a tense; a short span leaves out stretches such as last year."""
    found = (entry for entry in TIMES if tense in entry.tenses and (span == "long" or entry.span == "short"))
    return tuple(entry for entry in found if clock is None or entry.clock == clock)


def pick_time(rng: Random, frame: Frame, spec: Spec) -> Slot | None:
    """A time that agrees with tense, aspect and frame."""
    meal = any("meal" in noun.tags for noun in frame.objects)
    tense, clock = spec.tense, False if meal else None
    if spec.mode == "can" and spec.tense == "past":
        tense = "past"
    elif spec.tense == "present" and (spec.mode or spec.form == "bare"):
        tense = "future"
    elif spec.progressive:
        tense, clock = ("progressive", clock) if tense == "present" else ("past", True)
    elif tense == "present":
        tense = "habit"
    options = times(tense, "long" if "l" in frame.uses else "short", clock)
    if "o" in frame.uses:
        options = tuple(entry for entry in options if entry.span == "long")
    elif "l" in frame.uses and rng.random() < 0.6:
        options = tuple(entry for entry in options if entry.span != "short")
    if meal and spec.progressive and spec.tense == "past":
        return None
    options = options or (() if "o" in frame.uses else times(tense, "short", clock))
    entry = rng.choice(options) if options else None
    if entry and entry.en == "on weekends" and spec.negative:
        return fixed(entry.en, entry.ko + "는")
    return fixed(entry.en, entry.ko) if entry else None


def pick_object(rng: Random, frame: Frame, subject: Nominal, spec: Spec, wish: Wish) -> Nominal:
    """The object of the verb."""
    noun = rng.choice(frame.objects)
    if "person" in noun.tags:
        return other(rng, subject, frame.objects, wish.rich * 0.5)
    article = frame.article
    if article == "any" and not noun.tags & SHARED and frame.verb.en not in ORIGINS:
        article = {"I": "mine", "we": "ours"}.get(subject.key, "mine" if frame.verb.en in SERVICES else "any")
    price = frame.verb.en in ("buy", "sell", "choose")
    numbers = wish.numbers and "n" in frame.uses and spec.tense != "present" and not (price and "drink" in noun.tags)
    if frame.verb.en == "plant":
        noun = planted(noun)
    if wish.clauses and article in FREE and rng.random() < wish.rich * 0.45:
        modified = described_thing(rng, noun, frame, subject)
        if modified:
            return modified
    if spec.tense == "present" and article in FREE and not (spec.progressive or spec.mode):
        article = "habit" if spec.form in ("finite", "question") else article
    unsaid = MAKING.get(frame.verb.en, WARMING if "chill" in frame.themes else NOTHING)
    if noun.tags & unsaid:
        noun = replace(noun, tags=noun.tags - unsaid)
    return thing(rng, noun, article, wish.rich * 0.8, numbers, price)


def planted(noun: Noun) -> Noun:
    """A plant that goes into the ground is counted as a plant, not as its fruit: 딸기 다섯 포기."""
    return replace(noun, counter="포기") if "grow" in noun.tags else noun


SERVICES = ("fix", "look for", "read", "put", "drive")
"""What others may do with my things."""

SHARED = frozenset(["food", "drink", "animal", "watch", "listen", "transit", "building", "draw"])
"""Tags of things one does not call one's own."""

FREE = ("any", "mine", "ours")
"""Choices of determiner that leave room for a clause or a general plural."""

MAKING = {verb: frozenset(["aged", "clean"]) for verb in ("write", "make", "bake", "take")}
MAKING |= {"clean": frozenset(["clean"]), "plant": frozenset(["tasty"])}
"""What one does not say of a thing that is only being made, cleaned or planted."""

WARMING = frozenset(["cold"])
NOTHING: frozenset[str] = frozenset()

ORIGINS = ("buy", "make", "bake", "choose", "borrow", "write", "send")


@cache
def origins(noun: Noun) -> tuple[Frame, ...]:
    """How a thing may have come about: "the book that Minsu bought"."""
    return tuple(frame for frame in FRAMES if frame.verb.en in ORIGINS and noun in frame.objects)


def small_subject(rng: Random, avoid: Nominal) -> Nominal:
    """A subject for an inner clause: one word, and nobody already there."""
    while True:
        pronouns = ("I", "we", "he", "she") if avoid.agreement[0] == "1" else ("I", "we")
        found = named(rng.choice(NAMES)) if rng.random() < 0.55 else spoken(rng.choice(pronouns))
        if not found.overlaps(avoid):
            return found


def described_thing(rng: Random, noun: Noun, frame: Frame, subject: Nominal) -> Nominal | None:
    """A thing by where it is or where it came from."""
    made = frame.verb.en in ORIGINS or frame.verb.en in ("sell", "plant", "raise", "have")
    if "small" in noun.tags and frame.verb.en not in (*ORIGINS, "put", "look for") and rng.random() < 0.4:
        return located(rng, noun)
    if made or not origins(noun):
        return None
    return made_by(rng, noun, subject, False)


def made_by(rng: Random, noun: Noun, subject: Nominal, time: bool) -> Nominal:
    """The book that Minsu bought yesterday: 민수가 어제 산 책."""
    base = plain(noun, "the", [], many=not noun.tags & {"mass", "pair"} and rng.random() < 0.2)
    who = small_subject(rng, subject)
    wish = Wish(0.25, time=time, clauses=False)
    inner = act(rng, who, rng.choice(origins(noun)), Spec("past"), wish, "embedded", gap=True)
    return add_clause(base, "that", inner)


def located(rng: Random, noun: Noun) -> Nominal:
    """The book on the desk: 책상 위에 있는 책."""
    base = plain(noun, "the")
    place = plain(rng.choice(SURFACES), "the")
    on = Word("on")
    ko = [*place.ko, Eojeol("위에", [on]), Eojeol("있는", [], [on])]
    return Nominal([*base.en, on, *place.en], [*ko, *base.ko], base.agreement, base.pronoun, base.fresh, base.key)


def add_clause(base: Nominal, relative: str, inner: Clause) -> Nominal:
    """Put a relative clause behind the English noun and in front of the Korean one."""
    pronoun = Word(relative)
    ko = inner.korean(Ending.MODIFIER, [pronoun])
    return Nominal([*base.en, pronoun, *inner.en], [*ko, *base.ko], base.agreement, base.pronoun, base.fresh, base.key)


def with_clause(rng: Random, base: Nominal) -> Nominal:
    """The man who lives in Busan: a person told apart by what they do."""
    if base.en[0].text not in ("the", "a", "an") or base.agreement not in ("3s", "3p"):
        return base
    roll = rng.random()
    if roll < 0.25:
        frames, spec = [frame for frame in FRAMES if frame.verb.en == "live"], Spec("present")
    elif roll < 0.4:
        frames, spec = [frame for frame in FRAMES if frame.verb.en == "work"], Spec("present")
    else:
        spec = Spec("past")
        frames = [frame for frame in usable(spec, "person") if (frame.objects or frame.spots) and "o" not in frame.uses]
    frame = rng.choice(frames)
    spot = rng.choice(frame.places) if frame.verb.en == "work" else None
    wish = Wish(0.2, time=False, clauses=False, place=spot)
    inner = act(rng, base, frame, spec, wish, "shared", gap=roll < 0.4)
    if base.ko[0].text == "한":  # a described noun does without it
        base.ko[1].maybe.extend(base.ko.pop(0).sure)
    return add_clause(base, "who", inner)


def pick_goal(rng: Random, frame: Frame, subject: Nominal, wish: Wish) -> tuple[list[Word], list[Eojeol]]:
    """Where to, or to whom."""
    if frame.receivers and frame.toward in ("person", "ask"):
        to = words("to") if frame.toward == "person" else []
        who = other(rng, subject, frame.receivers, wish.rich * 0.4)
        return [*to, *who.en], who.marked(TO_PERSON, to)
    if frame.receivers:
        preposition = Word(frame.toward)
        target = thing(rng, rng.choice(frame.receivers), "the", wish.rich * 0.4)
        if frame.toward == "on":
            return [preposition, *target.en], [*target.ko, Eojeol("위에", [preposition])]
        return [preposition, *target.en], target.marked(AT, [preposition])
    place = PLACES[wish.place if wish.place in frame.spots else rng.choice(frame.spots)]
    target = at_place(rng, place, wish.rich * 0.7)
    if frame.toward == "object":
        return target.en, target.as_object()
    at = "at" if frame.verb.en == "arrive" and not place.tags & {"city"} else place.prep
    to = words({"to": "to", "at": at}[frame.toward])
    if place.en == "home" and frame.toward == "to":
        to = []
    return [*to, *target.en], target.marked(AT, to)


def pick_place(rng: Random, frame: Frame, wish: Wish) -> Slot:
    """Where it happens."""
    place = PLACES[wish.place or rng.choice(frame.places)]
    target = at_place(rng, place, wish.rich * 0.8)
    preposition = words("from" if frame.verb.en == "borrow" else place.prep)
    return [*preposition, *target.en], target.marked(SITES[frame.site], preposition)


def add_circumstances(
    rng: Random, slots: dict[str, Slot], frame: Frame, subject: Nominal, spec: Spec, wish: Wish
) -> None:
    """Company, means and manner: at most two of them."""
    chance = wish.rich
    if frame.company and rng.random() < chance * 0.45:
        who = companion(rng, subject)
        preposition = Word("with")
        slots["company"] = [preposition, *who.en], [*who.marked(WITH), Eojeol("함께", [preposition])]
    elif frame.company and frame.verb.en != "live" and subject.agreement[1:] != "p" and rng.random() < chance * 0.12:
        slots["alone"] = fixed("alone", "혼자")
    if "goal" in slots and frame.verb.en in ("go", "come", "arrive") and rng.random() < chance * 0.35:
        by, *vehicle = words("by " + rng.choice(vehicles(slots["goal"][0])))
        ride = Nominal(vehicle, [Eojeol(MEANS[vehicle[0].text], vehicle)])
        slots["means"] = [by, *vehicle], ride.marked(TOWARD, [by])
    elif frame.manners and rng.random() < chance * 0.45:
        manner = rng.choice(frame.manners)
        if manner == "again" and (spec.tense == "present" or spec.progressive):
            return
        slots["manner"] = fixed(manner.partition(":")[0], MANNERS[manner])


def vehicles(goal: list[Word]) -> tuple[str, ...]:
    """What one takes to get there: nobody goes to an island by bus."""
    last = goal[-1].text
    if last == "Island":
        return ("plane",)
    if last in ("Seoul", "Busan"):
        return ("bus", "train", "car")
    return ("bus", "taxi", "car", "bicycle")


MEANS = {noun.en: noun.ko for noun in tagged("vehicle")}


def act(
    rng: Random,
    subject: Nominal,
    frame: Frame,
    spec: Spec,
    wish: Wish,
    role: str = "main",
    gap: bool = False,
) -> Clause:
    """A clause from a frame; with `gap` its object is left out, being the noun it describes."""
    slots = fill(rng, subject, frame, spec, wish, gap)
    add_time(rng, slots, frame, spec, wish, role)
    return build(subject, verb_group(frame.verb, spec, subject.agreement), slots, role)


def fill(rng: Random, subject: Nominal, frame: Frame, spec: Spec, wish: Wish, gap: bool = False) -> dict[str, Slot]:
    """Everything around the verb but the time."""
    slots: dict[str, Slot] = {}
    full = gap
    many = False
    if frame.objects and not gap:
        found = pick_object(rng, frame, subject, spec, wish)
        slots["partner" if frame.case == "와" else "object"] = found.en, found.marked(CASES[frame.case])
        many = bool(found.after)
        full = any(word.text == "that" for word in found.en[1:])  # more after a clause would be ambiguous
    if frame.toward and not (gap and frame.receivers):
        slots["goal"] = pick_goal(rng, frame, subject, wish)
        if frame.toward == "ask":  # ask the doctor the way
            slots["object"] = [*slots["goal"][0], *slots["object"][0]], slots["object"][1]
            slots["goal"] = [], slots["goal"][1]
    if frame.verb.en == "talk with" and rng.random() < 0.5:
        about = Word("about")
        topic = thing(rng, rng.choice(TOPICS), "the", wish.rich * 0.5)
        slots["about"] = [about, *topic.en], [*topic.marked(AT), Eojeol("대해", [about])]
    chance = 0.0 if full and not gap else 0.15 + wish.rich
    if frame.places and wish.place != "" and (wish.place or rng.random() < chance):
        slots["place"] = pick_place(rng, frame, wish)
    if not full:
        add_circumstances(rng, slots, frame, subject, spec, wish)
    if many:  # one adverb is enough: 쿠키를 많이 먹었습니다
        slots.pop("manner", None)
    return slots


STEADY = ("live", "work", "like", "love", "know")


def add_time(rng: Random, slots: dict[str, Slot], frame: Frame, spec: Spec, wish: Wish, role: str) -> None:
    """When, or how often."""
    habit = spec.tense == "present" and not (spec.mode or spec.progressive) and spec.form in ("finite", "question")
    if habit and (frame.verb.en in STEADY or role == "embedded"):
        return
    if habit and rng.random() < 0.35:
        often = rng.choice(("often",) if spec.negative else tuple(FREQUENCY))
        slots["often"] = fixed(often, FREQUENCY[often])
        if often == "often":  # next to its verb: 책을 자주 읽습니다, but 항상 책을 읽습니다
            slots["frequent"] = [], slots["often"][1]
            slots["often"] = slots["often"][0], []
    elif wish.time and rng.random() < 0.25 + wish.rich:
        time = pick_time(rng, frame, spec)
        if time:
            contrasted = time[1][-1].text.endswith("는")  # 주말에는 stays behind the topic
            fronted = wish.front or (spec.form == "finite" and role == "main" and rng.random() < 0.12)
            fronted = fronted and not contrasted
            slots["front" if fronted else "time"] = (comma(time[0]), time[1]) if fronted else time
