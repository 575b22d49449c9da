"""A model under teacher forcing on sentence pairs: log-probability of each target subword, attention, and the alignment
links computed from it."""

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from nmt_cli.checkpoint.model_dir import LoadedModel
from nmt_cli.corpus.batch import collate
from nmt_cli.decoding.alignment import Link, links, merge_subwords
from nmt_cli.errors import ConfigError
from nmt_cli.kernels.output_loss import gold_log_probs
from nmt_cli.model.seq2seq import sequence_mask

BATCH_SIZE = 64
"""Sentence pairs per batch."""

Step = Literal["own", "next"]
STEPS: dict[Step, int] = {"own": 0, "next": 1}
"""The step whose attention links a target word: "own" is the step that predicts the word, "next" the one after, whose
query depends on the word. Which is better depends on where attention sits in the decoder."""

Tokens = Sequence[int] | npt.NDArray[np.integer]


@torch.inference_mode()
def forced_log_probs(
    loaded: LoadedModel, pairs: Sequence[tuple[Tokens, Tokens]], max_tokens: int
) -> list[npt.NDArray[np.float32]]:
    """Log-probabilities (T + 1,) for each pair of source and target subwords (without BOS and EOS): of each target
    subword, and of EOS, as search computes them. An ensemble averages the probabilities of its models.

    Batches hold pairs of similar length, of at most `max_tokens` padded subwords on either side, or a single pair. The
    logits are computed in chunks.
    """
    longest = [max(len(source), len(target)) + 1 for source, target in pairs]
    order = sorted(range(len(pairs)), key=lambda row: longest[row])
    log_probs: dict[int, npt.NDArray[np.float32]] = {}
    while order:
        size = max(1, max_tokens // longest[order[-1]])
        rows, order = order[-size:], order[:-size]
        log_probs.update(zip(rows, _batch_log_probs(loaded, [pairs[row] for row in rows]), strict=True))
    return [log_probs[row] for row in range(len(pairs))]


def _batch_log_probs(loaded: LoadedModel, pairs: Sequence[tuple[Tokens, Tokens]]) -> list[npt.NDArray[np.float32]]:
    """Log-probabilities (T + 1,) of the target subwords and EOS of each pair of a batch."""
    compute = loaded.compute
    batch = collate([source for source, _ in pairs], [target for _, target in pairs])
    source, lengths, target_input, target_output = (
        torch.from_numpy(array).to(compute.device)
        for array in (batch.source, batch.source_lengths, batch.target_input, batch.target_output)
    )
    mask = sequence_mask(lengths, source.size(1))
    target_lengths = torch.tensor([len(target) + 1 for _, target in pairs], device=compute.device)
    real = sequence_mask(target_lengths, target_output.size(1))  # (B, T)
    vocabulary = loaded.tokenizers.target.size
    gold = []
    for model in loaded.models:
        with compute.encoder_autocast():
            memory = model.encode(source, mask)
        with compute.autocast():
            readouts, _ = model.decode(target_input, memory)  # (B, T, E)
            gold.append(gold_log_probs(readouts[real], model.output, target_output[real], vocabulary))
    mean = torch.stack(gold).logsumexp(0) - math.log(len(gold))
    return np.split(mean.cpu().numpy(), target_lengths.cumsum(0)[:-1].tolist())


@torch.inference_mode()
def forced_attention(loaded: LoadedModel, pairs: Sequence[tuple[Tokens, Tokens]]) -> list[npt.NDArray[np.float32]]:
    """Attention (T + 1, S + 1) for each pair of source and target subwords (without BOS and EOS): row t belongs to the
    step that predicts subword t, the last row to EOS.

    Raises:
        ConfigError: the model has no attention.
    """
    order = sorted(range(len(pairs)), key=lambda row: len(pairs[row][0]))
    attention: dict[int, npt.NDArray[np.float32]] = {}
    for start in range(0, len(order), BATCH_SIZE):
        rows = order[start : start + BATCH_SIZE]
        batch = collate([pairs[row][0] for row in rows], [pairs[row][1] for row in rows])
        source, lengths, target_input = (
            torch.from_numpy(array).to(loaded.compute.device)
            for array in (batch.source, batch.source_lengths, batch.target_input)
        )
        with loaded.compute.autocast():
            _, weights = loaded.model(source, sequence_mask(lengths, source.size(1)), target_input)
        if weights is None:
            raise ConfigError(f"{loaded.path}: this model has no attention to align words by")
        for row, padded in zip(rows, weights.float().cpu().numpy(), strict=True):
            attention[row] = padded[: len(pairs[row][1]) + 1, : len(pairs[row][0]) + 1]
    return [attention[row] for row in range(len(pairs))]


def forced_links(
    loaded: LoadedModel,
    pairs: Sequence[tuple[Tokens, Tokens]],
    attention: Sequence[npt.NDArray[np.float32]],
    step: Step,
) -> Iterator[list[Link]]:
    """Yield the alignment links (source word, target word) of each pair, from its attention (`forced_attention`)."""
    source_words, target_words = loaded.tokenizers.source.words, loaded.tokenizers.target.words
    for (source, target), weights in zip(pairs, attention, strict=True):
        yield links(merge_subwords(weights[STEPS[step] :], source_words(list(source)), target_words(list(target))))
