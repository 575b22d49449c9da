"""Weights of 8 bits: nearly the same numbers, in every system of the family."""

import pytest
import torch
from family import SYSTEMS, config, name

from nmt_cli.config import ModelConfig
from nmt_cli.errors import ConfigError
from nmt_cli.model.device import compute_for_search
from nmt_cli.model.int8 import Int8Linear, quantise, weight_bytes
from nmt_cli.model.recurrence import GATES, Recurrence
from nmt_cli.model.seq2seq import Seq2Seq, Vocabularies, mask_from

LENGTHS = torch.tensor([7, 3, 1, 5])


def relative(found: torch.Tensor, true: torch.Tensor) -> float:
    return float((found - true).norm() / true.norm())


@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layer(bias: bool) -> None:
    torch.manual_seed(1)
    layer = torch.nn.Linear(100, 60, bias=bias)
    layer.weight.data[7] *= 50  # an output of its own scale
    inputs = torch.randn(2, 5, 100)
    with torch.inference_mode():
        true = layer(inputs)
        found = Int8Linear(layer.weight, layer.bias)(inputs)
    assert found.shape == true.shape
    assert 0 < relative(found, true) < 0.02
    assert relative(found[..., :7], true[..., :7]) < 0.02


@pytest.mark.parametrize("cell", GATES)
def test_a_cell_over_many_steps(cell: str) -> None:
    torch.manual_seed(2)
    layer = Recurrence(cell, 24, 32)
    inputs = torch.randn(5, 30, 24)
    states = {}
    for form in ("fp32", "int8"):
        state = tuple(torch.zeros(5, 1, 32) for _ in range(layer.states))
        with torch.inference_mode():
            for step in inputs.split(1, 1):
                _, state = layer.step(step, state)
        states[form] = state
        if form == "fp32":
            model = Seq2Seq(config(cell=cell, attention="after", decoder_layers=1), Vocabularies(50, 50, True))
            model.decoder.layers = torch.nn.ModuleList([layer])
            quantise(model)
    for found, true in zip(states["int8"], states["fp32"], strict=True):
        assert 0 < relative(found, true) < 0.05


@pytest.mark.parametrize("system", SYSTEMS[::4], ids=name)
def test_a_model_says_nearly_the_same_and_reads_the_same(system: ModelConfig) -> None:
    torch.manual_seed(3)
    model = Seq2Seq(system, Vocabularies(50, 50, True)).eval()
    source, mask = torch.randint(4, 50, (4, 7)), mask_from(LENGTHS, 7)
    source = source.masked_fill(~mask, 0)
    tokens = torch.randint(4, 50, (4, 3, 2))
    said, before = [], weight_bytes(model)
    with torch.inference_mode():
        for form in ("fp32", "int8"):
            if form == "int8":
                quantise(model)
            memory = model.encode(source, mask)
            state = model.start(memory, 3)
            for t in range(2):
                logits, state, _ = model.step(tokens[:, :, t], state, memory)
            said.append(logits)
    assert 0 < relative(said[1], said[0]) < 0.06
    assert before == 4 * sum(p.numel() for p in Seq2Seq(system, Vocabularies(50, 50, True)).parameters())
    assert weight_bytes(model) < before


def test_what_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(compute_for_search("cpu", "int8", 1)).endswith("int8")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(ConfigError, match="--precision int8 is for CPUs"):
        compute_for_search("cuda", "int8", 0)
    monkeypatch.setattr(type(torch.backends.quantized), "supported_engines", ["none"])
    with pytest.raises(ConfigError, match="cannot multiply 8-bit numbers"):
        compute_for_search("cpu", "int8", 0)
