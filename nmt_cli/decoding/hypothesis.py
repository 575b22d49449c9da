"""The hypotheses that search returns, and the penalties in their score."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

MIN_COVERAGE = 1e-6
"""Lower bound on the coverage of a source position in the logarithm, which is -inf at 0."""


@dataclass(frozen=True)
class Hypothesis:
    """One translation in subwords.

    tokens: without BOS and EOS; may be empty.
    score: log_prob / length_penalty + coverage_penalty, by which hypotheses are ranked.
    log_prob: natural logarithm of the model's probability of the tokens and, if finished, of EOS.
    token_log_probs: log-probability of each token and, if finished, of EOS; their sum is log_prob.
    attention: (T, S) weights of every token over the source positions without padding, if requested.
    finished: False if it was cut at the length limit, or had no permitted continuation.
    searched_again: what was wrong with the first result, if search was repeated for it; else empty.
    """

    tokens: list[int]
    score: float
    log_prob: float
    token_log_probs: list[float]
    attention: npt.NDArray[np.float32] | None
    finished: bool
    searched_again: str = ""


def length_penalty(length: Tensor, exponent: float) -> Tensor:
    """lp(Y) = ((5 + |Y|) / 6)^a (Wu et al. 2016, equation 14); |Y| counts EOS, as log_prob does."""
    return ((5.0 + length) / 6.0) ** exponent


def coverage_penalty(coverage: Tensor, source_mask: Tensor, weight: float) -> Tensor:
    """cp(X; Y) = b * sum_j log(min(sum_i a_ij, 1)) (Wu et al. 2016, equation 14).

    coverage: (B, K, S) attention summed over the target. source_mask: (B, S), True on real tokens. Returns (B, K).
    """
    logarithms = coverage.clamp(MIN_COVERAGE, 1.0).log()
    return weight * logarithms.masked_fill(~source_mask[:, None, :], 0.0).sum(-1)
