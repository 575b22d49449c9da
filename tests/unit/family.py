"""Every attention system of the family, at a tiny size."""

import functools
import itertools
import operator
import random
from collections import defaultdict

import pytest

from nmt_cli.config import ModelConfig
from nmt_cli.model.attention import SCORES


def config(**options: object) -> ModelConfig:
    return ModelConfig.model_validate({"embedding_size": 12, "hidden_size": 16, **options})


SIDES = {
    "cell": ("lstm", "gru", "rnn"),
    "bidirectional": (True, False),
    "embedded_values": (True, False),
    "residual_from": (2, 3),
    "source_order": ("forward", "reversed", "doubled", "doubled-reversed"),
    "readout": ("plain", "maxout"),
    "encoder_layers": (1, 2, 3),
}


def systems() -> list[ModelConfig]:
    """The whole family: every placement with every score, number of heads, window and coverage that make sense
    together; what stands beside attention changes from one to the next, so that every pair occurs."""
    looks = [
        {
            "score": score,
            "heads": heads,
            "local_attention": local,
            "local_window": 2 if local != "none" else 10,
            "coverage": coverage,
        }
        for score, heads, local, coverage in itertools.product(
            SCORES, (1, 2), ("none", "monotonic", "predictive"), (False, True)
        )
        if not (coverage and score == "location")
    ]
    places: list[dict[str, object]] = [
        {"attention": "gnmt"},
        {"attention": "luong"},
        {"attention": "luong", "input_feeding": True},
        {"attention": "bahdanau"},
    ]
    chosen = [{**place, **look} for place, look in itertools.product(places, looks)]
    chosen += [{"attention": name} for name in ("none", "none-repeat") for _ in range(16)]
    draw = random.Random(5)
    found = []
    for system in chosen:
        sides = {side: draw.choice(values) for side, values in SIDES.items()}
        if system["attention"] == "none-repeat":
            sides["readout"] = "plain"
        if system.get("local_attention") == "monotonic":
            sides["source_order"] = "forward"
        depth = sides["encoder_layers"] if system["attention"] == "none" else draw.choice((2, 3))
        found.append(config(**system, **sides, decoder_layers=depth))
    return found


def name(system: ModelConfig) -> str:
    changed = {k: v for k, v in system.model_dump().items() if v != ModelConfig.model_fields[k].default}
    return "-".join(str(v) if isinstance(v, str) else f"{k}{v}" for k, v in changed.items() if not k.endswith("_size"))


def pairwise(pool: list[ModelConfig]) -> list[ModelConfig]:
    """As few of them as have every pair of choices that the pool has, found greedily."""
    numbers: dict[object, int] = defaultdict(itertools.count().__next__)
    pairs = [
        sum(1 << numbers[pair] for pair in itertools.combinations(system.model_dump().items(), 2)) for system in pool
    ]  # a bit for each pair
    missing = functools.reduce(operator.or_, pairs)
    chosen = []
    while missing:
        best = max(range(len(pool)), key=lambda index: ((pairs[index] & missing).bit_count(), -index))
        chosen.append(best)
        missing &= ~pairs[best]
    return [pool[index] for index in sorted(chosen)]


ALL_SYSTEMS = systems()
SYSTEMS = pairwise(ALL_SYSTEMS)
"""The members that every test run tries; the `slow` tier tries all (`every_system`)."""

_TRIED = {id(system) for system in SYSTEMS}
every_system = pytest.mark.parametrize(
    "system",
    [pytest.param(s, marks=[] if id(s) in _TRIED else pytest.mark.slow, id=name(s)) for s in ALL_SYSTEMS],
)
"""Runs a test for each member of the family: for all but `SYSTEMS` in the slow tier."""
