"""Addition with three systems of the family, trained and searched with the same code as translators."""

from collections.abc import Iterator, Sequence
from functools import partial

from nmt_cli.config import ModelConfig, TrainingConfig
from nmt_cli.lab.addition_task import Budget, Job, Trained, make_sums, until_converged
from nmt_cli.lab.synthetic import (
    FIRST_SYMBOL,
    SIZE,
    Pairs,
    accuracy,
    decode_greedily,
    encode_characters,
    new_train_step,
    train_epoch,
)

ALPHABET = "0123456789+"
LONGEST = 4
"""Digits of the largest sum."""
CELLS = 128

MODELS = {
    "fixed vector, repeated": ModelConfig.model_validate({**SIZE, "hidden_size": CELLS, "attention": "none-repeat"}),
    "state handed over": ModelConfig.model_validate({**SIZE, "hidden_size": CELLS, "attention": "none"}),
    "attention": ModelConfig.model_validate({**SIZE, "hidden_size": CELLS, "attention": "luong", "score": "general"}),
}

TRAINING = TrainingConfig(
    batch_tokens=1024, learning_rate=2e-3, schedule="constant", warmup=0, label_smoothing=0.0, ema_decay=0.0
)


def train_preset(name: str, seed: int, budget: Budget) -> Trained:
    """Train one model, and measure the accuracy of its answers after every epoch."""
    held_out, epochs = budget.held_out, budget.epochs
    sums, answers = (encode_characters(texts, ALPHABET) for texts in make_sums(budget.examples))
    pairs, unseen = Pairs(sums[held_out:], answers[held_out:]), Pairs(sums[:held_out], answers[:held_out])
    training = TRAINING.model_copy(update={"seed": seed})
    train_step = new_train_step(MODELS[name], FIRST_SYMBOL + len(ALPHABET), seed, training)

    def train() -> Iterator[tuple[float, float]]:
        for epoch in range(epochs):
            train_epoch(train_step, pairs, epoch, epochs)
            yield accuracy(decode_greedily(train_step.model, unseen.sources, LONGEST + 1), unseen.targets)

    return Trained(until_converged(epochs, train()))


def family_jobs(budget: Budget, seeds: Sequence[int]) -> list[Job]:
    """The three models with every seed."""
    return [Job(name, seed, partial(train_preset, name, seed, budget)) for seed in seeds for name in MODELS]
