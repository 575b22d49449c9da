"""The encoder: a source sentence -> a state for each of its tokens."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nmt_cli.config import ModelConfig
from nmt_cli.model.dropout import LockedDropout
from nmt_cli.model.recurrence import Bidirectional, Recurrence


@dataclass(frozen=True)
class Memory:
    """What the decoder may look at.

    `values` (B, S, H) are the encoder states, `keys` (B, S, A) their projections for the score, `mask` (B, S)
    is True on real tokens, `final` (B, H) is the state after reading everything.
    """

    values: Tensor
    keys: Tensor
    mask: Tensor
    final: Tensor

    def keep(self, rows: Tensor) -> "Memory":
        """Only these sentences (n,) go on; columns that are padding for all of them are cut off."""
        mask = self.mask[rows]
        width = int(mask.sum(1).max())
        return Memory(self.values[rows, :width], self.keys[rows, :width], mask[:, :width], self.final[rows])


class Encoder(nn.Module):
    """Stacked recurrent layers, in both directions or one."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        kind = Bidirectional if config.bidirectional else Recurrence
        sizes = [config.embedding_size] + [config.hidden_size] * (config.encoder_layers - 1)
        self.layers = nn.ModuleList(kind(config.cell, size, config.hidden_size) for size in sizes)
        self.dropout = LockedDropout(config.dropout)

    def forward(self, embedded: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Embedded source (B, S, E) and mask (B, S) -> states (B, S, H) and the final state (B, H)."""
        lengths = mask.sum(1)
        states = embedded
        final = states
        for depth, layer in enumerate(self.layers):
            entering = self.dropout(states) if depth else states
            if isinstance(layer, Bidirectional):
                outputs, final = layer(entering, lengths)
            else:
                outputs, _ = layer(entering)
                final = outputs[torch.arange(len(lengths), device=lengths.device), lengths - 1]
            states = outputs + states if depth >= 2 else outputs  # residual from the third layer on
        return states, final
