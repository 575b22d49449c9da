"""Plain-language warnings when training goes wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

DISTINCT = 0.2
"""Least share of distinct outputs, where the references are distinct."""
FLAT = 0.95
"""Share of the largest possible entropy from which attention counts as flat."""
CLIPPED = 0.95
"""Share of updates clipped from which the clipping decides, not the gradient."""
CLIPPED_OVER = 4.0
"""... if the norm before clipping is typically this many times the limit."""


@dataclass(frozen=True)
class HealthStats:
    """What a validation shows of a run's health. `sharpness` is attention entropy over its maximum, or None."""

    outputs: Sequence[str]
    references: Sequence[str]
    bleu: float
    copy_bleu: float
    entropy: float | None
    clipped: float
    norm: float
    clip_norm: float


def warnings(stats: HealthStats) -> list[str]:
    """What a user should know, in words; nothing if all is well."""
    found = []
    distinct, wanted = len(set(stats.outputs)), len(set(stats.references))
    if len(stats.outputs) >= 20 and distinct < DISTINCT * wanted:
        found.append(
            f"the {len(stats.outputs)} dev outputs have collapsed to {distinct} distinct sentences: "
            "the source is being ignored; train longer, or lower --learning-rate"
        )
    if stats.entropy is not None and stats.entropy > FLAT:
        found.append(
            f"attention is flat ({stats.entropy:.0%} of the largest entropy): it does not yet choose where to look; "
            "train longer, or lower --learning-rate"
        )
    if stats.bleu < stats.copy_bleu:
        found.append(
            f"dev BLEU {stats.bleu:.1f} is below that of copying the source, {stats.copy_bleu:.1f}: "
            "train longer, and check that the two sides belong together"
        )
    if stats.clipped > CLIPPED and stats.norm > CLIPPED_OVER * stats.clip_norm:
        found.append(
            f"{stats.clipped:.0%} of the updates were clipped, with a typical norm of {stats.norm:.1f}: "
            "lower --learning-rate or raise --clip-norm"
        )
    return found
