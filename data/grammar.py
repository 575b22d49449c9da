"""The grammar as a whole: which sentence plans there are and how often each is used."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import actions
import causes
import descriptions
import joined
import timing
from clause import Clause
from phrase import Pair

Plan = Callable[[Random, float], Clause]
"""A plan takes a source of chance and a richness from 0 to 1, and returns a clause to be closed."""

CLAUSES: tuple[tuple[int, Plan], ...] = (
    (21, actions.action),
    (7, actions.modal),
    (6, actions.state),
    (3, actions.having),
    (4, actions.beast),
    (6, actions.errand),
    (6, descriptions.quality),
    (1, descriptions.place_quality),
    (2, descriptions.feeling),
    (2, descriptions.comparison),
    (2, descriptions.identity),
    (3, descriptions.existence),
    (1, descriptions.location),
    (1, descriptions.whereabouts),
    (1, descriptions.weather),
    (11, joined.sequence),
    (8, causes.because),
    (5, causes.sky_because),
    (6, timing.interrupted),
    (4, timing.visit_when),
    (2, timing.mood_when),
    (7, causes.condition),
    (5, timing.around),
    (4, timing.during),
    (7, joined.quoted),
    (9, joined.two_sided),
    (10, joined.long),
)

QUESTIONS: tuple[tuple[int, Callable[[Random, float], Pair]], ...] = (
    (5, actions.asked),
    (4, actions.wh_question),
    (1, actions.how_many),
    (6, actions.request),
)


TOTAL = sum(weight for weight, _ in (*CLAUSES, *QUESTIONS))


@dataclass(frozen=True, slots=True)
class Grammar:
    """Draws sentence pairs; everything random comes from the one generator it is given."""

    rng: Random

    def pair(self) -> Pair:
        """One sentence pair."""
        rich = self.rng.random() ** 0.8
        roll = self.rng.randrange(TOTAL)
        for weight, plan in CLAUSES:
            roll -= weight
            if roll < 0:
                return actions.statement(plan(self.rng, rich))
        for weight, closed in QUESTIONS:
            roll -= weight
            if roll < 0:
                return closed(self.rng, rich)
        raise AssertionError("the weights are all used up")
