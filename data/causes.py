"""Sentence plans about causes and conditions: because, if."""

from random import Random

from actions import GOING, STEPS, actor, known_person
from clause import Clause, Spec, Tail, build, fixed, verb_group
from descriptions import falling, mood, sky
from frames import FRAMES, THEMES
from korean import Ending, Stem
from modifiers import MOODS, WEATHER
from nominal import Nominal, spoken
from phrase import Eojeol, words
from scene import Wish, act, times
from subordinate import CAUSES, SKIES, again, compose, front_time, led_to, main_actor, other_person, swap
from verbs import VERBS


def prevented(rng: Random, subject: Nominal, tense: str, rich: float, theme: str = "") -> Clause:
    """What somebody cannot do because of something."""
    spec = Spec(tense, mode="can", negative=True)
    frame = rng.choice(THEMES[theme] if theme else PREVENTABLE)
    return act(rng, subject, frame, spec, Wish(rich, time=False))


PREVENTABLE = (*STEPS, *(frame for frame in FRAMES if frame.verb.en in ("go", "come", "visit")))


def trouble(rng: Random, subject: Nominal, tense: str) -> tuple[Clause, str, str]:
    """A reason of one's own, what it leads to and what it prevents (themes, or empty)."""
    roll = rng.random()
    spec = Spec(tense)
    if roll < 0.6:
        entry = rng.choice(MOODS)
        causes = CAUSES[entry.en]
        bars = "" if entry.en in ("busy", "tired", "sick") else "none"
        return mood(rng, subject, entry, spec, "embedded"), causes[0] if causes else "", bars
    what, ko, leads, bars = rng.choice(
        (("time", "시간이", "", ""), ("a test", "시험이", "test", "none"), ("money", "돈이", "", "shop"))
    )
    lacking = not leads
    slots = {"object": fixed(what, ko)}
    group = verb_group(VERBS["have"], Spec(tense, negative=lacking), subject.agreement)
    return build(subject, group, slots, "embedded"), leads, bars


def because(rng: Random, rich: float) -> Clause:
    """Somebody does or cannot do something for a reason of their own."""
    tense = "past" if rng.random() < 0.75 else "present"
    subject = actor(rng, GOING, rich * 0.8)
    reason, leads, bars = trouble(rng, again(rng, subject), tense)
    if leads and (bars == "none" or rng.random() < 0.5):
        now = Spec("present", progressive=True) if leads in ("joy", "sorrow") else Spec("present", mode="want")
        spec = Spec("past") if tense == "past" else now
        main = led_to(rng, subject, leads, spec, rich)
    else:
        main = prevented(rng, subject, tense, rich, bars)
    return swap(rng, "because", reason, main, subject, Ending.RESULT, tense)


def sky_because(rng: Random, rich: float) -> Clause:
    """Somebody does or cannot do something because of the weather."""
    subject = main_actor(rng, rich * 0.8)
    if rng.random() < 0.4:
        reason, theme = falling(rng, "past"), "indoor"
    else:
        entry = rng.choice(WEATHER)
        reason, theme = sky(entry, "past"), rng.choice(SKIES[entry.en])
    if theme == "indoor" and rng.random() < 0.5:
        main = prevented(rng, subject, "past", rich, "outdoor")
    else:
        main = led_to(rng, subject, theme, Spec("past"), rich)
    main = compose(rng, "because", reason, main, Ending.RESULT, False, 0.35)
    return front_time(rng, main, "past", 0.3)


def condition(rng: Random, rich: float) -> Clause:
    """If it rains tomorrow, we will stay at home."""
    subject = known_person(rng) if rng.random() < 0.6 else spoken(rng.choice(("I", "we")))
    spec = Spec("future")
    roll = rng.random()
    if roll < 0.65:
        return front_if(rng, subject, spec, rich)
    what, ko = ("time", "시간이") if roll < 0.85 else ("money", "돈이")
    group = verb_group(VERBS["have"], Spec("present"), subject.agreement)
    sub = build(again(rng, subject), group, {"object": fixed(what, ko)}, "embedded")
    frame = rng.choice(STEPS if what == "time" else THEMES["shop"])
    main = act(rng, subject, frame, spec, Wish(rich, time=False))
    return swap(rng, "if", sub, main, subject, Ending.IF, "present")


def front_if(rng: Random, subject: Nominal, spec: Spec, rich: float) -> Clause:
    """A condition about the weather or about somebody else."""
    entry = rng.choice(times("future", "short", None))
    time = fixed(entry.en, entry.ko)
    roll = rng.random()
    if roll < 0.35:
        verb, ko = rng.choice((("rain", "비가"), ("snow", "눈이")))
        it, rains = words(f"it {verb}s")
        sub = Clause([it, rains, *time[0]], time[1], [Eojeol(ko, [rains])], [], Tail(Stem("오"), False, [rains], [it]))
        theme = "indoor"
    elif roll < 0.75:
        weather = rng.choice(WEATHER)
        sub = sky(weather, "present", time)
        theme = rng.choice([theme for theme in SKIES[weather.en] if theme != "cold"])
    else:
        who = other_person(rng, subject)
        frame = next(frame for frame in FRAMES if frame.verb.en == "come")
        sub = act(rng, who, frame, Spec("present"), Wish(0.0, time=False), "embedded")
        sub.en += time[0]
        sub.front = time[1]
        main = act(rng, subject, rng.choice(STEPS), spec, Wish(rich, place="", time=False))
        return compose(rng, "if", sub, main, Ending.IF, False, 0.6)
    main = led_to(rng, subject, theme, spec, rich)
    return compose(rng, "if", sub, main, Ending.IF, False, 0.6)
