"""The decoders, which differ in where attention is computed, if at all.

`forward` runs teacher forcing over the whole target, `step` one step of search. Both call `_decode`, which holds the
equations of a decoder, with T target steps or with the K hypotheses of a beam. If a step needs the attention of the
previous one (`sequential`), `forward` calls `step` for each target token. The results are readouts, the vectors from
which the output layer predicts the next token.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from nmt_cli.config import ModelConfig
from nmt_cli.kernels.deferred_grad import deferred_gradients
from nmt_cli.kernels.linear import Linear
from nmt_cli.kernels.matmul import fast_tanh_
from nmt_cli.model.attention import Attention
from nmt_cli.model.dropout import LockedDropout
from nmt_cli.model.encoder import Memory
from nmt_cli.model.rnn import RNNLayer, State, flat_index


class PlainReadout(nn.Module):
    """The attentional state, tanh(W [state; context]) (Luong et al. 2015, eq. 5); without attention tanh(W state)."""

    def __init__(self, config: ModelConfig, contexts: int) -> None:
        super().__init__()
        self.projection = Linear((1 + contexts) * config.hidden_size, config.embedding_size)

    def forward(self, states: Tensor, context: Tensor | None, embedded: Tensor) -> Tensor:
        """States and contexts (B, T, H), embedded previous tokens (B, T, E) -> readouts (B, T, E)."""
        return fast_tanh_(self.projection(states if context is None else torch.cat([states, context], -1)))


class MaxoutReadout(nn.Module):
    """Deep output: the maximum of each pair of elements of U state + V embedded + C context (Bahdanau et al. 2014,
    A.2.2, but with the state s_i of its eq. 4)."""

    def __init__(self, config: ModelConfig, contexts: int) -> None:
        super().__init__()
        inputs = (1 + contexts) * config.hidden_size + config.embedding_size
        self.projection = Linear(inputs, 2 * config.embedding_size)

    def forward(self, states: Tensor, context: Tensor | None, embedded: Tensor) -> Tensor:
        """States and contexts (B, T, H), embedded previous tokens (B, T, E) -> readouts (B, T, E)."""
        parts = [states, embedded] if context is None else [states, embedded, context]
        pairs: Tensor = self.projection(torch.cat(parts, -1))  # (B, T, 2 E)
        return pairs.view(*pairs.shape[:2], -1, 2).amax(-1)


READOUTS: dict[str, type[PlainReadout | MaxoutReadout]] = {"plain": PlainReadout, "maxout": MaxoutReadout}


@dataclass(frozen=True)
class DecoderState:
    """The state that the decoder carries from step to step.

    `layers` has the state of each layer's cell, (B, K, H) each. The others are None unless an option needs them: `feed`
    is the last attentional state (B, K, E), `coverage` the sum of the attention weights so far (B, K, S), `position`
    the index of the next token (B, K).
    """

    layers: tuple[State, ...]
    feed: Tensor | None = None
    coverage: Tensor | None = None
    position: Tensor | None = None

    def select_batch(self, rows: Tensor) -> "DecoderState":
        """The state of the sentences `rows` (n,)."""
        return self._map(lambda part: part[rows])

    def select(self, beams: Tensor) -> "DecoderState":
        """The state of the hypotheses `beams` (B, K) of each sentence, in that order; their number may change."""
        rows = flat_index(beams, self.layers[0][0].size(1))
        return self._map(lambda part: part.flatten(0, 1).index_select(0, rows).view(*beams.shape, *part.shape[2:]))

    def _map(self, function: Callable[[Tensor], Tensor]) -> "DecoderState":
        others = (None if part is None else function(part) for part in (self.feed, self.coverage, self.position))
        return DecoderState(tuple(tuple(function(part) for part in layer) for layer in self.layers), *others)


RunLayer = Callable[[RNNLayer, Tensor, State], tuple[Tensor, State]]
"""How a layer runs: over a whole sequence (`RNNLayer.forward`), or one step (`RNNLayer.step`)."""

DecoderOutput = tuple[Tensor, DecoderState, Tensor | None]
"""Readouts (B, T, E), the state after the last step, and attention weights (B, T, S), None without attention."""


class Decoder(nn.Module):
    """Base class: the layers, the initial state and the readout."""

    attention: Attention | None
    sequential: bool
    """Whether a step needs the attention of the previous step."""

    def __init__(self, config: ModelConfig, inputs: Sequence[int], contexts: int = 1) -> None:
        super().__init__()
        self.attention = None
        self.sequential = False
        self.layers = cast(
            Sequence[RNNLayer], nn.ModuleList(RNNLayer(config.cell, size, config.hidden_size) for size in inputs)
        )
        self.readout = READOUTS[config.readout](config, contexts)
        self.dropout = LockedDropout(config.dropout)
        self.residual_from = config.residual_from
        self.num_state_tensors = self.layers[0].num_state_tensors

    def init_state(self, memory: Memory) -> DecoderState:
        """The state before the first token, (B, 1, H) for each layer."""
        raise NotImplementedError

    def forward(self, embedded: Tensor, memory: Memory) -> tuple[Tensor, Tensor | None]:
        """Embedded previous tokens (B, T, E), from BOS on -> readouts (B, T, E) and attention weights (B, T, S), None
        without attention."""
        state = self.init_state(memory)
        if not self.sequential:
            readouts, _, weights = self._decode(embedded, state, memory, RNNLayer.forward)
            return readouts, weights
        steps, attention = [], []
        with deferred_gradients(), self.dropout.held() as next_step:
            for token in torch.split(embedded, 1, dim=1):
                next_step()
                readouts, state, weights = self.step(token, state, memory)
                steps.append(readouts)
                attention.append(weights)
        return torch.cat(steps, 1), torch.cat([weights for weights in attention if weights is not None], 1)

    def step(self, embedded: Tensor, state: DecoderState, memory: Memory) -> DecoderOutput:
        """Embedded previous tokens (B, K, E) -> readouts (B, K, E), the next state, and weights (B, K, S)."""
        return self._decode(embedded, state, memory, RNNLayer.step)

    def _decode(self, embedded: Tensor, state: DecoderState, memory: Memory, run_layer: RunLayer) -> DecoderOutput:
        """The equations of the decoder: embedded previous tokens (B, T, E) -> DecoderOutput. `run_layer` makes the axis
        T either time (`RNNLayer.forward`) or the hypotheses of a beam (`RNNLayer.step`)."""
        raise NotImplementedError

    def _stack(
        self, inputs: Tensor, state: DecoderState, run_layer: RunLayer, first: int = 0, context: Tensor | None = None
    ) -> tuple[Tensor, tuple[State, ...]]:
        """Run the layers from index `first` up: inputs (B, T, I) -> outputs of the top layer (B, T, H) and the new
        states. A context (B, T, H), if there is one, is concatenated to the input of each layer."""
        outputs = inputs
        states = []
        for depth in range(first, len(self.layers)):
            layer_input = self.dropout(outputs) if depth else outputs
            if context is not None:
                layer_input = torch.cat([layer_input, context], -1)
            layer_output, new_state = run_layer(self.layers[depth], layer_input, state.layers[depth])
            outputs = layer_output + outputs if depth + 1 >= self.residual_from else layer_output
            states.append(new_state)
        return outputs, tuple(states)


class FixedContextDecoder(Decoder):
    """No attention: the only input of every step is the encoder's final state; previous tokens are not used (the
    tutorials' SimpleSeq2Seq)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, [config.hidden_size] * config.decoder_layers, contexts=0)

    def init_state(self, memory: Memory) -> DecoderState:
        zero = memory.final.new_zeros(memory.final.size(0), 1, memory.final.size(1))
        return DecoderState(((zero,) * self.num_state_tensors,) * len(self.layers))

    def _decode(self, embedded: Tensor, state: DecoderState, memory: Memory, run_layer: RunLayer) -> DecoderOutput:
        repeated = memory.final.unsqueeze(1).expand(-1, embedded.size(1), -1)
        outputs, new_state = self._stack(repeated, state, run_layer)
        return self.readout(self.dropout(outputs), None, embedded), replace(state, layers=new_state), None


class SutskeverDecoder(Decoder):
    """No attention: each layer starts from the last state, hidden and cell, of the same layer of the encoder (Sutskever
    et al. 2014; the tutorials' Seq2Seq)."""

    def __init__(self, config: ModelConfig) -> None:
        sizes = [config.embedding_size] + [config.hidden_size] * (config.decoder_layers - 1)
        super().__init__(config, sizes, contexts=0)

    def init_state(self, memory: Memory) -> DecoderState:
        return DecoderState(memory.layers)

    def _decode(self, embedded: Tensor, state: DecoderState, memory: Memory, run_layer: RunLayer) -> DecoderOutput:
        outputs, new_state = self._stack(embedded, state, run_layer)
        return self.readout(self.dropout(outputs), None, embedded), replace(state, layers=new_state), None


class AttentionDecoder(Decoder):
    """Base class of decoders with attention, which start from a projection of the encoder's final state."""

    attention: Attention

    def __init__(self, config: ModelConfig, inputs: Sequence[int]) -> None:
        super().__init__(config, inputs)
        self.attention = Attention(config)
        self.uses_coverage = config.coverage
        self.tracks_position = config.local_attention == "monotonic"
        self.sequential = config.coverage
        self.bridge = Linear(config.hidden_size, config.hidden_size * self.num_state_tensors * len(inputs))

    def init_state(self, memory: Memory) -> DecoderState:
        """The first state of each layer is tanh(W h), where h is the encoder's final state (after Bahdanau et al. 2014,
        A.2.2, where h is that of the backward direction alone)."""
        first = torch.tanh(self.bridge(memory.final)).unsqueeze(1)
        parts = first.chunk(self.num_state_tensors * len(self.layers), -1)
        count = self.num_state_tensors
        layers = tuple(tuple(parts[i : i + count]) for i in range(0, len(parts), count))
        shape = (len(first), 1)
        return DecoderState(
            layers,
            coverage=first.new_zeros((*shape, memory.mask.size(1))) if self.uses_coverage else None,
            position=torch.zeros(shape, dtype=torch.long, device=first.device) if self.tracks_position else None,
        )

    def _attend(self, query: Tensor, state: DecoderState, memory: Memory) -> tuple[Tensor, Tensor, DecoderState]:
        """Queries (B, T, H) -> context (B, T, H), weights (B, T, S), and `state` with coverage and position updated."""
        assert memory.keys is not None, "keys are projected if the decoder has attention"
        assert memory.values is not None
        position, coverage = state.position, state.coverage
        if position is not None and position.size(1) == 1:  # teacher forcing: T consecutive queries
            position = position + torch.arange(query.size(1), device=query.device)
        if coverage is not None:
            coverage = coverage[:, :, : memory.mask.size(1)]  # `Memory.select_batch` may have dropped padding
        context, weights = self.attention(query, memory.keys, memory.values, memory.mask, position, coverage)
        new_state = replace(
            state,
            coverage=None if coverage is None else coverage + weights,
            position=None if position is None else position + 1,
        )
        return context, weights, new_state


class GNMTDecoder(AttentionDecoder):
    """The query is the bottom layer's output; the context is an input of the layers above and of the readout (Wu et al.
    2016, section 3).

    The query does not depend on a context, so teacher forcing runs in parallel over time.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, [config.embedding_size] + [2 * config.hidden_size] * (config.decoder_layers - 1))

    def _decode(self, embedded: Tensor, state: DecoderState, memory: Memory, run_layer: RunLayer) -> DecoderOutput:
        states, bottom = run_layer(self.layers[0], embedded, state.layers[0])
        context, weights, state = self._attend(states, state, memory)
        outputs, above = self._stack(states, state, run_layer, first=1, context=context)
        readouts = self.readout(self.dropout(outputs), context, embedded)
        return readouts, replace(state, layers=(bottom, *above)), weights


class LuongDecoder(AttentionDecoder):
    """The query is the top layer's current state, after the recurrence; the readout, with `PlainReadout` the
    attentional state tanh(W [state; context]), predicts the next token (Luong et al. 2015, eq. 5).

    With input feeding (section 3.3) the readout is also part of the bottom layer's input at the next step.
    """

    def __init__(self, config: ModelConfig) -> None:
        feed_size = config.embedding_size if config.input_feeding else 0
        sizes = [config.embedding_size + feed_size] + [config.hidden_size] * (config.decoder_layers - 1)
        super().__init__(config, sizes)
        self.feed_size = feed_size
        self.sequential = config.input_feeding or config.coverage

    def init_state(self, memory: Memory) -> DecoderState:
        state = super().init_state(memory)
        if not self.feed_size:
            return state
        return replace(state, feed=memory.final.new_zeros(memory.final.size(0), 1, self.feed_size))

    def _decode(self, embedded: Tensor, state: DecoderState, memory: Memory, run_layer: RunLayer) -> DecoderOutput:
        inputs = embedded if state.feed is None else torch.cat([embedded, state.feed.to(embedded.dtype)], -1)
        outputs, new_state = self._stack(inputs, state, run_layer)
        states = self.dropout(outputs)  # h_t in the paper
        context, weights, state = self._attend(states, state, memory)  # c_t
        readouts = self.readout(states, context, embedded)  # h~_t, eq. 5
        return readouts, replace(state, layers=new_state, feed=readouts if self.feed_size else None), weights


class BahdanauDecoder(AttentionDecoder):
    """The query is the top layer's previous state, before the recurrence; the context is part of the bottom layer's
    input, and an input of the readout (Bahdanau et al. 2014, section 3.1: s_i = f(s_{i-1}, y_{i-1}, c_i))."""

    def __init__(self, config: ModelConfig) -> None:
        sizes = [config.embedding_size + config.hidden_size] + [config.hidden_size] * (config.decoder_layers - 1)
        super().__init__(config, sizes)
        self.sequential = True

    def _decode(self, embedded: Tensor, state: DecoderState, memory: Memory, run_layer: RunLayer) -> DecoderOutput:
        query = state.layers[-1][0].to(embedded.dtype)  # s_{i-1}
        context, weights, state = self._attend(query, state, memory)  # c_i
        outputs, new_state = self._stack(torch.cat([embedded, context], -1), state, run_layer)  # s_i
        readouts = self.readout(self.dropout(outputs), context, embedded)
        return readouts, replace(state, layers=new_state), weights


DECODERS: dict[str, Callable[[ModelConfig], Decoder]] = {
    "none-repeat": FixedContextDecoder,
    "none": SutskeverDecoder,
    "bahdanau": BahdanauDecoder,
    "luong": LuongDecoder,
    "gnmt": GNMTDecoder,
}
