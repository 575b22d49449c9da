"""Fits the confidence of translations to their chrF++, and measures how well it predicts it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmt_cli.decoding.confidence import LEAST, Calibration

POOR = 40.0
"""chrF++ of a sentence below which its translation is called poor."""
FLOOR_PERCENTILE = 1.0
"""Percentile of the confidence on dev that is `Calibration.floor`."""
BINS = 10
"""Bins of equal width of the expected calibration error."""

Array = npt.NDArray[np.float64]


def fit_calibration(confidences: Sequence[float], chrf: Sequence[float]) -> Calibration:
    """Fit the calibration of a model on its translations of dev, by maximum likelihood.

    As in Platt (1999), the targets are (n + 1) / (n + 2) and 1 / (m + 2) for n poor and m other translations instead of
    1 and 0, so that the optimum is finite even if one threshold separates the two.
    """
    x = np.log(np.maximum(confidences, LEAST))
    poor = np.asarray(chrf) < POOR
    targets = np.where(poor, (poor.sum() + 1) / (poor.sum() + 2), 1 / ((~poor).sum() + 2))
    intercept, slope = _logistic_regression(x, targets)
    floor = float(np.percentile(confidences, FLOOR_PERCENTILE))
    return Calibration(threshold=POOR, intercept=intercept, slope=slope, floor=floor, sentences=len(x))


def _logistic_regression(x: Array, targets: Array, steps: int = 50) -> tuple[float, float]:
    """Intercept and slope of the log-odds, by Newton's method with a weak ridge."""
    features = np.stack([np.ones_like(x), x], axis=1)
    weights, ridge = np.zeros(2), 1e-3
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(features @ weights, -30, 30)))
        gradient = features.T @ (targets - p) - ridge * weights
        hessian = (features * (p * (1 - p))[:, None]).T @ features + ridge * np.eye(2)
        change = np.linalg.solve(hessian, gradient)
        weights = weights + change / max(1.0, float(np.abs(change).max()))  # a longer step could overshoot
        if np.abs(change).max() < 1e-8:
            break
    return float(weights[0]), float(weights[1])


def calibration_error(probabilities: Sequence[float], outcomes: Sequence[bool]) -> float:
    """Expected calibration error (Guo et al. 2017, equation 5): the mean difference of predicted and observed frequency
    over bins of the prediction, weighted by their sizes; 0 is best."""
    p, y = np.asarray(probabilities), np.asarray(outcomes, dtype=np.float64)
    bins = np.minimum((p * BINS).astype(int), BINS - 1)
    members = [bins == n for n in range(BINS) if (bins == n).any()]
    return float(sum(abs(p[inside].mean() - y[inside].mean()) * inside.mean() for inside in members))


@dataclass(frozen=True)
class ConfidenceResult:
    """How well confidence predicts the quality of translations: the expected calibration error of the probability that
    one is poor, and the numbers and mean chrF++ of the translations of low confidence and of the others."""

    error: float
    low: int
    others: int
    low_chrf: float | None
    other_chrf: float | None


def measure_confidence(
    poor_probabilities: Sequence[float], low: Sequence[bool], chrf: Sequence[float]
) -> ConfidenceResult:
    """Compare what is expected of translations with their chrF++."""
    scores, doubted = np.asarray(chrf), np.asarray(low)
    low_chrf, other_chrf = (float(part.mean()) if len(part) else None for part in (scores[doubted], scores[~doubted]))
    error = calibration_error(poor_probabilities, (scores < POOR).tolist())
    return ConfidenceResult(error, int(doubted.sum()), int((~doubted).sum()), low_chrf, other_chrf)
