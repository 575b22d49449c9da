"""Where a model looks while it reads translations that are given (teacher forcing), and the links that this makes."""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from nmt_cli.checkpoint.model_dir import LoadedModel
from nmt_cli.corpus.batch import collate
from nmt_cli.decoding.alignment import Link, links, merge
from nmt_cli.errors import ConfigError
from nmt_cli.model.seq2seq import sequence_mask

ROWS = 64
"""Sentence pairs read together."""

Step = Literal["own", "next"]
STEPS: dict[Step, int] = {"own": 0, "next": 1}
"""Whose attention links a target word: that of the step that predicted it, or of the one after, whose query has read
it. Which is better depends on where attention stands."""

Tokens = Sequence[int] | npt.NDArray[np.integer]


@torch.inference_mode()
def forced_attention(loaded: LoadedModel, pairs: Sequence[tuple[Tokens, Tokens]]) -> list[npt.NDArray[np.float32]]:
    """Source and target subwords (without BOS and EOS) -> for each pair attention (T + 1, S + 1): row t is what was
    looked at to predict subword t, the last row that of the end.

    Raises:
        ConfigError: the model has no attention.
    """
    order = sorted(range(len(pairs)), key=lambda row: len(pairs[row][0]))
    found: dict[int, npt.NDArray[np.float32]] = {}
    for start in range(0, len(order), ROWS):
        rows = order[start : start + ROWS]
        batch = collate([pairs[row][0] for row in rows], [pairs[row][1] for row in rows])
        source, lengths, entering = (
            torch.from_numpy(array).to(loaded.compute.device)
            for array in (batch.source, batch.source_lengths, batch.target_input)
        )
        with loaded.compute.autocast():
            _, weights = loaded.model(source, sequence_mask(lengths, source.size(1)), entering)
        if weights is None:
            raise ConfigError(f"{loaded.path}: this model has no attention to align words by")
        for row, looked in zip(rows, weights.float().cpu().numpy(), strict=True):
            found[row] = looked[: len(pairs[row][1]) + 1, : len(pairs[row][0]) + 1]
    return [found[row] for row in range(len(pairs))]


def forced_links(
    loaded: LoadedModel, pairs: Sequence[tuple[Tokens, Tokens]], looked: Sequence[npt.NDArray[np.float32]], step: Step
) -> Iterator[list[Link]]:
    """For each pair the links (source word, target word) that its attention makes, by the step chosen."""
    of_source, of_target = loaded.tokenizers.source.words, loaded.tokenizers.target.words
    for (source, target), weights in zip(pairs, looked, strict=True):
        yield links(merge(weights[STEPS[step] :], of_source(list(source)), of_target(list(target))))
