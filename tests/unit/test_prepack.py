"""Weights packed for search: the same outputs up to rounding in fp32 and bf16, nearly the same in int8."""

import copy
from collections.abc import Sequence
from typing import cast

import pytest
import torch
from family import config, every_system

from nmt_cli.config import ModelConfig
from nmt_cli.errors import ConfigError
from nmt_cli.kernels import int8, onednn
from nmt_cli.kernels.device import Compute, compute_for_search
from nmt_cli.kernels.int8 import Int8Linear
from nmt_cli.kernels.prepack import MakeLinear, PackedLinear, linear_for
from nmt_cli.model.inference import pack, weight_bytes
from nmt_cli.model.rnn import RNNLayer
from nmt_cli.model.seq2seq import Seq2Seq, VocabSizes, sequence_mask

CPU = torch.device("cpu")
needs_int8 = pytest.mark.skipif(not int8.works(), reason="no int8 products on this CPU or build of torch")
needs_prepack = pytest.mark.skipif(
    linear_for(Compute(CPU, torch.float32)) is not PackedLinear,
    reason="no packed weights on this CPU or build of torch",
)
FORMS = [
    pytest.param(Int8Linear, 1e-4, 0.06, id="int8", marks=needs_int8),
    pytest.param(PackedLinear, 0, 1e-5, id="fp32", marks=needs_prepack),
]
"""The packed layer, and the least and the greatest relative difference of its outputs."""

LENGTHS = torch.tensor([7, 3, 1, 5])


def relative(result: torch.Tensor, expected: torch.Tensor) -> float:
    """The norm of the difference, relative to the expected norm."""
    return float((result - expected).norm() / expected.norm())


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [(1,), (2, 5), (3, 4, 1), (0, 4)])
@pytest.mark.parametrize(("linear", "least", "most"), FORMS)
def test_a_packed_linear_layer_approximates_the_plain_one(
    linear: MakeLinear, least: float, most: float, rows: tuple[int, ...], bias: bool
) -> None:
    torch.manual_seed(1)
    layer = torch.nn.Linear(100, 60, bias=bias)
    layer.weight.data[7] *= 50  # an output on another scale
    inputs = torch.randn(*rows, 100)
    with torch.inference_mode():
        expected = layer(inputs)
        outputs = linear(layer.weight, layer.bias)(inputs)
    assert outputs.shape == expected.shape
    if inputs.numel():
        assert least <= relative(outputs, expected) < most / 3
        assert relative(outputs[..., :7], expected[..., :7]) < most / 3


@pytest.mark.skipif(not onednn.has_prepack(torch.bfloat16), reason="oneDNN has no bf16 on this CPU")
def test_a_packed_layer_computes_in_the_dtype_of_its_weight() -> None:
    torch.manual_seed(1)
    layer = torch.nn.Linear(100, 60).bfloat16()
    inputs = torch.randn(70, 100)
    with torch.inference_mode():
        outputs = PackedLinear(layer.weight, layer.bias)(inputs)
        assert outputs.dtype == torch.bfloat16
        assert relative(outputs.float(), layer(inputs.bfloat16()).float()) < 0.005


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize(("linear", "least", "most"), FORMS)
def test_a_packed_cell_approximates_the_plain_one_over_many_steps(
    linear: MakeLinear, least: float, most: float, cell: str
) -> None:
    torch.manual_seed(2)
    model = Seq2Seq(config(cell=cell, attention="luong", decoder_layers=1), VocabSizes(50, 50, True))
    layer = RNNLayer(cell, 24, 32)
    packed = copy.deepcopy(layer)
    model.decoder.layers = cast(Sequence[RNNLayer], torch.nn.ModuleList([packed]))
    pack(model, linear)
    states = []
    inputs = torch.randn(5, 30, 24)
    for cell_layer in (layer, packed):
        state = tuple(torch.zeros(5, 1, 32) for _ in range(layer.num_state_tensors))
        with torch.inference_mode():
            for step in torch.split(inputs, 1, dim=1):
                _, state = cell_layer.step(step, state)
        states.append(state)
    for expected, result in zip(*states, strict=True):
        assert least <= relative(result, expected) < most * 5 / 6


@every_system
@pytest.mark.parametrize(("linear", "least", "most"), FORMS)
def test_a_packed_model_approximates_the_plain_one(
    linear: MakeLinear, least: float, most: float, system: ModelConfig
) -> None:
    torch.manual_seed(3)
    model = Seq2Seq(system, VocabSizes(50, 50, True)).eval()
    weights, table = 4 * sum(p.numel() for p in model.parameters()), 4 * model.output.weight.numel()
    source, mask = torch.randint(4, 50, (4, 7)), sequence_mask(LENGTHS, 7)
    source = source.masked_fill(~mask, 0)
    tokens = torch.randint(4, 50, (4, 3, 2))
    outputs, before = [], weight_bytes(model)
    with torch.inference_mode():
        for packed in (False, True):
            if packed:
                pack(model, linear)
            memory = model.encode(source, mask)
            state = model.init_state(memory).select(torch.zeros_like(tokens[:, :, 0]))
            for t in range(2):
                logits, state, _ = model.step(tokens[:, :, t], state, memory)
            outputs.append(logits)
    assert least <= relative(outputs[1], outputs[0]) < most
    assert before == weights
    tied = model.config.tied_embeddings != "none"  # the embedding stays, beside the packed output layer
    assert weight_bytes(model) < before if linear is Int8Linear else weight_bytes(model) == before + tied * table


@needs_int8
def test_int8_is_rejected_on_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(compute_for_search("cpu", "int8", 1)).endswith("int8")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(ConfigError, match="precision int8 is for CPUs"):
        compute_for_search("cuda", "int8", 0)
