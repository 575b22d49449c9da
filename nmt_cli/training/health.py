"""Warnings when training goes wrong, and a verdict when it ends."""

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

ROUGH, USABLE = 25.0, 45.0
"""chrF on dev, by rule of thumb: below the first, outputs have little to do with the source; from the second on, most
sentences can be understood."""
RISING = 0.5
"""chrF gained in the last third of the validations above which a longer run is worth its time."""


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


@dataclass(frozen=True)
class Verdict:
    """What a run has come to: its best chrF on dev, and whether that was still rising."""

    chrf: float
    rising: bool

    def __str__(self) -> str:
        quality = "not usable yet" if self.chrf < ROUGH else "rough" if self.chrf < USABLE else "usable"
        return f"{quality} (chrF {self.chrf:.1f} on dev), {'still rising' if self.rising else 'no longer rising'}"


def judge(chrf: Sequence[float]) -> Verdict | None:
    """The verdict on the chrF of all validations of a run, in order; None if there was none. Fewer than three count as
    rising."""
    if not chrf:
        return None
    last_third = len(chrf) - len(chrf) // 3
    earlier = chrf[:last_third] if len(chrf) >= 3 else [0.0]
    return Verdict(max(chrf), max(chrf) - max(earlier) > RISING)
