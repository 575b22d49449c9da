"""Every attention system of the family, in tiny sizes."""

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
    """The whole family: every placement of attention with every valid combination of score, heads, window and
    coverage. The other options (`SIDES`) are drawn at random, so that every pair of choices occurs."""
    attentions = [
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
    placements: list[dict[str, object]] = [
        {"attention": "gnmt"},
        {"attention": "luong"},
        {"attention": "luong", "input_feeding": True},
        {"attention": "bahdanau"},
    ]
    combinations = [{**placement, **options} for placement, options in itertools.product(placements, attentions)]
    combinations += [{"attention": name} for name in ("none", "none-repeat") for _ in range(16)]
    draw = random.Random(5)
    configs = []
    for system in combinations:
        sides = {side: draw.choice(values) for side, values in SIDES.items()}
        if system["attention"] == "none-repeat":
            sides["readout"] = "plain"
        if system.get("local_attention") == "monotonic":
            sides["source_order"] = "forward"
        depth = sides["encoder_layers"] if system["attention"] == "none" else draw.choice((2, 3))
        configs.append(config(**system, **sides, decoder_layers=depth))
    return configs


def name(system: ModelConfig) -> str:
    """The options that differ from their defaults, as a test id."""
    changed = {k: v for k, v in system.model_dump().items() if v != ModelConfig.model_fields[k].default}
    return "-".join(str(v) if isinstance(v, str) else f"{k}{v}" for k, v in changed.items() if not k.endswith("_size"))


def pairwise(pool: list[ModelConfig]) -> list[ModelConfig]:
    """A small subset with every pair of choices that occurs in the pool, selected greedily."""
    bit: dict[object, int] = defaultdict(itertools.count().__next__)
    pairs = [
        sum(1 << bit[pair] for pair in itertools.combinations(system.model_dump().items(), 2)) for system in pool
    ]  # one bit per pair
    missing = functools.reduce(operator.or_, pairs)
    selected = []
    while missing:
        best = max(range(len(pool)), key=lambda index: ((pairs[index] & missing).bit_count(), -index))
        selected.append(best)
        missing &= ~pairs[best]
    return [pool[index] for index in sorted(selected)]


ALL_SYSTEMS = systems()
SYSTEMS = pairwise(ALL_SYSTEMS)
"""The systems that every test run covers; the slow tests cover all (`every_system`)."""

_FAST = {id(system) for system in SYSTEMS}
every_system = pytest.mark.parametrize(
    "system",
    [pytest.param(s, marks=[] if id(s) in _FAST else pytest.mark.slow, id=name(s)) for s in ALL_SYSTEMS],
)
"""Parametrizes a test over the whole family; systems outside `SYSTEMS` are marked slow."""
