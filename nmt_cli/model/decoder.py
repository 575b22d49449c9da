"""The decoders: where attention sits, if there is any.

`forward` is teacher forcing over the whole target, `step` one step of search. Each decoder writes its
equations once, in `_pass`, and both call it: over time, or over the hypotheses of a beam. Where a step needs
what attention saw at the step before (`sequential`), `forward` goes step by step.
Both give readouts: the vectors from which the next token is predicted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from nmt_cli.config import ModelConfig
from nmt_cli.kernels.deferred_grad import unrolled
from nmt_cli.kernels.linear import RoundedLinear, SmallLinear
from nmt_cli.kernels.matmul import tanh
from nmt_cli.model.attention import Attention
from nmt_cli.model.dropout import LockedDropout
from nmt_cli.model.encoder import Memory
from nmt_cli.model.rnn import Recurrence, State, among_all


class PlainReadout(nn.Module):
    """The attentional state, tanh(W [state; context]) (Luong et al. 2015, eq. 5); without attention tanh(W state)."""

    def __init__(self, config: ModelConfig, contexts: int) -> None:
        super().__init__()
        self.projection = RoundedLinear((1 + contexts) * config.hidden_size, config.embedding_size)

    def forward(self, states: Tensor, context: Tensor | None, embedded: Tensor) -> Tensor:
        """States and contexts (B, T, H), embedded previous tokens (B, T, E) -> readouts (B, T, E)."""
        return tanh(self.projection(states if context is None else torch.cat([states, context], -1)))


class MaxoutReadout(nn.Module):
    """Deep output: the larger of each pair of U state + V embedded + C context (Bahdanau et al. 2014, A.2.2, with the
    state s_i of its eq. 4)."""

    def __init__(self, config: ModelConfig, contexts: int) -> None:
        super().__init__()
        inputs = (1 + contexts) * config.hidden_size + config.embedding_size
        self.projection = RoundedLinear(inputs, 2 * config.embedding_size)

    def forward(self, states: Tensor, context: Tensor | None, embedded: Tensor) -> Tensor:
        """States and contexts (B, T, H), embedded previous tokens (B, T, E) -> readouts (B, T, E)."""
        parts = [states, embedded] if context is None else [states, embedded, context]
        pairs: Tensor = self.projection(torch.cat(parts, -1))  # (B, T, 2 E)
        return pairs.view(*pairs.shape[:2], -1, 2).amax(-1)


READOUTS: dict[str, type[PlainReadout | MaxoutReadout]] = {"plain": PlainReadout, "maxout": MaxoutReadout}


@dataclass(frozen=True)
class DecoderState:
    """What the decoder carries from step to step.

    For each layer the cell's state, (B, K, H) each; and where they are needed: the last attentional state
    (B, K, E), what was looked at so far (B, K, S), and the number of the next token (B, K).
    """

    layers: tuple[State, ...]
    feed: Tensor | None = None
    coverage: Tensor | None = None
    position: Tensor | None = None

    def keep(self, rows: Tensor) -> "DecoderState":
        """Only these sentences (n,) go on."""
        return self._each(lambda part: part[rows])

    def select(self, beams: Tensor) -> "DecoderState":
        """Hypothesis k of each sentence goes on from what was hypothesis beams[:, k], (B, K); there may be more or
        fewer than before."""
        rows = among_all(beams, self.layers[0][0].size(1))
        return self._each(lambda part: part.flatten(0, 1).index_select(0, rows).view(*beams.shape, *part.shape[2:]))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "DecoderState":
        others = (None if part is None else change(part) for part in (self.feed, self.coverage, self.position))
        return DecoderState(tuple(tuple(change(part) for part in layer) for layer in self.layers), *others)


Move = Callable[[Recurrence, Tensor, State], tuple[Tensor, State]]
"""How a layer moves on: over a whole sequence (`Recurrence.forward`), or by a step (`Recurrence.step`)."""

Passed = tuple[Tensor, DecoderState, Tensor | None]
"""Readouts (B, T, E), the state after them, and attention weights (B, T, S), None without attention."""


class Decoder(nn.Module):
    """What the decoders share: layers, the first state, and the readout."""

    attention: Attention | None
    sequential: bool
    """Whether a step needs what the step before saw."""

    def __init__(self, config: ModelConfig, inputs: Sequence[int], contexts: int = 1) -> None:
        super().__init__()
        self.attention = None
        self.sequential = False
        self.layers = cast(
            Sequence[Recurrence], nn.ModuleList(Recurrence(config.cell, size, config.hidden_size) for size in inputs)
        )
        self.readout = READOUTS[config.output](config, contexts)
        self.dropout = LockedDropout(config.dropout)
        self.residual_from = config.residual_from
        self.states = self.layers[0].states

    def start(self, memory: Memory) -> DecoderState:
        """The state before the first token, (B, 1, H) for each layer."""
        raise NotImplementedError

    def forward(self, embedded: Tensor, memory: Memory) -> tuple[Tensor, Tensor | None]:
        """Embedded target (B, T, E) -> readouts (B, T, E) and attention weights (B, T, S)."""
        state = self.start(memory)
        if not self.sequential:
            readouts, _, weights = self._pass(embedded, state, memory, Recurrence.forward)
            return readouts, weights
        steps, looked = [], []
        with unrolled(), self.dropout.held() as next_step:
            for token in torch.split(embedded, 1, dim=1):
                next_step()
                readouts, state, weights = self.step(token, state, memory)
                steps.append(readouts)
                looked.append(weights)
        return torch.cat(steps, 1), torch.cat([w for w in looked if w is not None], 1)

    def step(self, embedded: Tensor, state: DecoderState, memory: Memory) -> Passed:
        """Embedded tokens (B, K, E) -> readouts (B, K, E), the next state, and weights (B, K, S)."""
        return self._pass(embedded, state, memory, Recurrence.step)

    def _pass(self, embedded: Tensor, state: DecoderState, memory: Memory, move: Move) -> Passed:
        raise NotImplementedError

    def _stack(
        self, inputs: Tensor, state: DecoderState, move: Move, first: int = 0, context: Tensor | None = None
    ) -> tuple[Tensor, tuple[State, ...]]:
        """The layers from `first` on over (B, T, I), each also fed with the context (B, T, H) if there is one -> the
        top one's outputs (B, T, H), and the states after."""
        outputs = inputs
        following = []
        for depth in range(first, len(self.layers)):
            entering = self.dropout(outputs) if depth else outputs
            if context is not None:
                entering = torch.cat([entering, context], -1)
            moved, after = move(self.layers[depth], entering, state.layers[depth])
            outputs = moved + outputs if depth + 1 >= self.residual_from else moved
            following.append(after)
        return outputs, tuple(following)


class RepeatedVector(Decoder):
    """No attention: the encoder's final state is the input of every step, and all that is handed over; the words
    said so far are not read again (the tutorials' SimpleSeq2Seq)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, [config.hidden_size] * config.decoder_layers, contexts=0)

    def start(self, memory: Memory) -> DecoderState:
        zero = memory.final.new_zeros(memory.final.size(0), 1, memory.final.size(1))
        return DecoderState(((zero,) * self.states,) * len(self.layers))

    def _pass(self, embedded: Tensor, state: DecoderState, memory: Memory, move: Move) -> Passed:
        repeated = memory.final.unsqueeze(1).expand(-1, embedded.size(1), -1)
        outputs, following = self._stack(repeated, state, move)
        return self.readout(self.dropout(outputs), None, embedded), replace(state, layers=following), None


class HandedState(Decoder):
    """No attention: the decoder goes on from where the encoder stopped, layer by layer, hidden and cell state alike
    (Sutskever et al. 2014; the tutorials' Seq2Seq)."""

    def __init__(self, config: ModelConfig) -> None:
        sizes = [config.embedding_size] + [config.hidden_size] * (config.decoder_layers - 1)
        super().__init__(config, sizes, contexts=0)

    def start(self, memory: Memory) -> DecoderState:
        return DecoderState(memory.layers)

    def _pass(self, embedded: Tensor, state: DecoderState, memory: Memory, move: Move) -> Passed:
        outputs, following = self._stack(embedded, state, move)
        return self.readout(self.dropout(outputs), None, embedded), replace(state, layers=following), None


class AttentionDecoder(Decoder):
    """What decoders with attention share: they start from a projection of the encoder's final state."""

    attention: Attention

    def __init__(self, config: ModelConfig, inputs: Sequence[int]) -> None:
        super().__init__(config, inputs)
        self.attention = Attention(config)
        self.covers = config.coverage
        self.counts = config.local == "monotonic"
        self.sequential = config.coverage
        self.bridge = SmallLinear(config.hidden_size, config.hidden_size * self.states * len(inputs))

    def start(self, memory: Memory) -> DecoderState:
        """The first state of each layer is tanh(W h) of the encoder's final state h (Bahdanau et al. 2014, A.2.2)."""
        first = torch.tanh(self.bridge(memory.final)).unsqueeze(1)
        parts = first.chunk(self.states * len(self.layers), -1)
        layers = tuple(tuple(parts[i : i + self.states]) for i in range(0, len(parts), self.states))
        shape = (len(first), 1)
        return DecoderState(
            layers,
            coverage=first.new_zeros((*shape, memory.mask.size(1))) if self.covers else None,
            position=torch.zeros(shape, dtype=torch.long, device=first.device) if self.counts else None,
        )

    def _look(self, query: Tensor, state: DecoderState, memory: Memory) -> tuple[Tensor, Tensor, DecoderState]:
        """Queries (B, T, H) -> context (B, T, H), weights (B, T, S), and the state with what follows from looking."""
        assert memory.keys is not None, "a decoder with attention has projected the keys"
        assert memory.values is not None
        position, coverage = state.position, state.coverage
        if position is not None and position.size(1) == 1:  # over time: the queries follow one another
            position = position + torch.arange(query.size(1), device=query.device)
        if coverage is not None:
            coverage = coverage[:, :, : memory.mask.size(1)]
        context, weights = self.attention(query, memory.keys, memory.values, memory.mask, position, coverage)
        after = replace(
            state,
            coverage=None if coverage is None else coverage + weights,
            position=None if position is None else position + 1,
        )
        return context, weights, after


class BottomAttention(AttentionDecoder):
    """The bottom layer's output asks; the context feeds the layers above and the readout (Wu et al. 2016, section 3).

    The query never depends on a context, so everything runs parallel over time in teacher forcing.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, [config.embedding_size] + [2 * config.hidden_size] * (config.decoder_layers - 1))

    def _pass(self, embedded: Tensor, state: DecoderState, memory: Memory, move: Move) -> Passed:
        states, bottom = move(self.layers[0], embedded, state.layers[0])
        context, weights, state = self._look(states, state, memory)
        outputs, above = self._stack(states, state, move, first=1, context=context)
        readouts = self.readout(self.dropout(outputs), context, embedded)
        return readouts, replace(state, layers=(bottom, *above)), weights


class AttentionAfter(AttentionDecoder):
    """The top layer's current state asks, after the recurrence; the attentional state
    tanh(W [state; context]) predicts the next token (Luong et al. 2015, eq. 5).

    With input feeding (section 3.3) the attentional state is also part of the next step's input.
    """

    def __init__(self, config: ModelConfig) -> None:
        fed = config.embedding_size if config.input_feeding else 0
        super().__init__(config, [config.embedding_size + fed] + [config.hidden_size] * (config.decoder_layers - 1))
        self.fed = fed
        self.sequential = config.input_feeding or config.coverage

    def start(self, memory: Memory) -> DecoderState:
        state = super().start(memory)
        if not self.fed:
            return state
        return replace(state, feed=memory.final.new_zeros(memory.final.size(0), 1, self.fed))

    def _pass(self, embedded: Tensor, state: DecoderState, memory: Memory, move: Move) -> Passed:
        inputs = embedded if state.feed is None else torch.cat([embedded, state.feed.to(embedded.dtype)], -1)
        outputs, following = self._stack(inputs, state, move)
        states = self.dropout(outputs)
        context, weights, state = self._look(states, state, memory)
        readouts = self.readout(states, context, embedded)
        return readouts, replace(state, layers=following, feed=readouts if self.fed else None), weights


class AttentionBefore(AttentionDecoder):
    """The top layer's previous state asks, before the recurrence, which the context then enters (Bahdanau et al. 2014,
    section 3.1: s_i = f(s_{i-1}, y_{i-1}, c_i))."""

    def __init__(self, config: ModelConfig) -> None:
        sizes = [config.embedding_size + config.hidden_size] + [config.hidden_size] * (config.decoder_layers - 1)
        super().__init__(config, sizes)
        self.sequential = True

    def _pass(self, embedded: Tensor, state: DecoderState, memory: Memory, move: Move) -> Passed:
        query = state.layers[-1][0].to(embedded.dtype)
        context, weights, state = self._look(query, state, memory)
        outputs, following = self._stack(torch.cat([embedded, context], -1), state, move)
        readouts = self.readout(self.dropout(outputs), context, embedded)
        return readouts, replace(state, layers=following), weights


DECODERS: dict[str, Callable[[ModelConfig], Decoder]] = {
    "repeat": RepeatedVector,
    "state": HandedState,
    "before": AttentionBefore,
    "after": AttentionAfter,
    "bottom": BottomAttention,
}
