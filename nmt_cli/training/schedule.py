"""The limits of a run and its progress towards them; the schedules of learning rate and teacher forcing ratio."""

import math
from dataclasses import dataclass

from nmt_cli.config import ModelConfig, TrainingConfig

DEFAULT_MINUTES = 15.0
"""The time limit of a run without any other limit."""

ADAPTATION_SHARE = 0.5
"""Default learning rate of a run that starts from another model, as a share of that from random weights."""

MIN_DECAY = 0.01
"""The lowest final teacher forcing ratio of the exponential schedule, which never reaches 0."""
STEEPNESS = 12.0
"""Steepness of the inverse sigmoid: over the run it falls from 0.998 to 0.002."""


@dataclass(frozen=True)
class StoppingCriteria:
    """The limits of a run, which ends at whichever is reached first."""

    steps: int | None
    epochs: float | None
    seconds: float | None

    @classmethod
    def of(cls, config: TrainingConfig) -> "StoppingCriteria":
        """The limits of a config, or DEFAULT_MINUTES if it has none."""
        minutes = config.max_minutes
        if minutes is None and config.max_steps is None and config.max_epochs is None:
            minutes = DEFAULT_MINUTES
        return cls(config.max_steps, config.max_epochs, None if minutes is None else 60 * minutes)

    def progress(self, steps: int, epochs: float, seconds: float, reserve: float = 0.0) -> float:
        """Share of the run that is done, from 0 to 1. Of the time limit, `reserve` seconds are not for updates."""
        shares = [0.0]
        if self.steps is not None:
            shares.append(steps / self.steps if self.steps else 1.0)
        if self.epochs is not None:
            shares.append(epochs / self.epochs)
        if self.seconds is not None:
            shares.append(seconds / max(self.seconds - reserve, 1e-9))
        return min(1.0, max(shares))

    def __str__(self) -> str:
        parts = []
        if self.steps is not None:
            parts.append(f"{self.steps:,} updates")
        if self.epochs is not None:
            parts.append(f"{self.epochs:g} epochs")
        if self.seconds is not None:
            parts.append(f"{self.seconds / 60:g} minutes")
        return " or ".join(parts)


def default_learning_rate(model: ModelConfig, adapting: bool = False) -> float:
    """The default learning rate for a model's size: min(0.008, 2.3 / width) / sqrt(max(1, depth / 2)), and
    ADAPTATION_SHARE of it if the run starts from the weights of another model.

    With Adam the rate of matrices between hidden layers should fall as 1 / width (Yang et al. 2021, table 3); here all
    weights share one rate. Measured (`benchmarks/JOURNAL.md`, "The learning rate"): 0.008 was best at a width of 288;
    early in a run, 0.0045 was better than 0.008 at 512, and 0.003 better than 0.008 for four layers of 248.
    """
    depth = max(model.encoder_layers, model.decoder_layers)
    rate = min(0.008, 2.3 / model.hidden_size) / math.sqrt(max(1.0, depth / 2))
    return rate * ADAPTATION_SHARE if adapting else rate


def learning_rate(config: TrainingConfig, step: int, progress: float) -> float:
    """The learning rate of update `step` (from 0): linear warm-up, times decay over the run's progress.

    The warm-up takes `warmup` updates, but no more than the first tenth of the run.
    """
    warmup = max(min(1.0, (step + 1) / (config.warmup + 1)), min(1.0, progress / 0.1)) if config.warmup else 1.0
    decay = {
        "linear": 1.0 - progress,
        "cosine": 0.5 * (1.0 + math.cos(math.pi * progress)),
        "constant": 1.0,
    }[config.schedule]
    return config.learning_rate * min(warmup, 1.0) * decay


def teacher_forcing_ratio(config: TrainingConfig, progress: float) -> float:
    """The teacher forcing ratio, the probability that the decoder's input is the gold previous token: scheduled
    sampling (Bengio et al. 2015, section 2.4) over the run's progress p, from 1 to `teacher_forcing_ratio` e.

        linear 1 - (1 - e) p      exponential e^p      inverse-sigmoid e + (1 - e) / (1 + exp(12 (p - 1/2)))
    """
    end = config.teacher_forcing_ratio
    ratio: float = {
        "none": 1.0,
        "free": 0.0,
        "constant": end,
        "linear": 1.0 - (1.0 - end) * progress,
        "exponential": max(end, MIN_DECAY) ** progress,
        "inverse-sigmoid": end + (1.0 - end) / (1.0 + math.exp(STEEPNESS * (progress - 0.5))),
    }[config.scheduled_sampling]
    return ratio
