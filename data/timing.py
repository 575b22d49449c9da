"""Sentence plans about time: when, while, after, before."""

from dataclasses import replace
from random import Random

from actions import GOING, OUTINGS, STEPS, actor
from clause import Clause, Spec, Tail, build, verb_group
from descriptions import mood
from frames import FRAMES, THEMES
from korean import Ending, Stem
from modifiers import MOODS
from nominal import Nominal
from nouns import tagged
from phrase import Eojeol, words
from scene import Wish, act, allows, fill
from subordinate import CAUSES, INSIDE, again, compose, front_time, main_actor, other_person, swap
from verbs import VERBS

CALLS = tuple(frame for frame in FRAMES if frame.verb.en == "call")


DOORS = tuple(replace(frame, objects=tagged("opened"), article="the") for frame in FRAMES if frame.verb.en == "close")
DOORS = (*DOORS, *(replace(frame, verb=VERBS["open"]) for frame in DOORS), *CALLS)


ARRIVING = next(frame for frame in FRAMES if frame.verb.en == "arrive")


UNDERWAY = tuple(
    frame for frame in FRAMES if "g" in frame.uses and frame.places and frame.who == "person" and frame.site == "에서"
    and "o" not in frame.uses
)  # fmt: skip


def event(rng: Random, subject: Nominal, spot: str) -> Clause:
    """Something that happens at one moment, while somebody is at a place."""
    roll = rng.random()
    if roll < 0.2:
        the, bell = words("the phone")
        rang = words("rang")
        ko = [Eojeol("전화벨이", [bell], [the])]
        return Clause([the, bell, *rang], [], ko, [], Tail(Stem("울리"), True, rang))
    if roll < 0.35:
        return starting(rng, ("rain", "snow") if spot in INSIDE else ("rain",))
    who = other_person(rng, subject)
    if roll < 0.7 and spot in ARRIVING.spots:
        return act(rng, who, ARRIVING, Spec("past"), Wish(0.1, place=spot, time=False), "embedded")
    frame = rng.choice(DOORS if spot in INSIDE else CALLS)
    return act(rng, who, frame, Spec("past"), Wish(0.1, place="", time=False, clauses=False), "embedded")


def starting(rng: Random, kinds: tuple[str, ...]) -> Clause:
    """It began to rain: 비가 오기 시작했다."""
    verb = rng.choice(kinds)
    ko = {"rain": "비가", "snow": "눈이"}[verb]
    it, began, to, main = words(f"it began to {verb}")
    chain = [Eojeol("오기", [main], [to])]
    return Clause([it, began, to, main], [], [Eojeol(ko, [main])], chain, Tail(Stem("시작하"), True, [began], [it]))


def interrupted(rng: Random, rich: float) -> Clause:
    """When the phone rang, Minsu was reading a book."""
    subject = main_actor(rng, rich * 0.8)
    frame = rng.choice(UNDERWAY)
    spot = rng.choice(frame.places)
    sub = event(rng, subject, spot)
    spec = Spec("past", progressive=True)
    named_there = any(word.text in spot.split() for word in sub.en)
    wish = Wish(rich, place="" if named_there else rng.choice((spot, "")), time=False)
    main = act(rng, subject, frame, spec, wish)
    return front_time(rng, compose(rng, "when", sub, main, Ending.WHEN, False, 0.6), "past", 0.25)


VISITS = [(frame, spot) for frame in OUTINGS for spot in frame.places if spot in GOING.spots]


def visit_when(rng: Random, rich: float) -> Clause:
    """When Minsu went to the market, he bought apples."""
    subject = actor(rng, GOING, rich * 0.6)
    frame, spot = rng.choice(VISITS)
    spec = Spec("past")
    main = act(rng, subject, frame, spec, Wish(rich, place="", time=False))
    sub = act(rng, again(rng, subject), GOING, spec, Wish(rich * 0.5, place=spot, time=False), "embedded")
    return swap(rng, "when", sub, main, subject, Ending.WHEN, "past")


def mood_when(rng: Random, rich: float) -> Clause:
    """When Minsu is sad, he listens to music."""
    subject = actor(rng, GOING, 0.1, True)
    entry = rng.choice([entry for entry in MOODS if CAUSES[entry.en] and entry.en != "sick"])
    sub = mood(rng, again(rng, subject), entry, Spec("present"), "embedded")
    theme = CAUSES[entry.en][0]
    spec = Spec("present")
    options = [frame for frame in THEMES[theme] if allows(frame, spec)] or list(THEMES["indoor"])
    main = act(
        rng, subject, rng.choice([frame for frame in options if allows(frame, spec)]), spec, Wish(rich, time=False)
    )
    return swap(rng, "when", sub, main, subject, Ending.WHEN, "present")


WHILE = ("listen to", "drink")


ALONGSIDE = tuple(
    frame
    for frame in FRAMES
    if frame.verb.en in ("read", "write", "study", "clean", "draw", "wait for", "cook", "walk")
)


def around(rng: Random, rich: float) -> Clause:
    """After finishing homework, before sleeping, while listening to music."""
    link = rng.choice(("after", "before", "while"))
    spec = rng.choice((Spec("past"), Spec("past"), Spec("future"), Spec("present")))
    main_options = ALONGSIDE if link == "while" else STEPS
    main_frame = rng.choice([frame for frame in main_options if allows(frame, spec)])
    if link == "while":
        options = [frame for frame in FRAMES if frame.verb.en in WHILE]
    else:
        habit = spec.tense == "present"
        options = [frame for frame in STEPS if frame.verb != main_frame.verb and (not habit or "h" in frame.uses)]
    sub_frame = rng.choice(options)
    subject = actor(rng, GOING, rich * 0.7, spec.tense == "present")
    wish = Wish(rich * 0.5, place="" if link == "while" else None, time=False, clauses=False)
    slots = fill(rng, subject, sub_frame, Spec("present", form="gerund"), wish)
    if link == "while":
        slots = {"object": slots["object"]}
    sub = build(None, verb_group(sub_frame.verb, Spec("present", form="gerund")), slots)
    main = act(rng, subject, main_frame, spec, Wish(rich, time=False))
    ending = {"after": Ending.AFTER, "before": Ending.BEFORE, "while": Ending.WHILE}[link]
    tense = "habit" if spec.tense == "present" else spec.tense
    return front_time(rng, compose(rng, link, sub, main, ending, True, 0.3), tense, 0.3)


def during(rng: Random, rich: float) -> Clause:
    """While Minsu was reading, Yuna was listening to music."""
    spec = Spec("past", progressive=True)
    subject = main_actor(rng, rich * 0.5)
    who = other_person(rng, subject)
    first, second = rng.sample(UNDERWAY, 2)
    sub = act(rng, who, first, spec, Wish(rich * 0.6, time=False, clauses=False), "embedded")
    main = act(rng, subject, second, spec, Wish(rich * 0.8, time=False))
    return compose(rng, "while", sub, main, Ending.DURING, False, 0.7)
