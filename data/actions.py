"""Sentence plans in which somebody does something: statements, questions, requests."""

from dataclasses import replace
from random import Random

from clause import Clause, Slot, Spec, build, verb_group
from frames import ANIMAL_FRAMES, FRAMES, HABITATS, STATES
from korean import SUBJECT, Ending
from lexicon import Frame, Noun
from nominal import Nominal, animal, introduced, member, named, person, plain, relative, settled, spoken, thing
from nouns import NAMES, tagged
from phrase import Eojeol, Pair, Word, eojeols, finish, words
from scene import Wish, act, add_time, allows, fill, planted, usable, with_clause
from verbs import VERBS

BUILDERS = tagged("builder")
SELLERS = tagged("seller")
SPECIAL = tuple(frame for frame in FRAMES if frame.who != "person")


def statement(clause: Clause) -> Pair:
    """A clause as a sentence of its own."""
    return finish(clause.en, clause.korean(Ending.STATEMENT))


def question(clause: Clause) -> Pair:
    """A clause as a question."""
    return finish(clause.en, clause.korean(Ending.QUESTION), "?")


def any_spec(rng: Random, negative: float = 0.14) -> Spec:
    """Tense and aspect, in the proportions ordinary text has them."""
    no = rng.random() < negative
    roll = rng.random()
    if roll < 0.43:
        return Spec("past", negative=no)
    if roll < 0.61:
        return Spec("future", negative=no)
    if roll < 0.82:
        return Spec("present", negative=no)
    return Spec("past" if roll > 0.96 else "present", progressive=True, negative=no and roll < 0.9)


def actor(rng: Random, frame: Frame, rich: float, known: bool = False) -> Nominal:
    """A subject that suits the frame, now and then told apart by a relative clause."""
    if frame.who == "person":
        subject = settled(rng, rich) if known else person(rng, rich)
    elif rng.random() < 0.25:
        subject = spoken("they") if frame.who == "builder" else named(rng.choice(NAMES))
    else:
        noun = rng.choice(BUILDERS if frame.who == "builder" else SELLERS)
        subject = plain(noun, "the") if known else introduced(member(rng, noun, rich, ("a", "the", "the")))
    if rng.random() < rich * 0.5:
        subject = with_clause(rng, subject)
    return subject


def pick_frame(rng: Random, spec: Spec) -> Frame:
    """Any frame that allows this kind of verb group."""
    if rng.random() < 0.06:
        special = [frame for frame in SPECIAL if allows(frame, spec)]
        if special:
            return rng.choice(special)
    if rng.random() < 0.25:
        seldom = [frame for frame in SELDOM if allows(frame, spec)]
        if seldom:
            return rng.choice(seldom)
    return rng.choice(usable(spec, "person"))


SELDOM_VERBS = ("build", "plant", "ask", "visit", "pick up", "raise", "live")
SELDOM = tuple(frame for frame in FRAMES if frame.verb.en in SELDOM_VERBS)
"""Frames that no other plan uses, and so must come up here to be met often enough."""


def action(rng: Random, rich: float) -> Clause:
    """Somebody does something."""
    spec = any_spec(rng)
    frame = pick_frame(rng, spec)
    known = (spec.negative or (spec.tense == "present" and not spec.progressive)) and frame.who == "person"
    return act(rng, actor(rng, frame, rich, known), frame, spec, Wish(rich))


UNTESTED = ("wear", "sit on", "raise", "live")
"""Verbs nobody asks about being able to do."""


def modal(rng: Random, rich: float) -> Clause:
    """Somebody wants, has, is able or plans to do something."""
    mode = rng.choice(("want", "can", "must", "plan"))
    tense = "past" if rng.random() < 0.3 and mode != "plan" else "present"
    negative = mode in ("want", "can") and rng.random() < 0.3
    spec = Spec(tense, mode=mode, negative=negative)
    frame = rng.choice([frame for frame in usable(spec, "person") if mode != "can" or frame.verb.en not in UNTESTED])
    wish = Wish(rich, time=mode != "can" and tense == "present")
    return act(rng, actor(rng, frame, rich * 0.7, spec.negative), frame, spec, wish)


def state(rng: Random, rich: float) -> Clause:
    """Somebody likes, knows or remembers something."""
    frame = rng.choice(STATES)
    spec = Spec("present", negative=rng.random() < 0.25)
    return act(rng, settled(rng, rich), frame, spec, Wish(rich, time=False, clauses=False))


OWNABLE = tagged("pet own instrument goods tool giving kin")


def having(rng: Random, rich: float) -> Clause:
    """Somebody has something: 민수는 자동차가 있습니다."""
    who = settled(rng, rich * 0.6)
    noun = rng.choice(OWNABLE)
    dets = ("a",) if "pair" not in noun.tags else ("",)
    negative = rng.random() < 0.2
    if "kin" in noun.tags or negative:
        what = plain(noun, dets[0], [])
    else:
        what = thing(rng, noun, "any", rich, numbers=True)
        if what.en[0].text in ("the", "this", "that", "my", "these", "those"):
            what = plain(noun, dets[0], [])
    spec = Spec("past" if rng.random() < 0.15 else "present", negative=negative)
    slots: dict[str, Slot] = {"object": (what.en, what.marked(SUBJECT))}
    return build(who, verb_group(VERBS["have"], spec, who.agreement), slots)


def beast(rng: Random, rich: float) -> Clause:
    """An animal does something."""
    spec = Spec("present", progressive=True) if rng.random() < 0.45 else Spec("past")
    frame = rng.choice(ANIMAL_FRAMES)
    subject, noun = animal(rng, frame.who, rich)
    tag = next(tag for tag in HABITATS if tag in noun.tags)
    home = replace(frame, places=HABITATS[tag])
    wish = Wish(rich, time=rng.random() < 0.6, place=None if rng.random() < 0.7 else "")
    return act(rng, subject, home, spec, wish)


def asked(rng: Random, rich: float) -> Pair:
    """A question to be answered with yes or no."""
    subject = spoken("you") if rng.random() < 0.55 else known_person(rng)
    roll = rng.random()
    if roll < 0.25:
        spec = Spec("present", mode=rng.choice(("want", "can", "must")), form="question")
    else:
        spec = replace(any_spec(rng, 0.0), form="question")
    options = usable(replace(spec, form="finite"), "person")
    frame = rng.choice([frame for frame in options if spec.mode != "can" or frame.verb.en not in UNTESTED])
    return question(act(rng, subject, frame, spec, Wish(rich), "question"))


def known_person(rng: Random) -> Nominal:
    """Somebody both speakers know, as a question presumes."""
    roll = rng.random()
    if roll < 0.5:
        return named(rng.choice(NAMES))
    if roll < 0.65:
        return relative(rng)
    if roll < 0.8:
        return spoken(rng.choice(("he", "she", "they")))
    return plain(rng.choice(tagged("worker")), "the")


def wh_question(rng: Random, rich: float) -> Pair:
    """Who, whom, what, where, when and why."""
    kind = rng.choice(("what", "what", "who", "whom", "where", "where", "when", "why"))
    spec = Spec("past" if rng.random() < 0.7 else "future", form="finite" if kind == "who" else "question")
    subject = Nominal([Word("who")], [], key="who") if kind == "who" else known_person(rng)
    if kind != "who" and rng.random() < 0.35:
        subject = spoken("you")
    frame = rng.choice([frame for frame in usable(replace(spec, form="finite"), "person") if asks(kind, frame)])
    wish = Wish(rich, place="" if kind == "where" else None, time=kind != "when")
    slots = fill(rng, subject, frame, spec, wish)
    if kind != "when":
        add_time(rng, slots, frame, spec, wish, "question")
    asking = Word({"whom": "who"}.get(kind, kind))
    en_first = [] if kind == "who" else [asking]
    if kind == "who":
        subject = Nominal([asking], [Eojeol("누구", [asking])], fresh=True, key="who")
    else:
        slot = "goal" if kind == "where" and frame.toward == "to" else ASKED[kind]
        slots[slot] = [], ask_for(kind, frame, asking)
    clause = build(
        subject, verb_group(frame.verb, spec, subject.agreement), slots, "main" if kind == "who" else "question"
    )
    clause.en = en_first + clause.en
    return question(clause)


ASKED = {"what": "object", "whom": "object", "where": "place", "when": "time", "why": "often"}


def asks(kind: str, frame: Frame) -> bool:
    """Whether a frame leaves room for the question; what one wears decides its Korean verb."""
    verb = frame.verb.en
    people = any("person" in noun.tags for noun in frame.objects)
    if kind == "what":
        return bool(frame.objects) and not people and frame.article == "any" and not frame.toward and verb != "wear"
    if kind == "whom":
        return people and verb in ("meet", "help", "wait for", "call")
    if kind == "where":
        return (bool(frame.places) and frame.site == "에서") or (frame.toward == "to" and len(frame.spots) > 9)
    return kind != "who" or frame.toward != "ask"


def ask_for(kind: str, frame: Frame, asking: Word) -> list[Eojeol]:
    """The Korean question word with its particle."""
    if kind == "whom":
        return eojeols("누구에게" if frame.case == "에게" else "누구를", [asking])
    if kind == "where":
        return eojeols("어디에" if frame.toward == "to" else "어디에서", [asking])
    return eojeols({"what": "무엇을", "when": "언제", "why": "왜"}[kind], [asking])


def how_many(rng: Random, rich: float) -> Pair:
    """How many apples did Minsu buy? 민수는 사과를 몇 개 샀습니까?"""
    spec = Spec("past" if rng.random() < 0.75 else "future", form="question")
    options = [frame for frame in usable(replace(spec, form="finite"), "person") if "n" in frame.uses]
    frame = rng.choice([frame for frame in options if any(countable(noun) for noun in frame.objects)])
    noun = rng.choice([noun for noun in frame.objects if countable(noun)])
    subject = spoken("you") if rng.random() < 0.4 else known_person(rng)
    slots = fill(rng, subject, frame, spec, Wish(rich))
    add_time(rng, slots, frame, spec, Wish(rich), "question")
    how, many = words("how many")
    what = plain(noun, "", [], many=True)
    counter = planted(noun).counter if frame.verb.en == "plant" else noun.counter
    slots["object"] = [], [*what.as_object(), Eojeol("몇", [how, many]), Eojeol(counter, [], [many])]
    clause = build(subject, verb_group(frame.verb, spec, subject.agreement), slots, "question")
    clause.en = [how, many, *what.en, *clause.en]
    return question(clause)


def countable(noun: Noun) -> bool:
    """Whether a noun is counted one by one."""
    return bool(noun.counter) and not noun.tags & {"mass", "pair"}


KINDNESSES = (
    *("help", "wait for", "open", "close", "clean", "read", "give", "send", "show", "buy", "fix", "sing", "call"),
    *("answer", "take", "put", "draw", "make"),
)
TOGETHER = (
    *("eat", "drink", "go", "play", "watch", "listen to", "study", "walk", "run", "swim", "sing", "rest", "buy"),
    *("make", "clean", "help"),
)
ASKABLE = tuple(frame for frame in FRAMES if "r" in frame.uses and frame.who == "person")
FAVOURS = tuple(frame for frame in ASKABLE if frame.verb.en in KINDNESSES)
"""What one asks of others with 아 주십시오; nobody asks others to sleep or swim as a favour."""

PROPOSALS = tuple(frame for frame in ASKABLE if frame.verb.en in TOGETHER)
"""What one suggests doing together with ㅂ시다."""

REFUSALS = tuple(frame for frame in ASKABLE if frame in FAVOURS or frame in PROPOSALS)
"""What one asks others not to do with 지 마십시오."""


def request(rng: Random, rich: float) -> Pair:
    """Please do, please do not, let's."""
    kind = rng.choice(("please", "please", "please not", "let's", "let's"))
    frame = rng.choice({"please": FAVOURS, "please not": REFUSALS, "let's": PROPOSALS}[kind])
    subject = spoken("we" if kind == "let's" else "you")
    spec = Spec("present", form="bare")
    slots = fill(rng, subject, frame, spec, Wish(rich * (0.3 if kind == "please not" else 1.0)))
    if kind != "please not":
        add_time(rng, slots, frame, spec, Wish(rich * 0.6), "bare")
    clause = build(None, verb_group(frame.verb, spec), slots)
    opening = words({"please": "please", "please not": "please do not", "let's": "let's"}[kind])
    endings = {"please": Ending.REQUEST, "please not": Ending.PROHIBITION, "let's": Ending.SUGGESTION}
    return finish([*opening, *clause.en], clause.korean(endings[kind], opening))


def spots_of(frame: Frame) -> bool:
    """Whether one goes somewhere to do this."""
    if "o" in frame.uses or frame.verb.en == "teach":
        return False
    return bool(frame.places) and "m" in frame.uses and frame.site == "에서"


OUTINGS = tuple(frame for frame in FRAMES if spots_of(frame) and frame.who == "person")
GOING = next(frame for frame in FRAMES if frame.verb.en == "go")


def errand(rng: Random, rich: float) -> Clause:
    """Somebody goes somewhere to do something: 책을 빌리러 도서관에 갔습니다."""
    frame = rng.choice(OUTINGS)
    reachable = [place for place in frame.places if place in GOING.spots]
    if not reachable:
        return errand(rng, rich)
    spot = rng.choice(reachable)
    spec = any_spec(rng)
    if spec.progressive:
        spec = Spec("present", mode="plan")
    subject = actor(rng, frame, rich * 0.6, spec.negative or spec == Spec("present"))
    slots = fill(rng, subject, GOING, spec, Wish(rich * 0.8, place=spot))
    slots.pop("manner", None)
    add_time(rng, slots, GOING, spec, Wish(rich), "main")
    wish = Wish(rich * 0.6, place="", time=False, clauses=False)
    inner = fill(rng, subject, frame, Spec("present", form="bare"), wish)
    for name in ("company", "alone"):
        inner.pop(name, None)
    aim = build(None, verb_group(frame.verb, Spec("present", form="bare")), inner)
    to = Word("to")
    slots["purpose"] = [to, *aim.en], aim.korean(Ending.PURPOSE, [to])
    return build(subject, verb_group(GOING.verb, spec, subject.agreement), slots)


STEPS = tuple(
    frame
    for frame in FRAMES
    if {"m", "p"} <= set(frame.uses) and "l" not in frame.uses and frame.who == "person" and frame.verb.en != "wear"
    and not (frame.toward in ("to", "at") or frame.verb.en == "drive")
)  # fmt: skip
"""What people do one after another."""
