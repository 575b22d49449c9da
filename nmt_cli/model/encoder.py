"""The encoder: a source sentence -> a state for each of its tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from nmt_cli.config import ModelConfig
from nmt_cli.kernels.linear import RoundedLinear
from nmt_cli.model.dropout import LockedDropout
from nmt_cli.model.rnn import Bidirectional, Recurrence, State


@dataclass(frozen=True)
class Reading:
    """What the encoder made of a source: states (B, S, H), what attention brings of each, `values` (B, S, H), the final
    state (B, H) of the top layer, and, where they are handed over, the last state of every layer, (B, 1, H) each."""

    states: Tensor
    values: Tensor
    final: Tensor
    layers: tuple[State, ...]


@dataclass(frozen=True)
class Memory:
    """What the decoder may look at.

    With attention, `keys` (B, h, S, A) are the encoder's states, projected for the score, and `values` (B, h, S, H / h)
    what the context is a sum of, by heads. `mask` (B, S) is True on real tokens. `final` (B, H) is the state after
    reading everything, `layers` that of every layer where they are handed over. `origin` (B, S) is the source token
    that was read at each place, where the source is not read as it stands, `width` how many there are then.
    """

    keys: Tensor | None
    values: Tensor | None
    mask: Tensor
    final: Tensor
    layers: tuple[State, ...] = ()
    origin: Tensor | None = None
    width: int = 0

    def on_source(self, weights: Tensor | None) -> Tensor | None:
        """Attention weights on the memory (B, T, S') -> on the source (B, T, S), in its own order, each token with the
        weight of all its readings."""
        if weights is None or self.origin is None:
            return weights
        places = self.origin.unsqueeze(1).expand_as(weights)
        return weights.new_zeros((*weights.shape[:2], self.width)).scatter_add_(2, places, weights)

    def keep(self, rows: Tensor) -> "Memory":
        """Only these sentences (n,) go on; columns that are padding for all of them are cut off."""
        mask = self.mask[rows]
        width = int(mask.sum(1).max())
        return Memory(
            None if self.keys is None else self.keys[rows, :, :width],
            None if self.values is None else self.values[rows, :, :width],
            mask[:, :width],
            self.final[rows],
            tuple(tuple(part[rows] for part in layer) for layer in self.layers),
            None if self.origin is None else self.origin[rows, :width],
            0 if self.origin is None else int(self.origin[rows].max()) + 1,
        )


class Encoder(nn.Module):
    """Stacked recurrent layers, in both directions or one, with the top layer's state h_j of each token.

    With `embedded_values` what attention brings is h_j + W x_j, the token's embedding added (Gehring et al. 2017,
    section 3.3); W is there only where the two differ in width.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        kind = Bidirectional if config.bidirectional else Recurrence
        sizes = [config.embedding_size] + [config.hidden_size] * (config.encoder_layers - 1)
        self.layers = cast(
            Sequence[Bidirectional | Recurrence],
            nn.ModuleList(kind(config.cell, size, config.hidden_size) for size in sizes),
        )
        self.dropout = LockedDropout(config.dropout)
        self.residual_from = config.residual_from
        self.hands_over = config.attention == "state"
        self.embedded_values = config.embedded_values and config.attends
        self.to_value: nn.Module = nn.Identity()
        if self.embedded_values and config.embedding_size != config.hidden_size:
            self.to_value = RoundedLinear(config.embedding_size, config.hidden_size, bias=False)

    def forward(self, embedded: Tensor, mask: Tensor) -> Reading:
        """Read the embedded source (B, S, E), real where the mask (B, S) is True."""
        lengths = mask.sum(1)
        states = embedded
        final = states
        handed: list[State] = []
        for depth, layer in enumerate(self.layers):
            entering = self.dropout(states) if depth else states
            if self.hands_over:
                outputs, last = layer.read(entering, lengths)
                handed.append(last)
                final = last[0].squeeze(1)
            elif isinstance(layer, Bidirectional):
                outputs, final = layer(entering, lengths)
            else:
                outputs, _ = layer(entering)
                final = outputs[torch.arange(len(lengths), device=lengths.device), lengths - 1]
            states = outputs + states if depth + 1 >= self.residual_from else outputs
        values = states + self.to_value(embedded) if self.embedded_values else states
        return Reading(states, values, final, tuple(handed))
