"""The decoders: where attention sits.

`forward` is teacher forcing over the whole target, `step` one step of search. Each decoder writes its
equations once, in `_pass`, and both call it: over time, or over the hypotheses of a beam.
Both give readouts: the vectors from which the next token is predicted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from nmt_cli.config import ModelConfig
from nmt_cli.model.attention import SCORES, Attention
from nmt_cli.model.dropout import LockedDropout
from nmt_cli.model.encoder import Memory
from nmt_cli.model.recurrence import Recurrence, State


@dataclass(frozen=True)
class DecoderState:
    """What the decoder carries from step to step: for each layer the cell's state, (B, K, H) each,
    and with input feeding the last attentional state (B, K, H)."""

    layers: tuple[State, ...]
    feed: Tensor | None = None

    def keep(self, rows: Tensor) -> "DecoderState":
        """Only these sentences (n,) go on."""
        feed = None if self.feed is None else self.feed[rows]
        return DecoderState(tuple(tuple(part[rows] for part in layer) for layer in self.layers), feed)

    def select(self, beams: Tensor) -> "DecoderState":
        """Hypothesis k of each sentence goes on from what was hypothesis beams[:, k]; beams is (B, K)."""

        def pick(part: Tensor) -> Tensor:
            return part.gather(1, beams.unsqueeze(-1).expand(-1, -1, part.size(-1)))

        feed = None if self.feed is None else pick(self.feed)
        return DecoderState(tuple(tuple(pick(part) for part in layer) for layer in self.layers), feed)


Move = Callable[[Recurrence, Tensor, State], tuple[Tensor, State]]
"""How a layer moves on: over a whole sequence (`Recurrence.forward`), or by a step (`Recurrence.step`)."""

Passed = tuple[Tensor, DecoderState, Tensor]
"""Readouts (B, T, E), the state after them, and attention weights (B, T, S)."""


class Decoder(nn.Module):
    """What the decoders share: layers, attention, the first state, and the readout tanh(W [state; context])."""

    def __init__(self, config: ModelConfig, inputs: Sequence[int]) -> None:
        super().__init__()
        hidden = config.hidden_size
        self.layers = cast(
            Sequence[Recurrence], nn.ModuleList(Recurrence(config.cell, size, hidden) for size in inputs)
        )
        self.attention = Attention(SCORES[config.score](hidden, hidden))
        self.readout = nn.Linear(2 * hidden, config.embedding_size)
        self.dropout = LockedDropout(config.dropout)
        self.states = self.layers[0].states
        self.bridge = nn.Linear(hidden, hidden * self.states * len(inputs))

    def start(self, memory: Memory, beams: int) -> DecoderState:
        """The state before the first token, (B, K, H) for each layer: tanh(W h) of the encoder's final state h."""
        first = torch.tanh(self.bridge(memory.final)).unsqueeze(1).expand(-1, beams, -1)
        parts = first.chunk(self.states * len(self.layers), -1)
        layers = tuple(tuple(parts[i : i + self.states]) for i in range(0, len(parts), self.states))
        return DecoderState(layers)

    def forward(self, embedded: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Embedded target (B, T, E) -> readouts (B, T, E) and attention weights (B, T, S)."""
        readouts, _, weights = self._pass(embedded, self.start(memory, 1), memory, Recurrence.forward)
        return readouts, weights

    def step(self, embedded: Tensor, state: DecoderState, memory: Memory) -> Passed:
        """Embedded tokens (B, K, E) -> readouts (B, K, E), the next state, and weights (B, K, S)."""
        return self._pass(embedded, state, memory, Recurrence.step)

    def _pass(self, embedded: Tensor, state: DecoderState, memory: Memory, move: Move) -> Passed:
        raise NotImplementedError

    def _look(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        context, weights = self.attention(query, memory.keys, memory.values, memory.mask)
        return context, weights

    def _read(self, states: Tensor, context: Tensor) -> Tensor:
        return torch.tanh(self.readout(torch.cat([states, context], -1)))


class BottomAttention(Decoder):
    """The bottom layer's output asks; the context feeds the layers above and the readout (Wu et al. 2016, section 3).

    The query never depends on a context, so everything runs parallel over time in teacher forcing.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, [config.embedding_size] + [2 * config.hidden_size] * (config.decoder_layers - 1))

    def _pass(self, embedded: Tensor, state: DecoderState, memory: Memory, move: Move) -> Passed:
        states, bottom = move(self.layers[0], embedded, state.layers[0])
        context, weights = self._look(states, memory)
        following = [bottom]
        for depth, layer in enumerate(self.layers[1:], start=1):
            outputs, after = move(layer, torch.cat([self.dropout(states), context], -1), state.layers[depth])
            states = outputs + states if depth >= 2 else outputs  # residual from the third layer on
            following.append(after)
        return self._read(self.dropout(states), context), DecoderState(tuple(following)), weights


class AttentionAfter(Decoder):
    """The top layer's current state asks, after the recurrence; the attentional state
    tanh(W [state; context]) predicts the next token (Luong et al. 2015, eq. 5).

    With input feeding (section 3.3) the attentional state is also part of the next step's input, and
    teacher forcing must go step by step.
    """

    def __init__(self, config: ModelConfig) -> None:
        fed = config.embedding_size if config.input_feeding else 0
        super().__init__(config, [config.embedding_size + fed] + [config.hidden_size] * (config.decoder_layers - 1))
        self.fed = fed

    def start(self, memory: Memory, beams: int) -> DecoderState:
        state = super().start(memory, beams)
        if not self.fed:
            return state
        return DecoderState(state.layers, memory.final.new_zeros(memory.final.size(0), beams, self.fed))

    def forward(self, embedded: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        if not self.fed:
            return super().forward(embedded, memory)
        state = self.start(memory, 1)
        steps = []
        for token in torch.split(embedded, 1, dim=1):
            readout, state, looked = self.step(token, state, memory)
            steps.append((readout, looked))
        readouts, weights = zip(*steps, strict=True)
        return torch.cat(readouts, 1), torch.cat(weights, 1)

    def _pass(self, embedded: Tensor, state: DecoderState, memory: Memory, move: Move) -> Passed:
        states = embedded if state.feed is None else torch.cat([embedded, state.feed.to(embedded.dtype)], -1)
        following = []
        for depth, layer in enumerate(self.layers):
            outputs, after = move(layer, self.dropout(states) if depth else states, state.layers[depth])
            states = outputs + states if depth >= 2 else outputs
            following.append(after)
        states = self.dropout(states)
        context, weights = self._look(states, memory)
        readouts = self._read(states, context)
        return readouts, DecoderState(tuple(following), readouts if self.fed else None), weights


DECODERS: dict[str, type[BottomAttention | AttentionAfter]] = {"bottom": BottomAttention, "after": AttentionAfter}
