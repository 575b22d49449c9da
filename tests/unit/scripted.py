"""A hand-written model for search: log-probabilities that depend on the sentence and on the whole prefix."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

from nmt_cli.special_tokens import EOS

Script = Callable[[int, tuple[int, ...]], Sequence[float]]
"""Sentence index, prefix -> log-probability of every next token."""


@dataclass(frozen=True)
class History:
    """The state of the scripted model: the sentences of the batch, and the prefix of each hypothesis."""

    sentences: list[int]
    prefixes: list[list[tuple[int, ...]]]  # (B, K)

    def select(self, beams: Tensor) -> "History":
        prefixes = [[row[k] for k in chosen] for row, chosen in zip(self.prefixes, beams.tolist(), strict=True)]
        return History(self.sentences, prefixes)

    def select_batch(self, rows: Tensor) -> "History":
        return History([self.sentences[i] for i in rows], [self.prefixes[i] for i in rows])


class ScriptedModel:
    """Calls the script for every hypothesis. All attention is on the source position (sum of the prefix) mod S."""

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
        prefixes = [
            [(*prefix, token) if prefix or self.steps > 1 else () for prefix, token in zip(row, last, strict=True)]
            for row, last in zip(state.prefixes, tokens.tolist(), strict=True)
        ]
        log_probs = torch.tensor(
            [[self.script(n, prefix) for prefix in row] for n, row in zip(state.sentences, prefixes, strict=True)]
        )
        return log_probs.float(), History(state.sentences, prefixes), self._weights(state.sentences, prefixes)

    def _weights(self, sentences: list[int], prefixes: list[list[tuple[int, ...]]]) -> Tensor | None:
        if self.source_lengths is None:
            return None
        width = max(self.source_lengths[n] for n in sentences)
        weights = torch.zeros(len(prefixes), len(prefixes[0]), width)
        for b, (n, row) in enumerate(zip(sentences, prefixes, strict=True)):
            for k, prefix in enumerate(row):
                weights[b, k, sum(prefix) % self.source_lengths[n]] = 1.0
        return weights


def random_script(vocabulary: int, seed: int = 0, end: float = 0.0) -> Script:
    """Normalised random log-probabilities; `end` is added to the logit of EOS."""
    cache: dict[tuple[int, tuple[int, ...]], list[float]] = {}

    def script(sentence: int, prefix: tuple[int, ...]) -> list[float]:
        key = (sentence, prefix)
        if key not in cache:
            logits = np.random.default_rng((seed, sentence, *prefix)).normal(0, 1.5, vocabulary)
            logits[:EOS] = -30.0
            logits[EOS] += end
            cache[key] = (logits - np.logaddexp.reduce(logits)).tolist()
        return cache[key]

    return script


def log_probability(script: Script, sentence: int, tokens: Sequence[int], finished: bool = True) -> float:
    """The log-probability of a translation under the script, with EOS if it is finished."""
    whole = (*tokens, EOS) if finished else tuple(tokens)
    return math.fsum(script(sentence, tuple(whole[:t]))[token] for t, token in enumerate(whole))


def every_translation(vocabulary: int, longest: int) -> list[tuple[int, ...]]:
    """All sequences of up to `longest` tokens, special tokens excluded."""
    tokens = range(EOS + 1, vocabulary)
    return [sequence for length in range(longest + 1) for sequence in product(tokens, repeat=length)]
