"""The decoders against their papers' equations, written out one sentence and one step at a time, with gradients."""

import pytest
import torch
from family import config
from torch import Tensor, nn

from nmt_cli.model.decoder import DECODERS, Decoder
from nmt_cli.model.encoder import Memory
from nmt_cli.model.rnn import RNNLayer

NEAR = {"atol": 1e-5, "rtol": 1e-5}
"""Softmax is in float32."""

PLACES: dict[str, dict[str, object]] = {
    "bahdanau": {"attention": "bahdanau"},
    "bahdanau-coverage-maxout": {"attention": "bahdanau", "coverage": True, "readout": "maxout"},
    "luong": {"attention": "luong"},
    "luong-feeding": {"attention": "luong", "input_feeding": True},
    "luong-feeding-coverage": {"attention": "luong", "input_feeding": True, "coverage": True},
    "gnmt": {"attention": "gnmt"},
    "gnmt-maxout": {"attention": "gnmt", "readout": "maxout"},
    "none": {"attention": "none", "readout": "maxout"},
    "none-repeat": {"attention": "none-repeat"},
}


def lstm(layer: RNNLayer, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Hochreiter and Schmidhuber 1997, with forget gates."""
    w, u, b, d = (layer.cell.get_parameter(f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    i, f, g, o = (w @ x + b + u @ h + d).chunk(4)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


class Written:
    """One sentence, by the equations. `memory` holds its states h_j (S, H), which are keys and values alike: the score
    is the dot product."""

    def __init__(self, decoder: Decoder, kind: str, memory: Memory, states: Tensor) -> None:
        self.decoder, self.kind, self.memory, self.states = decoder, kind, memory, states
        self.paid = states.new_zeros(len(states))
        layers = len(decoder.layers)
        if kind == "none-repeat":
            self.cells = [(states.new_zeros(16), states.new_zeros(16))] * layers
        elif kind == "none":
            self.cells = [(h[0, 0], c[0, 0]) for h, c in memory.layers]
        else:
            first = torch.tanh(decoder.get_parameter("bridge.weight") @ memory.final[0]
                               + decoder.get_parameter("bridge.bias"))  # fmt: skip
            parts = first.chunk(2 * layers)
            self.cells = [(parts[2 * n], parts[2 * n + 1]) for n in range(layers)]

    def look(self, query: Tensor) -> Tensor:
        keys = self.states
        coverage = getattr(self.decoder.attention, "coverage", None)
        if coverage is not None:
            keys = keys + self.paid.unsqueeze(1) * coverage[0]
        weights = (keys @ query).softmax(0)
        self.paid = self.paid + weights
        return weights @ self.states

    def move(self, depth: int, x: Tensor) -> Tensor:
        self.cells[depth] = lstm(self.decoder.layers[depth], x, *self.cells[depth])
        return self.cells[depth][0]

    def readout(self, state: Tensor, context: Tensor | None, y: Tensor) -> Tensor:
        weight, bias = (self.decoder.readout.get_parameter(f"projection.{name}") for name in ("weight", "bias"))
        if weight.size(0) == len(y):  # Luong et al. 2015, eq. 5
            return torch.tanh(weight @ (state if context is None else torch.cat([state, context])) + bias)
        pairs = weight @ torch.cat([state, y, *([] if context is None else [context])]) + bias
        return torch.maximum(pairs[0::2], pairs[1::2])  # Bahdanau et al. 2014, A.2.2

    def step(self, y: Tensor, fed: Tensor | None) -> Tensor:
        """The readout of one step, from the embedded previous token y and, if it is fed, the readout before."""
        context = None
        if self.kind == "bahdanau":
            context = self.look(self.cells[-1][0])
            x = torch.cat([y, context])
        else:
            x = self.memory.final[0] if self.kind == "none-repeat" else y if fed is None else torch.cat([y, fed])
        for depth in range(len(self.decoder.layers)):
            if self.kind == "gnmt" and depth:
                assert context is not None
                x = torch.cat([x, context])
            x = self.move(depth, x)
            if self.kind == "gnmt" and not depth:
                context = self.look(x)
        if self.kind == "luong":
            context = self.look(x)
        return self.readout(x, context, y)


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("length", [1, 4])
def test_a_decoder_is_its_papers(name: str, length: int) -> None:
    torch.manual_seed(1)
    place = PLACES[name]
    score = {} if place["attention"] in ("none", "none-repeat") else {"score": "dot"}
    settings = config(decoder_layers=2, encoder_layers=2, residual_from=3, dropout=0.0, **score, **place)
    decoder = DECODERS[settings.attention](settings).double()
    for parameter in decoder.parameters():
        nn.init.normal_(parameter, std=0.5)
    states = torch.randn(length, 16, dtype=torch.double, requires_grad=True)
    final = torch.randn(1, 16, dtype=torch.double, requires_grad=True)
    handed = tuple(tuple(torch.randn(1, 1, 16, dtype=torch.double) for _ in range(2)) for _ in range(2))
    attention = decoder.attention
    keys, values = (None, None) if attention is None else attention.project(states[None], states[None])
    memory = Memory(keys, values, torch.ones(1, length, dtype=torch.bool), final, handed, width=length)
    embedded = torch.randn(1, 5, 12, dtype=torch.double)

    found, _ = decoder(embedded, memory)
    written = Written(decoder, settings.attention, memory, states)
    steps: list[Tensor] = []
    for y in embedded[0]:
        fed = (steps[-1] if steps else torch.zeros_like(y)) if settings.input_feeding else None
        steps.append(written.step(y, fed))
    expected = torch.stack(steps)
    torch.testing.assert_close(found[0], expected, **NEAR)
    weights = [*decoder.parameters(), states, final]
    gradients = [
        torch.autograd.grad(readouts.sin().sum(), weights, allow_unused=True) for readouts in (found[0], expected)
    ]
    for one, other in zip(*gradients, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, **NEAR)
