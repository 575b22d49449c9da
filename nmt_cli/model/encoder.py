"""The encoder: a source sentence -> a state for each of its tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from nmt_cli.config import ModelConfig
from nmt_cli.kernels.linear import Linear
from nmt_cli.model.dropout import LockedDropout
from nmt_cli.model.rnn import Bidirectional, RNNLayer, State


@dataclass(frozen=True)
class EncoderOutput:
    """States (B, S, H) of the top layer, the `values` (B, S, H) that attention sums, the top layer's final state (B,
    H), and, for a decoder that goes on from them, the last states of every layer, (B, 1, H) each."""

    states: Tensor
    values: Tensor
    final: Tensor
    layers: tuple[State, ...]


@dataclass(frozen=True)
class Memory:
    """What the decoder gets of an encoded source.

    With attention, `keys` (B, h, S, A) are the encoder's states, projected for the score, and `values` (B, h, S, H / h)
    are what the context sums, by heads. `mask` (B, S) is True on real tokens. `final` (B, H) is the top layer's last
    state, `layers` those of every layer for a decoder that goes on from them. Where the source is not encoded in its
    own order, `source_positions` (B, S) is the source token at each place, and `width` the number of source tokens.
    """

    keys: Tensor | None
    values: Tensor | None
    mask: Tensor
    final: Tensor
    layers: tuple[State, ...] = ()
    source_positions: Tensor | None = None
    width: int = 0

    def to_source_positions(self, weights: Tensor | None) -> Tensor | None:
        """Attention weights on the memory (B, T, S') -> on the source (B, T, S), in its own order; a token that
        was encoded twice gets the sum."""
        if weights is None or self.source_positions is None:
            return weights
        places = self.source_positions.unsqueeze(1).expand_as(weights)
        return weights.new_zeros((*weights.shape[:2], self.width)).scatter_add_(2, places, weights)

    def select_batch(self, rows: Tensor) -> "Memory":
        """The memory of these sentences (n,) only; columns that are padding for all of them are dropped."""
        mask = self.mask[rows]
        width = int(mask.sum(1).max())
        return Memory(
            None if self.keys is None else self.keys[rows, :, :width],
            None if self.values is None else self.values[rows, :, :width],
            mask[:, :width],
            self.final[rows],
            tuple(tuple(part[rows] for part in layer) for layer in self.layers),
            None if self.source_positions is None else self.source_positions[rows, :width],
            0 if self.source_positions is None else int(self.source_positions[rows].max()) + 1,
        )


class Encoder(nn.Module):
    """Stacked recurrent layers, in both directions or one; h_j is the top layer's state of token j.

    With `embedded_values` the values are h_j + W x_j, the token's embedding added (Gehring et al. 2017, section 3.3);
    W is there only where the two differ in width.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        kind = Bidirectional if config.bidirectional else RNNLayer
        sizes = [config.embedding_size] + [config.hidden_size] * (config.encoder_layers - 1)
        self.layers = cast(
            Sequence[Bidirectional | RNNLayer],
            nn.ModuleList(kind(config.cell, size, config.hidden_size) for size in sizes),
        )
        self.dropout = LockedDropout(config.dropout)
        self.residual_from = config.residual_from
        self.return_layer_states = config.attention == "none"
        self.embedded_values = config.embedded_values and config.attends
        self.to_value: nn.Module = nn.Identity()
        if self.embedded_values and config.embedding_size != config.hidden_size:
            self.to_value = Linear(config.embedding_size, config.hidden_size, bias=False)

    def forward(self, embedded: Tensor, mask: Tensor) -> EncoderOutput:
        """Encode the embedded source (B, S, E), real where the mask (B, S) is True."""
        lengths = mask.sum(1)
        states = embedded
        final = states
        layers: list[State] = []
        for depth, layer in enumerate(self.layers):
            layer_input = self.dropout(states) if depth else states
            if self.return_layer_states:
                outputs, last = layer.forward_packed(layer_input, lengths)
                layers.append(last)
                final = last[0].squeeze(1)
            elif isinstance(layer, Bidirectional):
                outputs, final = layer(layer_input, lengths)
            else:
                outputs, _ = layer(layer_input)
                final = outputs[torch.arange(len(lengths), device=lengths.device), lengths - 1]
            states = outputs + states if depth + 1 >= self.residual_from else outputs
        values = states + self.to_value(embedded) if self.embedded_values else states
        return EncoderOutput(states, values, final, tuple(layers))
