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
class Vital:
    """What a validation shows of a run's health. `sharpness` is attention entropy over its maximum, or None."""

    outputs: Sequence[str]
    references: Sequence[str]
    bleu: float
    copy_bleu: float
    entropy: float | None
    clipped: float
    norm: float
    clip_norm: float


def warnings(vital: Vital) -> list[str]:
    """What a user should know, in words; nothing if all is well."""
    found = []
    distinct, wanted = len(set(vital.outputs)), len(set(vital.references))
    if len(vital.outputs) >= 20 and distinct < DISTINCT * wanted:
        found.append(
            f"the {len(vital.outputs)} dev outputs have collapsed to {distinct} distinct sentences: "
            "the source is being ignored; train longer, or lower --learning-rate"
        )
    if vital.entropy is not None and vital.entropy > FLAT:
        found.append(
            f"attention is flat ({vital.entropy:.0%} of the largest entropy): it does not yet choose where to look; "
            "train longer, or lower --learning-rate"
        )
    if vital.bleu < vital.copy_bleu:
        found.append(
            f"dev BLEU {vital.bleu:.1f} is below that of copying the source, {vital.copy_bleu:.1f}: "
            "train longer, and check that the two sides belong together"
        )
    if vital.clipped > CLIPPED and vital.norm > CLIPPED_OVER * vital.clip_norm:
        found.append(
            f"{vital.clipped:.0%} of the updates were clipped, with a typical norm of {vital.norm:.1f}: "
            "lower --learning-rate or raise --clip-norm"
        )
    return found
