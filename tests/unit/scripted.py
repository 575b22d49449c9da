"""A model made by hand: log-probabilities that depend on the sentence and on everything said so far."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

from nmt_cli.special_tokens import EOS

Script = Callable[[int, tuple[int, ...]], Sequence[float]]
"""Sentence, tokens so far -> log-probability of every next token."""


@dataclass(frozen=True)
class History:
    """The state of the scripted model: which sentences, and all tokens of each hypothesis."""

    sentences: list[int]
    told: list[list[tuple[int, ...]]]  # (B, K)

    def select(self, beams: Tensor) -> "History":
        told = [[row[k] for k in chosen] for row, chosen in zip(self.told, beams.tolist(), strict=True)]
        return History(self.sentences, told)

    def select_batch(self, rows: Tensor) -> "History":
        return History([self.sentences[i] for i in rows], [self.told[i] for i in rows])


class ScriptedModel:
    """Calls the script for every hypothesis. Weights attend to position (number of tokens said) mod S."""

    def __init__(self, script: Script, source_lengths: Sequence[int] | None = None) -> None:
        self.script = script
        self.source_lengths = source_lengths
        self.steps = 0
        self.widths: list[int] = []

    def start(self, sentences: Sequence[int]) -> History:
        return History(list(sentences), [[()] for _ in sentences])

    def __call__(self, tokens: Tensor, state: History) -> tuple[Tensor, History, Tensor | None]:
        self.steps += 1
        self.widths.append(len(state.sentences))
        told = [
            [(*said, token) if said or self.steps > 1 else () for said, token in zip(row, last, strict=True)]
            for row, last in zip(state.told, tokens.tolist(), strict=True)
        ]
        log_probs = torch.tensor(
            [[self.script(n, said) for said in row] for n, row in zip(state.sentences, told, strict=True)]
        )
        return log_probs.float(), History(state.sentences, told), self._weights(state.sentences, told)

    def _weights(self, sentences: list[int], told: list[list[tuple[int, ...]]]) -> Tensor | None:
        if self.source_lengths is None:
            return None
        width = max(self.source_lengths[n] for n in sentences)
        weights = torch.zeros(len(told), len(told[0]), width)
        for b, (n, row) in enumerate(zip(sentences, told, strict=True)):
            for k, said in enumerate(row):
                weights[b, k, sum(said) % self.source_lengths[n]] = 1.0
        return weights


def random_script(vocabulary: int, seed: int = 0, end: float = 0.0) -> Script:
    """Normalised random log-probabilities; `end` is added to the end's logit."""
    known: dict[tuple[int, tuple[int, ...]], list[float]] = {}

    def script(sentence: int, said: tuple[int, ...]) -> list[float]:
        key = (sentence, said)
        if key not in known:
            logits = np.random.default_rng((seed, sentence, *said)).normal(0, 1.5, vocabulary)
            logits[:EOS] = -30.0
            logits[EOS] += end
            known[key] = (logits - np.logaddexp.reduce(logits)).tolist()
        return known[key]

    return script


def log_probability(script: Script, sentence: int, tokens: Sequence[int], finished: bool = True) -> float:
    """The script's own probability of a translation."""
    whole = (*tokens, EOS) if finished else tuple(tokens)
    return math.fsum(script(sentence, tuple(whole[:t]))[token] for t, token in enumerate(whole))


def every_translation(vocabulary: int, longest: int) -> list[tuple[int, ...]]:
    """All sequences of real tokens of up to this length."""
    real = range(EOS + 1, vocabulary)
    return [said for length in range(longest + 1) for said in product(real, repeat=length)]
