"""Sentence plans that put clauses side by side or report one: and, but, that."""

from dataclasses import replace
from random import Random

from actions import GOING, OUTINGS, STEPS, action, actor, any_spec, errand, modal
from causes import because, condition, sky_because
from clause import Clause, Spec, Tail, build, verb_group
from descriptions import quality
from frames import STATES
from korean import Ending, Stem, linked
from lexicon import Frame, Verb
from nominal import person, settled
from phrase import Word, comma, eojeols, words
from scene import Wish, act, usable
from subordinate import front_time, other_person
from timing import VISITS, during, interrupted, visit_when


def sequence(rng: Random, rich: float) -> Clause:
    """Two or three things one person does: 친구를 만나서 커피를 마셨습니다."""
    tense = rng.choice(("past", "past", "past", "future"))
    subject = actor(rng, GOING, rich)
    chosen = steps(rng, 3 if rng.random() < rich * 0.5 else 2)
    spec = Spec("past") if tense == "past" else Spec("present", form="bare")
    clauses = [
        act(rng, subject, frame, spec, Wish(rich * 0.7, place=spot, time=False, clauses=False), "shared")
        for frame, spot in chosen
    ]
    last = clauses[-1]
    en, body = list(subject.en), []
    will = words("will") if tense == "future" else []
    en += will
    for (frame, _), clause in zip(chosen[:-1], clauses[:-1], strict=True):
        hooks = words("and") if clause is clauses[-2] else []
        en += [*(clause.en if hooks else comma(clause.en) if len(clauses) > 2 else clause.en)]
        if hooks and len(clauses) > 2:
            comma(en)
        en += hooks
        body += [*clause.body, *clause.tail.render(Ending.RESULT if frame.verb.joins else Ending.SEQUENCE, hooks)]
    en += last.en
    body += last.body
    tail = last.tail
    if will:
        body += eojeols(linked(tail.stem, "ㄹ"), tail.sure)
        tail = Tail(Stem("것이", copula=True), False, will)
    whole = Clause(en, [], subject.as_subject(), body, tail)
    return front_time(rng, whole, tense, 0.3 + rich * 0.3)


def steps(rng: Random, number: int) -> list[tuple[Frame, str | None]]:
    """Frames for a sequence; one that begins by going somewhere goes on at that place."""
    if rng.random() < 0.4:
        outing, spot = rng.choice(VISITS)
        more = [frame for frame in OUTINGS if spot in frame.places and frame.verb != outing.verb]
        extra: list[tuple[Frame, str | None]] = [(rng.choice(more), "")] if number > 2 and more else []
        return [(GOING, spot), (outing, ""), *extra]
    found: list[tuple[Frame, str | None]] = []
    while len(found) < number:
        frame = rng.choice(STEPS)
        if all(frame.verb != taken.verb for taken, _ in found):
            found.append((frame, None))
    return found


def quoted(rng: Random, rich: float) -> Clause:
    """Minsu said that the movie was interesting: 재미있다고 말했습니다."""
    verb, ko = rng.choice((("say", "말하"), ("think", "생각하"), ("hear", "듣")))
    past = verb != "think"
    subject = settled(rng, rich * 0.5)
    spec = Spec("past" if past else "present")
    group = verb_group(Verb(verb, Stem(ko, "ㄷ" if ko == "듣" else "")), spec, subject.agreement)
    if verb == "think" or rng.random() < 0.5:
        sub = quality(rng, rich, "embedded", Spec("past" if past else "present", negative=rng.random() < 0.2))
        sub.tail.past = False
    else:
        who = other_person(rng, subject)
        sub = act(rng, who, rng.choice(usable(spec, "person")), spec, Wish(rich, clauses=False), "embedded")
    that = Word("that")
    clause = build(subject, group, {})
    clause.en += [that, *sub.en]
    clause.body = [*sub.korean(Ending.THAT, [that]), *clause.body]
    return clause


def contrast(first: Clause, second: Clause, link: str) -> Clause:
    """Two clauses side by side: 민수는 책을 읽었고, 유나는 음악을 들었습니다."""
    hook = words(link)
    ko = first.korean(Ending.AND if link == "and" else Ending.BUT, hook)
    ko[-1].text += ","
    return Clause([*comma(first.en), *hook, *second.en], [*ko, *second.front], second.subject, second.body, second.tail)


def two_sided(rng: Random, rich: float) -> Clause:
    """Two people, two things: alike with and, set against each other with but."""
    link = rng.choice(("and", "but"))
    likes = rng.random() < 0.35
    spec = Spec("present") if likes else any_spec(rng, 0.0)
    if link == "but" and (spec.tense == "future" or spec.progressive):
        spec = Spec("past")
    turned = replace(spec, negative=link == "but")
    specs = [spec, turned] if rng.random() < 0.6 else [turned, spec]
    known = specs[0].negative or (spec.tense == "present" and not spec.progressive)
    subject = settled(rng, rich) if known else person(rng, rich)
    rival = other_person(rng, subject)
    options = STATES if likes else usable(spec, "person")
    frames = [rng.choice(STATES[:3])] * 2 if likes else rng.sample(options, 2)
    if link == "but":  # the contrast is in who, what and whether, so the verb stays the same
        frames[1] = frames[0]
    wish = Wish(rich * 0.9, time=not likes and rng.random() < 0.5, clauses=not likes)
    later = Wish(rich * 0.9, time=False, clauses=not likes)
    first = act(rng, subject, frames[0], specs[0], wish)
    return contrast(first, act(rng, rival, frames[1], specs[1], later), link)


HALVES = (action, modal, errand, because, sky_because, interrupted, visit_when, during, sequence, quoted, condition)


def long(rng: Random, rich: float) -> Clause:
    """Two plans of this grammar side by side, about different people."""
    while True:
        first, second = (rng.choice(HALVES)(rng, 0.85 + 0.15 * rich) for _ in range(2))
        texts = [" ".join(eojeol.text for eojeol in half.subject) for half in (first, second)]
        together = first.tail.past == second.tail.past and first.tail.stem.copula == second.tail.stem.copula
        if together and texts[0] != texts[1] and texts[1] not in ("그는", "그녀는", "그들은"):
            return contrast(first, second, "and" if first.tail.stem.copula or rng.random() < 0.8 else "but")
