"""A batch: token sequences padded to arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmt_cli.kernels.rounding import round_up
from nmt_cli.special_tokens import BOS, EOS, PAD

Tokens = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Padded token arrays. The source ends in EOS; `target_input` is BOS + target, `target_output` target + EOS."""

    source: Tokens  # (B, S)
    source_lengths: Tokens  # (B,)
    target_input: Tokens  # (B, T)
    target_output: Tokens  # (B, T)
    tokens: int  # target tokens without padding, EOS included


def duplicate(batch: Batch) -> Batch:
    """Concatenate a batch with itself: rows B .. 2B - 1 repeat rows 0 .. B - 1."""
    source, lengths, target_input, target_output = (
        np.concatenate([rows, rows])
        for rows in (batch.source, batch.source_lengths, batch.target_input, batch.target_output)
    )
    return Batch(source, lengths, target_input, target_output, 2 * batch.tokens)


def collate(sources: Sequence[npt.ArrayLike], targets: Sequence[npt.ArrayLike], multiple: int = 1) -> Batch:
    """Pad token sequences (without BOS and EOS) into a batch whose widths are multiples of `multiple`."""
    source, source_lengths = pad([np.append(ids, EOS) for ids in sources], multiple)
    target_output, target_lengths = pad([np.append(ids, EOS) for ids in targets], multiple)
    target_input = np.concatenate([np.full((len(target_output), 1), BOS), target_output[:, :-1]], 1)
    target_input[target_input == EOS] = PAD  # a target's EOS is output only, never input
    return Batch(source, source_lengths, target_input, target_output, int(target_lengths.sum()))


def pad(sequences: Sequence[npt.NDArray[np.integer]], multiple: int = 1) -> tuple[Tokens, Tokens]:
    """Sequences -> padded array (B, W), W the longest length rounded up to a multiple, and lengths (B,)."""
    lengths = np.array([len(s) for s in sequences], np.int64)
    longest = int(lengths.max())
    padded = np.full((len(sequences), round_up(longest, multiple)), PAD, np.int64)
    padded[np.arange(padded.shape[1]) < lengths[:, None]] = np.concatenate(sequences)
    return padded, lengths
