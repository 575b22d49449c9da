"""Addition with the tutorials' own systems, and with variants of the one with attention that differ from it by one
change each."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from nmt_cli.lab.addition_task import Budget, Job, Trained, make_sums, until_converged
from nmt_cli.lab.keras_seq2seq import CELLS, SYSTEMS, Design, KerasSeq2Seq
from nmt_cli.report.attention_map import AttentionMap, Matrix

BLANK = " "
ALPHABET = f"0123456789+{BLANK}"
QUESTION, ANSWER = 7, 4
"""Characters of the longest sum, "999+999", and of its answer. Shorter ones are padded with blanks."""
BATCH = 128
LEARNING_RATE = 1e-3

ATTENTION, SIMPLE = SYSTEMS["AttentionSeq2Seq"], SYSTEMS["SimpleSeq2Seq"]
BAHDANAU = "Bahdanau's score"
ABLATION = {
    "encoder in one direction": replace(ATTENTION, bidirectional=False),
    "decoder of 12 cells": replace(ATTENTION, decoder_cells=len(ALPHABET)),
    BAHDANAU: replace(ATTENTION, context="bahdanau"),
    "last state, no attention": replace(ATTENTION, context="last"),
    "own output fed back": replace(ATTENTION, previous="own"),
    "teacher forcing": replace(ATTENTION, previous="gold"),
    "readout without tanh": replace(ATTENTION, readout="linear"),
    "squared error": replace(ATTENTION, loss="squared error"),
    "simple, decoder of 128 cells": replace(SIMPLE, decoder_cells=CELLS, readout="tanh"),
}
"""The system with attention with one change each, and the simple system with a decoder as wide as that."""

ORDERS = BACKWARDS, FORWARDS = "backwards", "forwards"
"""Whether the encoder reads the padded sum from its end, as Keras' example does, or from its start."""
SHORT = 20
"""Epochs of the systems that read forwards and of the ablation, about which nothing is claimed."""
SHOWN = 3
"""Sums whose attention is drawn."""


@dataclass(frozen=True)
class Sums:
    """Questions (N, S, V), one-hot, and answers (N, T), as character numbers."""

    questions: Tensor
    answers: Tensor

    def reversed(self) -> Self:
        """The questions backwards, blanks first."""
        return replace(self, questions=self.questions.flip(1))


def encode_padded(texts: Sequence[str], length: int) -> Tensor:
    """Texts -> the numbers of their characters (N, length), padded with blanks."""
    number = {character: i for i, character in enumerate(ALPHABET)}
    return torch.tensor([[number[character] for character in text.ljust(length)] for text in texts])


def make_data(budget: Budget) -> tuple[Sums, Sums]:
    """The sums to train on, and those held out."""
    questions, answers = make_sums(budget.examples)
    one_hot = nn.functional.one_hot(encode_padded(questions, QUESTION), len(ALPHABET)).float()
    numbers = encode_padded(answers, ANSWER)
    held_out = budget.held_out
    return Sums(one_hot[held_out:], numbers[held_out:]), Sums(one_hot[:held_out], numbers[:held_out])


def new_model(design: Design, seed: int) -> KerasSeq2Seq:
    """A model with random weights."""
    torch.manual_seed(seed)
    return KerasSeq2Seq(design, len(ALPHABET), ANSWER)


def train(model: KerasSeq2Seq, data: Sums, seed: int, epochs: int) -> Iterator[float]:
    """Train, and yield the mean loss of every epoch.

    Outputs of a tanh lie between -1 and 1. Their softmax gives no character a probability above 0.40, and the
    cross-entropy cannot fall below 0.91. A character whose output is wrongly near 1 hardly gets a gradient.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, eps=1e-7, fused=True)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        total = 0.0
        for rows in torch.split(torch.randperm(len(data.answers), generator=generator), BATCH):
            answers = data.answers[rows]
            outputs, _ = model(data.questions[rows], answers)
            loss = _loss(model.design, outputs, answers)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(rows)
        yield total / len(data.answers)


def _loss(design: Design, outputs: Tensor, answers: Tensor) -> Tensor:
    if design.loss == "squared error":
        return nn.functional.mse_loss(outputs, nn.functional.one_hot(answers, len(ALPHABET)).float())
    return nn.functional.cross_entropy(outputs.flatten(0, 1), answers.flatten())


@torch.no_grad()
def accuracy(model: KerasSeq2Seq, data: Sums) -> tuple[float, float]:
    """The share of correct characters, blanks included, and that of answers correct as a whole."""
    outputs, _ = model(data.questions)
    correct = outputs.argmax(2) == data.answers
    return correct.float().mean().item(), correct.all(1).float().mean().item()


def train_system(design: Design, backwards: bool, seed: int, epochs: int, budget: Budget) -> Trained:
    """Train one system, and measure its accuracies after every epoch, and its attention at the end."""
    data, unseen = make_data(budget)
    if backwards:
        data, unseen = data.reversed(), unseen.reversed()
    model = new_model(design, seed)
    accuracies = until_converged(epochs, (accuracy(model, unseen) for _ in train(model, data, seed, epochs)))
    return Trained(accuracies, *show(model, unseen.questions[longest_sums(unseen)[:SHOWN]], backwards))


def tutorial_jobs(budget: Budget, seeds: Sequence[int]) -> list[Job]:
    """The tutorials' three systems, reading backwards and forwards, and the ablation, which reads backwards, with every
    seed."""
    short = min(SHORT, budget.epochs)
    jobs = []
    for seed in seeds:
        for (name, design), order in itertools.product(SYSTEMS.items(), ORDERS):
            epochs = budget.epochs if order == BACKWARDS else short
            train_it = partial(train_system, design, order == BACKWARDS, seed, epochs, budget)
            jobs.append(Job(f"{name}, {order}", seed, train_it))
        for name, design in ABLATION.items():
            jobs.append(Job(name, seed, partial(train_system, design, True, seed, short, budget)))
    return jobs


def longest_sums(sums: Sums) -> Tensor:
    """The rows of the sums without blanks, which are three digits and three digits."""
    return (sums.questions.argmax(2) != ALPHABET.index(BLANK)).all(1).nonzero().flatten()


@torch.no_grad()
def show(model: KerasSeq2Seq, questions: Tensor, backwards: bool) -> tuple[list[str], list[Matrix]]:
    """The model's answers, and its attention weights (T, S), with the question in the order of writing."""
    outputs, weights = model(questions)
    written = weights.flip(2) if backwards else weights
    return _texts(outputs.argmax(2)), list(written.numpy())


def attention_maps(linear: Trained, bahdanau: Trained, budget: Budget) -> list[AttentionMap]:
    """The attention of two systems for some sums: the question across, and down the answer of the system with the
    linear score, then that of the one with Bahdanau's."""
    _, unseen = make_data(budget)
    questions = _texts(unseen.questions[longest_sums(unseen)[:SHOWN]].argmax(2))
    maps = []
    for row, question in enumerate(questions):
        labels = [
            f"{name} {character}"
            for name, trained in (("linear", linear), ("Bahdanau", bahdanau))
            for character in trained.answers[row]
        ]
        weights = np.concatenate([linear.weights[row], bahdanau.weights[row]])  # (2 T, S)
        answers = f"{linear.answers[row]} (linear), {bahdanau.answers[row]} (Bahdanau)"
        characters = ["plus" if character == "+" else character for character in question]  # slanted, + looks like ×
        maps.append(AttentionMap(characters, labels, weights, question, answers))
    return maps


def _texts(numbers: Tensor) -> list[str]:
    """Character numbers (N, length) -> texts in which a blank can be seen."""
    return ["".join(ALPHABET[number] for number in row).replace(BLANK, "␣") for row in numbers.tolist()]
