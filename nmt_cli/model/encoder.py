"""The encoder: source sentence -> one state per token."""

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
    """`states` (B, S, H) of the top layer, `values` (B, S, H) of which a context is the weighted sum, the top layer's
    `final` state (B, H), and, for a decoder that starts from them, the last states of all `layers`, (B, 1, H) each."""

    states: Tensor
    values: Tensor
    final: Tensor
    layers: tuple[State, ...]


@dataclass(frozen=True)
class Memory:
    """The encoded source, as the decoder uses it.

    With attention, `keys` (B, h, S, A) are the encoder's states projected for the score, and a head's context is a
    weighted sum of its `values` (B, h, S, H / h). `mask` (B, S) is True on real tokens. `final` (B, H) is the top
    layer's last state, `layers` the last states of all layers, for a decoder that starts from them. If the source is
    encoded in another order, `source_positions` (B, S) is the index of the source token encoded at each step, and
    `width` the number of source tokens.
    """

    keys: Tensor | None
    values: Tensor | None
    mask: Tensor
    final: Tensor
    layers: tuple[State, ...] = ()
    source_positions: Tensor | None = None
    width: int = 0

    def to_source_positions(self, weights: Tensor | None) -> Tensor | None:
        """Attention weights over the memory (B, T, S') -> over the source in its original order (B, T, S); the weights
        of a token that is encoded twice are summed."""
        if weights is None or self.source_positions is None:
            return weights
        positions = self.source_positions.unsqueeze(1).expand_as(weights)
        return weights.new_zeros((*weights.shape[:2], self.width)).scatter_add_(2, positions, weights)

    def select_batch(self, rows: Tensor) -> "Memory":
        """The memory of the sentences `rows` (n,), without columns that are padding in all of them."""
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
    """Stacked RNN layers, bidirectional or not; h_j is the top layer's state at token j.

    With `embedded_values` the values are h_j + W x_j, where x_j is the token's embedding (Gehring et al. 2017,
    section 3.3); W is used only if the two differ in size.
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
        """Encode the embedded source (B, S, E); `mask` (B, S) is True on real tokens."""
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
