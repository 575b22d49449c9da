"""A batch: sentences side by side, padded to arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmt_cli.special_tokens import BOS, EOS, PAD

Tokens = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Padded token arrays. The source ends in EOS; `entering` is BOS + target, `leaving` target + EOS."""

    source: Tokens  # (B, S)
    source_lengths: Tokens  # (B,)
    entering: Tokens  # (B, T)
    leaving: Tokens  # (B, T)
    tokens: int  # real target tokens, EOS counted


def twice(batch: Batch) -> Batch:
    """The sentences of a batch, and all of them again below."""
    source, lengths, entering, leaving = (
        np.concatenate([rows, rows]) for rows in (batch.source, batch.source_lengths, batch.entering, batch.leaving)
    )
    return Batch(source, lengths, entering, leaving, 2 * batch.tokens)


def collate(sources: Sequence[npt.ArrayLike], targets: Sequence[npt.ArrayLike], multiple: int = 1) -> Batch:
    """Pad token sequences (without BOS and EOS) into a batch, to widths that are multiples of this number."""
    source, source_lengths = pad([np.append(ids, EOS) for ids in sources], multiple)
    leaving, target_lengths = pad([np.append(ids, EOS) for ids in targets], multiple)
    entering = np.concatenate([np.full((len(leaving), 1), BOS), leaving[:, :-1]], 1)
    entering[entering == EOS] = PAD  # the end of a shorter target is never read
    return Batch(source, source_lengths, entering, leaving, int(target_lengths.sum()))


def pad(sequences: Sequence[npt.NDArray[np.integer]], multiple: int = 1) -> tuple[Tokens, Tokens]:
    """Sequences -> an array (B, W), where W is the longest made up to a multiple, and their lengths (B,)."""
    lengths = np.array([len(s) for s in sequences], np.int64)
    longest = int(lengths.max())
    padded = np.full((len(sequences), longest + -longest % multiple), PAD, np.int64)
    padded[np.arange(padded.shape[1]) < lengths[:, None]] = np.concatenate(sequences)
    return padded, lengths
