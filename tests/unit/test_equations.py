"""The decoders against the equations of their papers, one sentence and one step at a time: readouts and gradients."""

import pytest
import torch
from family import config
from torch import Tensor, nn

from nmt_cli.model.decoder import DECODERS, Decoder
from nmt_cli.model.encoder import Memory
from nmt_cli.model.rnn import RNNLayer

TOLERANCE = 1e-5
"""All else is in double precision, but softmax is in float32."""

DECODER_OPTIONS: dict[str, dict[str, object]] = {
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
    """An LSTM step (Hochreiter and Schmidhuber 1997, with forget gates)."""
    w, u, b, d = (layer.cell.get_parameter(f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    i, f, g, o = (w @ x + b + u @ h + d).chunk(4)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


class ReferenceDecoder:
    """Decodes one sentence by the equations. `states` are the h_j (S, H), both keys and values: the score is the dot
    product."""

    def __init__(self, decoder: Decoder, kind: str, memory: Memory, states: Tensor) -> None:
        self.decoder, self.kind, self.memory, self.states = decoder, kind, memory, states
        self.coverage = states.new_zeros(len(states))
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

    def attend(self, query: Tensor) -> Tensor:
        keys = self.states
        vector = getattr(self.decoder.attention, "coverage", None)
        if vector is not None:
            keys = keys + self.coverage.unsqueeze(1) * vector[0]
        weights = (keys @ query).softmax(0)
        self.coverage = self.coverage + weights
        return weights @ self.states

    def run_cell(self, depth: int, x: Tensor) -> Tensor:
        self.cells[depth] = lstm(self.decoder.layers[depth], x, *self.cells[depth])
        return self.cells[depth][0]

    def readout(self, state: Tensor, context: Tensor | None, y: Tensor) -> Tensor:
        weight, bias = (self.decoder.readout.get_parameter(f"projection.{name}") for name in ("weight", "bias"))
        if weight.size(0) == len(y):  # Luong et al. 2015, eq. 5
            return torch.tanh(weight @ (state if context is None else torch.cat([state, context])) + bias)
        pairs = weight @ torch.cat([state, y, *([] if context is None else [context])]) + bias
        return torch.maximum(pairs[0::2], pairs[1::2])  # Bahdanau et al. 2014, A.2.2

    def step(self, y: Tensor, fed: Tensor | None) -> Tensor:
        """The readout of one step, from the embedded previous token y and, with input feeding, the previous readout."""
        context = None
        if self.kind == "bahdanau":
            context = self.attend(self.cells[-1][0])
            x = torch.cat([y, context])
        else:
            x = self.memory.final[0] if self.kind == "none-repeat" else y if fed is None else torch.cat([y, fed])
        for depth in range(len(self.decoder.layers)):
            if self.kind == "gnmt" and depth:
                assert context is not None
                x = torch.cat([x, context])
            x = self.run_cell(depth, x)
            if self.kind == "gnmt" and not depth:
                context = self.attend(x)
        if self.kind == "luong":
            context = self.attend(x)
        return self.readout(x, context, y)


@pytest.mark.parametrize("name", DECODER_OPTIONS)
@pytest.mark.parametrize("length", [1, 4])
def test_a_decoder_equals_the_equations_of_its_paper(name: str, length: int) -> None:
    torch.manual_seed(1)
    options = DECODER_OPTIONS[name]
    score = {} if options["attention"] in ("none", "none-repeat") else {"score": "dot"}
    settings = config(decoder_layers=2, encoder_layers=2, residual_from=3, dropout=0.0, **score, **options)
    decoder = DECODERS[settings.attention](settings).double()
    for parameter in decoder.parameters():
        nn.init.normal_(parameter, std=0.5)
    states = torch.randn(length, 16, dtype=torch.double, requires_grad=True)
    final = torch.randn(1, 16, dtype=torch.double, requires_grad=True)
    layers = tuple(tuple(torch.randn(1, 1, 16, dtype=torch.double) for _ in range(2)) for _ in range(2))
    attention = decoder.attention
    keys, values = (None, None) if attention is None else attention.project(states[None], states[None])
    memory = Memory(keys, values, torch.ones(1, length, dtype=torch.bool), final, layers, width=length)
    embedded = torch.randn(1, 5, 12, dtype=torch.double)

    readouts, _ = decoder(embedded, memory)
    reference = ReferenceDecoder(decoder, settings.attention, memory, states)
    steps: list[Tensor] = []
    for y in embedded[0]:
        fed = (steps[-1] if steps else torch.zeros_like(y)) if settings.input_feeding else None
        steps.append(reference.step(y, fed))
    expected = torch.stack(steps)
    torch.testing.assert_close(readouts[0], expected, atol=TOLERANCE, rtol=TOLERANCE)
    weights = [*decoder.parameters(), states, final]
    gradients = [
        torch.autograd.grad(outputs.sin().sum(), weights, allow_unused=True) for outputs in (readouts[0], expected)
    ]
    for gradient, expected_gradient in zip(*gradients, strict=True):
        assert (gradient is None) == (expected_gradient is None)
        if gradient is not None:
            torch.testing.assert_close(gradient, expected_gradient, atol=TOLERANCE, rtol=TOLERANCE)
