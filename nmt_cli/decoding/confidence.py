"""Which translations to doubt: the mean probability of the subwords, calibrated on dev.

Platt scaling (Platt 1999, Probabilistic outputs for support vector machines): the probability that a translation is
poor is a logistic function of the log of its confidence. `evaluation/calibration.py` fits it.
"""

import math
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:  # scoring files needs no torch
    from nmt_cli.checkpoint.model_dir import LoadedModel

LOW = 0.5
"""Translations that are poor with at least this probability have low confidence."""
LEAST = 1e-12
"""Confidences below this are taken for it, since the log of 0 is not finite."""


class Calibration(BaseModel):
    """How the confidence of a model's translations predicts their chrF++.

    threshold: translations with a lower chrF++ are poor.
    intercept, slope: of the log-odds that a translation is poor, as a function of log confidence.
    floor: the confidence that 99 of 100 dev sentences exceed; below it, a sentence is unlike those of dev.
    sentences: the number of dev sentences that these were fitted on.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    threshold: float
    intercept: float
    slope: float
    floor: float
    sentences: int

    def poor_probability(self, confidence: float) -> float:
        """The probability that the chrF++ of a translation of this confidence is below the threshold."""
        log_odds = self.intercept + self.slope * math.log(max(confidence, LEAST))
        return 1 / (1 + math.exp(min(-log_odds, 700.0)))  # exp of more than 709 overflows

    def is_low(self, confidence: float) -> bool:
        """Whether a translation of this confidence should be doubted."""
        return self.poor_probability(confidence) >= LOW or confidence < self.floor


def calibration_of(loaded: "LoadedModel") -> Calibration | None:
    """The calibration that is stored with the weights; None if there is none, and for an ensemble, whose probabilities
    are not those of its first model."""
    try:
        return None if loaded.ensemble else Calibration.model_validate(loaded.metadata.get("calibration"))
    except ValidationError:
        return None
