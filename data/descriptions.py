"""Sentence plans that say what somebody or something is like, is, or where it is."""

from dataclasses import replace
from random import Random

import english
from clause import Clause, Group, Slot, Spec, Tail, be_form, be_group, build, fixed, verb_group
from korean import AT, SUBJECT, THAN, Stem
from lexicon import Adjective, Noun, Place, Verb
from modifiers import ADJECTIVES, DEGREES, LONG, MOODS, NUMBERS, PLACES, WEATHER
from nominal import Nominal, at_place, counted, fitting, named, person, plain, relative, settled, spoken, thing
from nouns import NAMES, NOUNS, PEOPLE, SELDOM, tagged
from phrase import Eojeol, Word, words
from scene import made_by, origins, times

SETTLED = frozenset(["red", "blue", "white", "black", "big", "small", "new", "old", "young"])
"""Adjectives that say which one is meant, and so combine with any other."""

DESCRIBABLE = tuple(noun for noun in NOUNS if fitting(noun.tags, False) for _ in range(4 if noun.tags & SELDOM else 1))
"""What can be described; nouns that few verbs take come up more often here."""

KINDS = frozenset(["food", "drink", "cloth", "person", "animal", "vehicle", "read", "goods", "study", "watch"])
"""Tags that make two nouns alike enough to be compared."""


def degree(rng: Random, slots: dict[str, Slot], chance: float) -> None:
    """Very, too or really, before the adjective in both languages."""
    if rng.random() < chance:
        word = rng.choice(tuple(DEGREES))
        slots["often"] = fixed(word, DEGREES[word])


OWNED = frozenset(["goods", "pet", "own", "tool", "instrument", "cloth", "cleanable", "lost"])
"""Tags of things that somebody has for their own."""


def quality(rng: Random, rich: float, role: str = "main", spec: Spec | None = None) -> Clause:
    """Something is so: 빨간 가방은 비쌉니다."""
    noun = rng.choice(DESCRIBABLE)
    spec = spec or Spec("past" if rng.random() < 0.3 else "present", negative=rng.random() < 0.2)
    entry = rng.choice(fitting(noun.tags, False))
    before = [other for other in fitting(noun.tags, True) if other.en in SETTLED and entry.en not in SETTLED]
    chosen = [rng.choice(before)] if before and rng.random() < rich else []
    if "person" in noun.tags:
        subject = plain(noun, "my" if "kin" in noun.tags else "the", [], many=rng.random() < 0.2)
    elif "mass" in noun.tags:
        subject = plain(noun, "the" if rng.random() < 0.7 else "this", [])
    elif "pair" in noun.tags:
        subject = plain(noun, rng.choice(("the", "these", "my")), chosen)
    else:
        mine = ("my",) if noun.tags & OWNED else ()
        subject = plain(noun, rng.choice(("the", "the", "this", "that", *mine)), chosen)
    slots: dict[str, Slot] = {}
    if not spec.negative and (entry.en not in SETTLED or entry.en in ("big", "small")) and " " not in entry.stem.text:
        degree(rng, slots, 0.3)
    if origins(noun) and rng.random() < rich * 0.7:
        subject = made_by(rng, noun, subject, role == "main")
    word = Word(entry.en)
    return build(subject, be_group(entry.stem, [word], spec, subject.agreement), slots, role)


def place_quality(rng: Random, rich: float) -> Clause:
    """A place is so: 역 근처에 있는 식당은 조용합니다."""
    place = rng.choice([entry for entry in PLACES.values() if not entry.bare and fitting(entry.tags, False)])
    subject = at_place(rng, place, 0.0)
    entry = rng.choice(fitting(place.tags, False))
    spec = Spec("past" if rng.random() < 0.4 else "present", negative=rng.random() < 0.15)
    slots: dict[str, Slot] = {}
    if not spec.negative:
        degree(rng, slots, 0.3)
    if spec.tense == "past" and entry.en in ("quiet", "noisy", "clean", "dirty"):
        time = rng.choice(times("past", "short"))
        slots["time"] = fixed(time.en, time.ko)
    return build(subject, be_group(entry.stem, [Word(entry.en)], spec, "3s"), slots)


def mood(rng: Random, subject: Nominal, entry: Adjective, spec: Spec, role: str = "main") -> Clause:
    """Somebody is tired, hungry, happy."""
    slots: dict[str, Slot] = {}
    if role == "main":
        degree(rng, slots, 0.0 if spec.negative else 0.4)
        if spec.tense == "past" and rng.random() < 0.5:
            time = rng.choice(times("past", "short"))
            slots["time"] = fixed(time.en, time.ko)
    return build(subject, be_group(entry.stem, [Word(entry.en)], spec, subject.agreement), slots, role)


def feeling(rng: Random, rich: float) -> Clause:
    """A sentence about how somebody is."""
    spec = Spec("past" if rng.random() < 0.5 else "present", negative=rng.random() < 0.15)
    return mood(rng, settled(rng, rich), rng.choice(MOODS), spec)


SIZES = (
    ("bird", "rabbit", "dog", "elephant"),
    ("strawberry", "egg", "apple"),
    ("bicycle", "car", "plane"),
    ("wallet", "bag", "desk", "bed"),
    ("key", "cup", "computer", "table"),
)
"""Things from small to big, so that no wallet is bigger than a bed."""

BY_NAME = {noun.en: noun for noun in NOUNS}
QUALITIES = {entry.en: entry for entry in ADJECTIVES}


def compared(rng: Random) -> tuple[Adjective, Noun, Noun]:
    """An adjective and two nouns of which the first is more so."""
    if rng.random() < 0.25:
        small, big = (BY_NAME[name] for name in ordered_pair(rng, rng.choice(SIZES)))
        return (QUALITIES["big"], big, small) if rng.random() < 0.5 else (QUALITIES["small"], small, big)
    while True:
        noun = rng.choice(DESCRIBABLE)
        options = [entry for entry in fitting(noun.tags, False) if entry.en not in SETTLED]
        entry = rng.choice(options) if options else None
        peers = [other for other in DESCRIBABLE if entry and other.tags & entry.fits and peer(noun, other)]
        if entry and peers:
            return entry, noun, rng.choice(peers)


def ordered_pair(rng: Random, names: tuple[str, ...]) -> tuple[str, str]:
    """Two different names in the order they have."""
    first, second = sorted(rng.sample(range(len(names)), 2))
    return names[first], names[second]


def peer(noun: Noun, other: Noun) -> bool:
    """Whether two nouns are alike enough to be compared."""
    shared = noun.tags & other.tags & KINDS
    return noun.en != other.en and bool(shared) and ("pair" in noun.tags) == ("pair" in other.tags)


def comparison(rng: Random, rich: float) -> Clause:
    """One thing is more so than another: 가방은 상자보다 더 비쌉니다; 소년은 소녀보다 키가 더 큽니다."""
    entry, *nouns = compared(rng)
    subject, rival = (plain(noun, "my" if "kin" in noun.tags else "the", []) for noun in nouns)
    more = words(f"more {entry.en}" if entry.en in LONG else english.comparative(entry.en))
    than = Word("than")
    *first, last = entry.stem.text.split()  # 더 goes in front of the adjective proper: 키가 더 크다
    slots: dict[str, Slot] = {"goal": ([than, *rival.en], rival.marked(THAN, [than]))}
    slots["object"] = [], [Eojeol(part, list(more)) for part in first]
    slots["manner"] = [], [Eojeol("더", more[:1])]
    spec = Spec("past" if rng.random() < 0.2 else "present")
    stem = replace(entry.stem, text=last)
    return build(subject, be_group(stem, more, spec, subject.agreement), slots)


WORKERS = tagged("worker")


def identity(rng: Random, rich: float) -> Clause:
    """Somebody is something: 민수는 유명한 의사입니다; 민수는 의사가 아닙니다."""
    roll = rng.random()
    subject = named(rng.choice(NAMES)) if roll < 0.4 else relative(rng)
    if roll > 0.75:
        subject = spoken(rng.choice(("I", "he", "she")))
    noun = rng.choice(WORKERS)
    spec = Spec("past" if rng.random() < 0.25 else "present", negative=rng.random() < 0.2)
    chosen = [rng.choice(fitting(noun.tags, True))] if not spec.negative and rng.random() < 0.2 + rich else []
    what = plain(noun, "a", chosen)
    be = Word(be_form(spec.tense, subject.agreement))
    if spec.negative:
        no = Word("not")
        tail = Tail(Stem("아니", adjective=True), spec.tense == "past", [no], [be])
        return build(subject, Group([be], [no, *what.en], what.marked(SUBJECT), tail), {})
    last = what.ko.pop()
    tail = Tail(Stem(last.text + "이", copula=True), spec.tense == "past", last.sure, [be, *last.maybe])
    return build(subject, Group([be], what.en, what.ko, tail), {})


POSITIONS = {"on": "위에", "under": "아래에", "near": "근처에"}


def position(rng: Random) -> Slot:
    """On the desk, under the table, in the box."""
    preposition = rng.choice(("on", "on", "under", "in"))
    spot = plain(rng.choice(tagged("container" if preposition == "in" else "surface")), "the")
    word = Word(preposition)
    if preposition == "in":
        return [word, *spot.en], [*spot.ko, Eojeol("안에", [word])]
    return [word, *spot.en], [*spot.ko, Eojeol(POSITIONS[preposition], [word])]


PORTABLE = tagged("small")
EXISTS = Stem("있", adjective=True)
MISSING = Stem("없", adjective=True)


def existence(rng: Random, rich: float) -> Clause:
    """There is something somewhere: 책상 위에 책 세 권이 있습니다."""
    if rng.random() < 0.35:
        return creature(rng)
    noun = rng.choice(PORTABLE)
    what = thing(rng, noun, "any", rich, numbers=True)
    if not what.fresh:
        what = plain(noun, "a" if "pair" not in noun.tags else "")
    spec = Spec("past" if rng.random() < 0.3 else "present")
    return there(what, spec, position(rng))


def creature(rng: Random) -> Clause:
    """There is an animal or a person somewhere: 공원에 개 두 마리가 있습니다."""
    noun = rng.choice(tagged("animal person"))
    noun = noun if "kin" not in noun.tags else rng.choice(PEOPLE)
    place = PLACES[rng.choice(("park", "garden", "street", "zoo", "beach"))]
    if "zoo" in noun.tags:
        place = PLACES["zoo"]
    elif "person" in noun.tags:
        place = PLACES[rng.choice(("park", "library", "station", "museum", "airport", "hospital", "market", "cafe"))]
    many = rng.random() < 0.25
    what = plain(noun, "many", [], many=True) if many else counted(noun, rng.choice(tuple(NUMBERS)), [])
    spot = at_place(rng, place, 0.2)
    preposition = Word(place.prep)
    spec = Spec("past" if rng.random() < 0.4 else "present")
    return there(what, spec, ([preposition, *spot.en], spot.marked(AT, [preposition])))


def there(what: Nominal, spec: Spec, where: Slot) -> Clause:
    """The English dummy "there" leans on the Korean verb of being."""
    dummy, be = Word("there"), Word(be_form(spec.tense, what.agreement))
    tail = Tail(EXISTS, spec.tense == "past", [be], [dummy])
    return build(None, Group([dummy, be], what.en, what.marked(SUBJECT), tail), {"place": where})


def location(rng: Random, rich: float) -> Clause:
    """Something is somewhere: 열쇠는 책상 위에 있습니다."""
    noun = rng.choice(PORTABLE)
    subject = thing(rng, noun, "the", rich)
    spec = Spec("past" if rng.random() < 0.3 else "present", negative=rng.random() < 0.2)
    where = position(rng)
    be = Word(be_form(spec.tense, subject.agreement))
    no = [Word("not")] if spec.negative else []
    tail = Tail(MISSING if no else EXISTS, spec.tense == "past", no or [be], [be] if no else [])
    return build(subject, Group([be], no, [], tail), {"place": where})


def whereabouts(rng: Random, rich: float) -> Clause:
    """Somebody is at a place: 민수는 지금 도서관에 있습니다."""
    tense = rng.choice(("present", "present", "past", "future"))
    subject = person(rng, rich)
    place = rng.choice([entry for entry in PLACES.values() if entry.en not in ("street", "kitchen")])
    spot = at_place(rng, place, rich)
    preposition = words(place.prep)
    slots: dict[str, Slot] = {"place": ([*preposition, *spot.en], spot.marked(AT, preposition))}
    options = times("progressive" if tense == "present" else tense, "short")
    if rng.random() < 0.7:
        time = rng.choice(options)
        slots["time"] = fixed(time.en, time.ko)
    return build(subject, be_group(EXISTS, [], Spec(tense), subject.agreement), slots)


def weather(rng: Random, rich: float, tense: str = "") -> Clause:
    """The weather, which Korean puts after its time: 어제 서울의 날씨가 추웠습니다."""
    tense = tense or rng.choice(("past", "past", "present", "future"))
    options = [time for time in times(tense, "short") if "Friday" not in time.en] if tense != "present" else []
    time: Slot = ([], [])
    if options:
        entry = rng.choice(options)
        time = fixed(entry.en, entry.ko)
    city = PLACES[rng.choice(("Seoul", "Busan", "Jeju Island"))] if rng.random() < 0.4 else None
    if rng.random() < 0.4:
        return falling(rng, tense, time, city)
    return sky(rng.choice(WEATHER), tense, time, city)


def sky(entry: Adjective, tense: str, time: Slot = ([], []), city: Place | None = None) -> Clause:
    """The weather in Seoul was cold."""
    the, head = words("the weather")
    subject = Nominal([the, head], [Eojeol("날씨", [head], [the])], fresh=True)
    if city:
        preposition, *name = words(f"{city.prep} {city.en}")
        subject.en += [preposition, *name]
        subject.ko.insert(0, Eojeol(city.ko + "의", name, [preposition]))
    group = be_group(entry.stem, [Word(entry.en)], Spec(tense), "3s")
    clause = build(subject, group, {})
    clause.en += time[0]
    clause.front = time[1]
    return clause


def falling(rng: Random, tense: str, time: Slot = ([], []), city: Place | None = None) -> Clause:
    """It rained; it is snowing in Busan: 지금 부산에 눈이 오고 있습니다."""
    verb, ko = rng.choice((("rain", "비가"), ("snow", "눈이")))
    spec = Spec(tense, progressive=tense == "present")
    group = verb_group(Verb(verb, Stem("오")), spec)
    it = Word("it")
    main = group.rest[-1]
    clause = Clause([it, *group.aux, *group.rest], time[1], [Eojeol(ko, [main], [it])], group.chain, group.tail)
    if city:
        preposition, *name = words(f"{city.prep} {city.en}")
        clause.en += [preposition, *name]
        clause.front = [*clause.front, Eojeol(city.ko + "에", name, [preposition])]
    clause.en += time[0]
    return clause
