"""What a search gives back, and how a hypothesis is scored."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

SEEN_TOO_LITTLE = 1e-6
"""Least coverage of a source position in the logarithm, which has no value at 0."""


@dataclass(frozen=True)
class Hypothesis:
    """One translation in subwords.

    tokens: without beginning and end of sentence; may be empty.
    score: what hypotheses are ranked by: log_prob / length_penalty + coverage_penalty.
    log_prob: natural logarithm of the model's probability of the tokens and, if finished, of the end after them.
    token_log_probs: its summands; one more than tokens if finished, the last being that of the end.
    attention: (T, S) weights of every token over the real source positions, if they were asked for.
    finished: False when it was cut at the length limit, or had no permitted continuation.
    """

    tokens: list[int]
    score: float
    log_prob: float
    token_log_probs: list[float]
    attention: npt.NDArray[np.float32] | None
    finished: bool


def length_penalty(length: Tensor, exponent: float) -> Tensor:
    """lp(Y) = ((5 + |Y|) / 6)^a (Wu et al. 2016, equation 14); |Y| counts the end of sentence, like log_prob."""
    return ((5.0 + length) / 6.0) ** exponent


def coverage_penalty(coverage: Tensor, source_mask: Tensor, weight: float) -> Tensor:
    """cp(X; Y) = b * sum_j log(min(sum_i a_ij, 1)) (Wu et al. 2016, equation 14).

    coverage: (B, K, S) attention summed over the target. source_mask: (B, S), True on real tokens. Gives (B, K).
    """
    logarithms = coverage.clamp(SEEN_TOO_LITTLE, 1.0).log()
    return weight * logarithms.masked_fill(~source_mask[:, None, :], 0.0).sum(-1)
