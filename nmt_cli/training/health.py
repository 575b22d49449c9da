"""Warnings for the user when training goes wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

DISTINCT = 0.2
"""Outputs have collapsed if there are fewer distinct ones than this share of the distinct references."""
FLAT = 0.95
"""Attention is flat if its entropy is more than this share of the largest possible."""
CLIPPED = 0.95
"""Gradients are too large if more than this share of updates are clipped, and CLIPPED_OVER applies too."""
CLIPPED_OVER = 4.0
"""The median gradient norm before clipping is more than this many times `clip_norm`."""


@dataclass(frozen=True)
class HealthStats:
    """What the warnings are based on: the outputs of a validation, and the gradients of the updates before it.

    `bleu` is that of the outputs, `copy_bleu` that of the source sentences themselves. `entropy` is the attention
    entropy as a share of its maximum, None without attention. `clipped` is the share of the last updates that were
    clipped, `norm` the median of their gradient norms before clipping (`RECENT` of them, in `trainer.py`).
    """

    outputs: Sequence[str]
    references: Sequence[str]
    bleu: float
    copy_bleu: float
    entropy: float | None
    clipped: float
    norm: float
    clip_norm: float


def health_warnings(stats: HealthStats) -> list[str]:
    """The warnings that apply; an empty list if all is well."""
    messages = []
    distinct, expected = len(set(stats.outputs)), len(set(stats.references))
    if len(stats.outputs) >= 20 and distinct < DISTINCT * expected:
        messages.append(
            f"the {len(stats.outputs)} dev outputs have collapsed to {distinct} distinct sentences: "
            "the model ignores the source; train longer, or lower --learning-rate"
        )
    if stats.entropy is not None and stats.entropy > FLAT:
        messages.append(
            f"attention is flat ({stats.entropy:.0%} of the largest entropy): it does not select source tokens yet; "
            "train longer, or lower --learning-rate"
        )
    if stats.bleu < stats.copy_bleu:
        messages.append(
            f"dev BLEU {stats.bleu:.1f} is below that of copying the source, {stats.copy_bleu:.1f}: "
            "train longer, and check that source and target lines belong together"
        )
    if stats.clipped > CLIPPED and stats.norm > CLIPPED_OVER * stats.clip_norm:
        messages.append(
            f"{stats.clipped:.0%} of the updates were clipped, with a median norm of {stats.norm:.1f}: "
            "lower --learning-rate or raise --clip-norm"
        )
    return messages
