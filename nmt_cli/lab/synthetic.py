"""Small models on synthetic sequences, trained and searched with the same code as translators."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from nmt_cli.config import ModelConfig, SearchConfig, TrainingConfig
from nmt_cli.corpus.batch import Batch, collate, pad
from nmt_cli.corpus.batching import PAD_MULTIPLE, make_batches
from nmt_cli.decoding.ensemble import EnsembleStep
from nmt_cli.decoding.search import SearchInput, search
from nmt_cli.kernels.device import compute_for_training
from nmt_cli.model.seq2seq import Seq2Seq, VocabSizes, sequence_mask
from nmt_cli.special_tokens import EOS
from nmt_cli.training.schedule import learning_rate
from nmt_cli.training.step import TrainStep

FIRST_SYMBOL = EOS + 1
"""The first token after the special ones."""

SIZE: dict[str, Any] = {
    "embedding_size": 64,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "bidirectional": False,
    "embedded_values": False,
    "dropout": 0.0,
    "embedding_dropout": 0.0,
}
"""One unidirectional layer, without dropout."""

BATCH_SIZE = 512
"""Sequences in a batch of the search."""

Sequences = list[list[int]]


@dataclass(frozen=True)
class Pairs:
    """Sources and targets, without EOS."""

    sources: Sequences
    targets: Sequences

    def batches(self, budget: int, seed: int) -> Iterator[Batch]:
        """All pairs once, in batches of at most `budget` padded tokens, in an order that depends on the seed."""
        lengths = [np.array([len(row) for row in side]) for side in (self.sources, self.targets)]
        for rows in make_batches(lengths[0], lengths[1], budget, np.random.default_rng(seed)):
            yield collate([self.sources[r] for r in rows], [self.targets[r] for r in rows], PAD_MULTIPLE)


def new_train_step(config: ModelConfig, vocabulary: int, seed: int, training: TrainingConfig) -> TrainStep:
    """A model with random weights, ready to be trained in fp32."""
    torch.manual_seed(seed)
    model = Seq2Seq(config, VocabSizes(vocabulary, vocabulary, True)).train()
    return TrainStep(model, training, compute_for_training("cpu", "fp32", 0))


def train_epoch(train_step: TrainStep, pairs: Pairs, epoch: int, epochs: int) -> float:
    """Train on all pairs once, as epoch number `epoch` (from 0) of `epochs` -> the loss in nats per token."""
    train_step.model.train()
    config = train_step.config
    loss, tokens = 0.0, 0
    batches = list(pairs.batches(config.batch_tokens, 1000 * config.seed + epoch))
    for number, batch in enumerate(batches):
        rate = learning_rate(config, epoch * len(batches) + number, (epoch + number / len(batches)) / epochs)
        report = train_step.update([batch], rate)
        loss += report.loss * report.tokens
        tokens += report.tokens
    return loss / tokens


@torch.inference_mode()
def decode_greedily(model: Seq2Seq, sources: Sequences, longest: int) -> Sequences:
    """Translate by greedy search, with at most `longest` tokens each."""
    model.eval()
    outputs: Sequences = []
    for start in range(0, len(sources), BATCH_SIZE):
        padded, counts = pad([np.array([*row, EOS]) for row in sources[start : start + BATCH_SIZE]])
        lengths = torch.from_numpy(counts)
        step = EnsembleStep([model])
        state = step.init_state(torch.from_numpy(padded), sequence_mask(lengths, padded.shape[1]))
        results = search(step, state, SearchInput(lengths), SearchConfig(beam_size=1, max_length=longest))
        outputs += [hypotheses[0].tokens for hypotheses in results]
    return outputs


def accuracy(outputs: Sequences, targets: Sequences) -> tuple[float, float]:
    """The share of correct target positions, EOS included, and the share of sequences correct as a whole."""
    correct = positions = whole = 0
    for output, target in zip(outputs, targets, strict=True):
        correct += sum(a == b for a, b in zip([*output, EOS], [*target, EOS], strict=False))
        positions += len(target) + 1
        whole += output == target
    return correct / positions, whole / len(targets)


def encode_characters(texts: Sequence[str], alphabet: str) -> Sequences:
    """Texts -> the tokens of their characters."""
    tokens = {character: FIRST_SYMBOL + i for i, character in enumerate(alphabet)}
    return [[tokens[character] for character in text] for text in texts]


class CharacterTraining:
    """A new model, trained on pairs of texts, character by character, without the first `held_out` ones."""

    def __init__(
        self,
        model: ModelConfig,
        training: TrainingConfig,
        alphabet: str,
        texts: tuple[Sequence[str], Sequence[str]],
        held_out: int,
    ) -> None:
        sources, targets = (encode_characters(side, alphabet) for side in texts)
        self._pairs = Pairs(sources[held_out:], targets[held_out:])
        self._unseen = Pairs(sources[:held_out], targets[:held_out])
        self._longest = max(map(len, targets)) + 1
        self._train_step = new_train_step(model, FIRST_SYMBOL + len(alphabet), training.seed, training)

    def train(self, epoch: int, epochs: int) -> None:
        """Train for one epoch, number `epoch` (from 0) of `epochs`."""
        train_epoch(self._train_step, self._pairs, epoch, epochs)

    def accuracy(self) -> tuple[float, float]:
        """The accuracy of greedy answers to what was held out: per character, EOS included, and whole."""
        outputs = decode_greedily(self._train_step.model, self._unseen.sources, self._longest)
        return accuracy(outputs, self._unseen.targets)
