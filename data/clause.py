"""Clauses: verb groups in both languages and the order of everything around them.

English puts complements after the verb and time last; Korean puts time first and the verb last.
The Korean predicate stays open (`Tail`) until it is known what the clause is doing in its sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import english
from korean import HONORIFICS, SUBJECT, Ending, Stem, direct, honorific, infinitive, inflect, linked
from lexicon import Verb
from nominal import Nominal
from phrase import Eojeol, Word, eojeols, words


@dataclass(frozen=True, slots=True)
class Spec:
    """What kind of verb group is wanted.

    `tense` is past, present or future; `mode` one of want, can, must, plan or empty; `form` is
    finite, question (the auxiliary goes first), bare ("to eat", "please eat") or gerund.
    """

    tense: str = "past"
    progressive: bool = False
    mode: str = ""
    negative: bool = False
    form: str = "finite"


@dataclass(slots=True)
class Tail:
    """The last Korean predicate of a clause, waiting for its ending."""

    stem: Stem
    past: bool
    sure: list[Word]
    maybe: list[Word] = field(default_factory=list)

    def render(self, ending: Ending, hooks: Sequence[Word] = ()) -> list[Eojeol]:
        """Attach the ending; `hooks` are the English words it stands for (when, because, and)."""
        pieces = inflect(self.stem, ending, self.past).split()
        own = self.stem.text.count(" ") + 1
        result = [Eojeol(piece, list(self.sure), list(self.maybe)) for piece in pieces[:own]]
        if len(pieces) > own:
            sure = list(hooks) or list(self.sure)
            result += [Eojeol(piece, sure) for piece in pieces[own:]]
        else:
            result[-1].maybe.extend(hooks)
        return result


@dataclass(slots=True)
class Group:
    """A verb group: English auxiliary (movable) and the rest, Korean chain and its open tail."""

    aux: list[Word]
    rest: list[Word]
    chain: list[Eojeol]
    tail: Tail


def be_form(tense: str, agreement: str) -> str:
    """The form of "to be"."""
    if tense == "future":
        return "be"
    if tense == "past":
        return "was" if agreement in ("1s", "3s") else "were"
    return {"1s": "am", "3s": "is"}.get(agreement, "are")


def finite_form(verb: str, tense: str, agreement: str) -> str:
    """A simple present or past form."""
    if tense == "past":
        return english.past(verb)
    return english.third(verb) if agreement == "3s" else verb


@dataclass(slots=True)
class _English:
    """English words of a verb group by what they do, for the Korean side to link to."""

    aux: list[Word] = field(default_factory=list)
    no: list[Word] = field(default_factory=list)
    mode: list[Word] = field(default_factory=list)
    mode_tail: list[Word] = field(default_factory=list)
    main: list[Word] = field(default_factory=list)


def _support(spec: Spec, agreement: str) -> list[Word]:
    """The auxiliary in front: will, can, be, or do where negation or a question needs one."""
    if spec.mode == "can":
        return [Word("could" if spec.tense == "past" else "can")]
    if spec.progressive or spec.mode == "plan":
        return [Word(be_form(spec.tense, agreement))]
    if spec.tense == "future":
        return [Word("will")]
    if spec.negative or spec.form == "question":
        return [Word("did" if spec.tense == "past" else finite_form("do", "present", agreement))]
    return []


def _english(verb: str, spec: Spec, agreement: str) -> _English:
    first, *after = verb.split()
    made = _English()
    if spec.form in ("bare", "gerund"):
        made.main = [Word(english.gerund(first) if spec.form == "gerund" else first)]
    else:
        made.aux = _support(spec, agreement)
        made.no = [Word("not")] if spec.negative else []
        plain_aux = bool(made.aux)
        if spec.mode in ("want", "must"):
            base = {"want": "want", "must": "have"}[spec.mode]
            made.mode = [Word(base if plain_aux else finite_form(base, spec.tense, agreement))]
            made.mode_tail = [Word("to")]
        elif spec.mode == "plan":
            made.mode, made.mode_tail = [Word("going")], [Word("to")]
        if spec.progressive:
            made.main = [Word(english.gerund(first))]
        elif plain_aux or made.mode:
            made.main = [Word(first)]
        else:
            made.main = [Word(finite_form(first, spec.tense, agreement))]
    made.main += [Word(word) for word in after]
    if made.no and made.aux[0].text == "can":  # the one negative auxiliary written as one word
        made.aux, made.no = [Word("cannot")], []
    return made


def _korean_mode(tail: Tail, chain: list[Eojeol], made: _English, spec: Spec, agreement: str) -> Tail:
    """Add want, can, must, plan or progressive to the chain."""
    stem, past = tail.stem, tail.past
    lean = [*made.mode_tail, *([] if spec.mode == "can" else made.aux)]
    if spec.mode == "can":
        chain += eojeols(linked(stem, "ㄹ"), tail.sure)
        chain.append(Eojeol("수", made.aux))
        refs = made.no or made.aux
        return Tail(Stem("없" if spec.negative else "있", adjective=True), past, refs, made.aux if made.no else [])
    if spec.mode == "must":
        chain += eojeols(infinitive(stem) + "야", tail.sure)
        return Tail(Stem("하"), past, made.mode, lean)
    if spec.mode == "plan":
        chain += eojeols(linked(stem, "려고"), tail.sure)
        return Tail(Stem("하"), past, made.mode, lean)
    chain += eojeols(direct(stem, "고"), tail.sure)
    if spec.progressive:
        return Tail(Stem("있"), past, made.aux)
    if agreement[0] in "12":
        lean = [] if made.no else lean
        chain[-1].maybe.extend(made.mode_tail if made.no else [])
        return Tail(Stem("싶", adjective=True), past, made.mode, lean)
    chain.append(Eojeol("싶어", made.mode, made.mode_tail))
    return Tail(Stem("하"), past, made.mode, lean)


def verb_group(verb: Verb, spec: Spec, agreement: str = "3s") -> Group:
    """Both sides of a verb group."""
    made = _english(verb.en, spec, agreement)
    return _group(made, verb.stem, verb.negative, spec, agreement)


def be_group(stem: Stem, described: list[Word], spec: Spec, agreement: str, negative: Stem | None = None) -> Group:
    """ "To be" with an adjective or a noun: the Korean predicate is the description itself."""
    be = Word(be_form(spec.tense, agreement))
    no = [Word("not")] if spec.negative else []
    past = spec.tense == "past"
    chain: list[Eojeol] = []
    if spec.tense == "future":
        will = Word("will")
        chain = eojeols(linked(stem, "ㄹ"), described, [be])
        return Group([will], [be, *described], chain, Tail(Stem("것이", copula=True), False, [will]))
    if no and negative:
        tail = Tail(negative, past, no, [be])
    elif no:
        chain = eojeols(stem.text + "지", described)
        tail = Tail(Stem("않", adjective=True), past, no, [be])
    else:
        tail = Tail(stem, past, described or [be], [be] if described else [])
    return Group([be], [*no, *described], chain, tail)


def _group(made: _English, stem: Stem, negative: Stem | None, spec: Spec, agreement: str) -> Group:
    chain: list[Eojeol] = []
    listener = agreement == "2"
    on_main = spec.mode in ("can", "must") or not (spec.mode or spec.progressive or spec.negative)
    if listener and (on_main or stem.text in HONORIFICS):  # 가실 수 있습니까, but 가고 계십니까; 드시고 계십니까
        stem = honorific(stem)
    tail = Tail(stem, spec.tense == "past", made.main, [] if spec.mode or spec.progressive else [*made.aux])
    if spec.mode or spec.progressive:
        tail = _korean_mode(tail, chain, made, spec, agreement)
    elif spec.tense == "future":
        tail.maybe = []
    if spec.negative and spec.mode != "can":
        if negative and not chain:
            tail = Tail(negative, tail.past, [*made.no, *made.main], made.aux)
        else:
            chain += eojeols(direct(tail.stem, "지"), tail.sure)
            tail = Tail(Stem("않", adjective=tail.stem.adjective), tail.past, made.no, made.aux)
    if listener and not on_main:
        tail.stem = honorific(tail.stem)
    if spec.tense == "future":
        chain += eojeols(linked(tail.stem, "ㄹ"), tail.sure)
        tail = Tail(Stem("것이", copula=True), False, made.aux)
    return Group(made.aux, [*made.no, *made.mode, *made.mode_tail, *made.main], chain, tail)


ENGLISH_ORDER = ("partner", "object", "goal", "about", "manner", "alone", "company", "means", "place", "purpose")
KOREAN_ORDER = (
    *("time", "often", "place", "alone", "company", "partner"),
    *("purpose", "means", "about", "goal", "object", "frequent", "manner"),
)
PARTIAL = ("often", "every")
"""What "not" denies in its stead: not often, not every day is 자주, 매일 … 지는 않습니다."""

Slot = tuple[list[Word], list[Eojeol]]


@dataclass(slots=True)
class Clause:
    """A clause with its subject; English is complete, Korean lacks the final ending.

    `front` holds what stands before the subject in Korean: fronted time and whole other clauses.
    """

    en: list[Word]
    front: list[Eojeol]
    subject: list[Eojeol]
    body: list[Eojeol]
    tail: Tail

    def korean(self, ending: Ending, hooks: Sequence[Word] = ()) -> list[Eojeol]:
        """All Korean words, with the ending put on."""
        return [*self.front, *self.subject, *self.body, *self.tail.render(ending, hooks)]


def build(subject: Nominal | None, group: Group, slots: dict[str, Slot], role: str = "main") -> Clause:
    """Put a clause together.

    `role` is main (subject as topic), embedded (subject with 이/가, as in "when Minsu came"),
    question (auxiliary first) or shared (the subject is said elsewhere).
    """
    time = slots.get("time", ([], []))
    early = slots.get("front", ([], []))
    often = slots.get("often", ([], []))[0]
    after = [word for name in ENGLISH_ORDER if name in slots for word in slots[name][0]]
    who = subject.en if subject and role != "shared" else []
    start = [*group.aux, *who] if role == "question" else [*who, *group.aux]
    no = [word for word in group.rest[:1] if word.text == "not"]
    en = [*early[0], *start, *no, *often, *group.rest[len(no) :], *after, *time[0]]
    if no and any(word.text in PARTIAL for word in [*often, *time[0], *early[0]]):
        group.chain[-1].text += "는"
    topic: list[Eojeol] = []
    if subject and role != "shared":
        topic = subject.marked(SUBJECT) if role == "embedded" else subject.as_subject()
        if not subject.ko:  # "you" is left unsaid
            group.tail.maybe = [*group.tail.maybe, *subject.en]
    body = [eojeol for name in KOREAN_ORDER if name in slots for eojeol in slots[name][1]]
    return Clause(en, early[1], topic, [*body, *group.chain], group.tail)


def fixed(en: str, ko: str) -> Slot:
    """A set phrase whose English words all stand behind every one of its Korean words."""
    source = words(en)
    return source, eojeols(ko, source)
