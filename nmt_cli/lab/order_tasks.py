"""The order of the source on addition and on copying digits, character by character, without attention.

Zaremba and Sutskever (2014, Learning to Execute) report that reversing and doubling the source help an LSTM without
attention to copy digits. Addition is another task of theirs.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from nmt_cli.lab.addition_family import ALPHABET, MODELS, TRAINING
from nmt_cli.lab.addition_task import make_sums
from nmt_cli.lab.synthetic import CharacterTraining

MODEL = MODELS["state handed over"]
DIGITS = (5, 15)
"""The least and the largest number of digits to copy."""


@dataclass(frozen=True)
class Task:
    """Sources and targets, as text, of which the first `held_out` are not trained on, and the epochs of training."""

    sources: Sequence[str]
    targets: Sequence[str]
    held_out: int
    epochs: int


def addition(examples: int, held_out: int, epochs: int) -> Task:
    """Sums of two numbers of one to three digits."""
    return Task(*make_sums(examples), held_out, epochs)


def copying(examples: int, held_out: int, epochs: int) -> Task:
    """Rows of random digits, each with itself as the target."""
    draw = random.Random(1)
    rows = ["".join(draw.choices("0123456789", k=draw.randint(*DIGITS))) for _ in range(examples)]
    return Task(rows, rows, held_out, epochs)


def train_order(task: Task, order: str, seed: int) -> tuple[float, float]:
    """Train the model with a fixed vector, its source in this order -> the accuracy of its greedy answers to what was
    held out, per character, EOS included, and whole."""
    model = MODEL.model_copy(update={"source_order": order})
    training = TRAINING.model_copy(update={"seed": seed})
    run = CharacterTraining(model, training, ALPHABET, (task.sources, task.targets), task.held_out)
    for epoch in range(task.epochs):
        run.train(epoch, task.epochs)
    return run.accuracy()
