"""Weights laid out for search: nearly the same numbers in 8 bits, the same in their own type, in every system."""

import copy

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
needs_int8 = pytest.mark.skipif(not int8.works(), reason="this CPU or build of torch multiplies no 8-bit numbers")
needs_prepack = pytest.mark.skipif(
    linear_for(Compute(CPU, torch.float32)) is not PackedLinear, reason="this CPU or build of torch lays out no weights"
)
FORMS = [
    pytest.param(Int8Linear, 1e-4, 0.06, id="int8", marks=needs_int8),
    pytest.param(PackedLinear, 0, 1e-5, id="fp32", marks=needs_prepack),
]
"""What a layer becomes, and by how much its results differ, at least and at most."""

LENGTHS = torch.tensor([7, 3, 1, 5])


def relative(found: torch.Tensor, true: torch.Tensor) -> float:
    return float((found - true).norm() / true.norm())


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [(1,), (2, 5), (3, 4, 1), (0, 4)])
@pytest.mark.parametrize(("linear", "least", "most"), FORMS)
def test_a_linear_layer(linear: MakeLinear, least: float, most: float, rows: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(1)
    layer = torch.nn.Linear(100, 60, bias=bias)
    layer.weight.data[7] *= 50  # an output of its own scale
    inputs = torch.randn(*rows, 100)
    with torch.inference_mode():
        true = layer(inputs)
        found = linear(layer.weight, layer.bias)(inputs)
    assert found.shape == true.shape
    if inputs.numel():
        assert least <= relative(found, true) < most / 3
        assert relative(found[..., :7], true[..., :7]) < most / 3


@pytest.mark.skipif(not onednn.has_prepack(torch.bfloat16), reason="oneDNN has no bf16 on this CPU")
def test_a_layer_keeps_its_type() -> None:
    torch.manual_seed(1)
    layer = torch.nn.Linear(100, 60).bfloat16()
    inputs = torch.randn(70, 100)
    with torch.inference_mode():
        found = PackedLinear(layer.weight, layer.bias)(inputs)
        assert found.dtype == torch.bfloat16
        assert relative(found.float(), layer(inputs.bfloat16()).float()) < 0.005


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize(("linear", "least", "most"), FORMS)
def test_a_cell_over_many_steps(linear: MakeLinear, least: float, most: float, cell: str) -> None:
    torch.manual_seed(2)
    model = Seq2Seq(config(cell=cell, attention="luong", decoder_layers=1), VocabSizes(50, 50, True))
    layer = RNNLayer(cell, 24, 32)
    packed = copy.deepcopy(layer)
    model.decoder.layers = torch.nn.ModuleList([packed])
    pack(model, linear)
    states = []
    inputs = torch.randn(5, 30, 24)
    for each in (layer, packed):
        state = tuple(torch.zeros(5, 1, 32) for _ in range(layer.num_state_tensors))
        with torch.inference_mode():
            for step in inputs.split(1, 1):
                _, state = each.step(step, state)
        states.append(state)
    for true, found in zip(*states, strict=True):
        assert least <= relative(found, true) < most * 5 / 6


@every_system
@pytest.mark.parametrize(("linear", "least", "most"), FORMS)
def test_a_model_says_nearly_the_same_and_reads_the_same(
    linear: MakeLinear, least: float, most: float, system: ModelConfig
) -> None:
    torch.manual_seed(3)
    model = Seq2Seq(system, VocabSizes(50, 50, True)).eval()
    weights, table = 4 * sum(p.numel() for p in model.parameters()), 4 * model.output.weight.numel()
    source, mask = torch.randint(4, 50, (4, 7)), sequence_mask(LENGTHS, 7)
    source = source.masked_fill(~mask, 0)
    tokens = torch.randint(4, 50, (4, 3, 2))
    said, before = [], weight_bytes(model)
    with torch.inference_mode():
        for ready in (False, True):
            if ready:
                pack(model, linear)
            memory = model.encode(source, mask)
            state = model.init_state(memory).select(torch.zeros_like(tokens[:, :, 0]))
            for t in range(2):
                logits, state, _ = model.step(tokens[:, :, t], state, memory)
            said.append(logits)
    assert least <= relative(said[1], said[0]) < most
    assert before == weights
    tied = model.config.tied_embeddings != "none"  # read and multiplied by: in two forms
    assert weight_bytes(model) < before if linear is Int8Linear else weight_bytes(model) == before + tied * table


@needs_int8
def test_int8_is_for_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(compute_for_search("cpu", "int8", 1)).endswith("int8")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(ConfigError, match="--precision int8 is for CPUs"):
        compute_for_search("cuda", "int8", 0)
