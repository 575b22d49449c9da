"""Deferred gradients: one product for all steps equals the sum of the gradients of every step."""

import gc
import weakref
from contextlib import nullcontext

import pytest
import torch
from family import config, every_system
from torch import Tensor, nn

from nmt_cli.config import ModelConfig
from nmt_cli.kernels import deferred_grad as module
from nmt_cli.kernels.deferred_grad import active_context, deferred_gradients
from nmt_cli.kernels.linear import Linear, bmm
from nmt_cli.model.rnn import RNNLayer
from nmt_cli.model.seq2seq import Seq2Seq, VocabSizes, sequence_mask


def teacher_forcing_ratio(system: ModelConfig) -> float | None:
    """None for systems that decode step by step anyway; for others 0.5: scheduled sampling makes them sequential."""
    sequential = system.coverage or system.input_feeding or system.attention == "bahdanau"
    return None if sequential else 0.5


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(3)


def not_deferred(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on every step computes its own gradients."""
    for module_name in ("kernels.linear", "model.rnn"):
        monkeypatch.setattr(f"nmt_cli.{module_name}.active_context", lambda _: None)


@every_system
def test_deferred_gradients_equal_those_of_every_step(system: ModelConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Seq2Seq(system, VocabSizes(12, 12, True)).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.4)
    source, target = torch.randint(4, 12, (3, 6)), torch.randint(4, 12, (3, 5))
    mask = sequence_mask(torch.tensor([6, 3, 1]), 6)
    ratio = teacher_forcing_ratio(system)
    forced = None if ratio is None else torch.rand(3, 5) < ratio
    results = []
    for _ in range(2):
        model.zero_grad()
        torch.manual_seed(4)  # the same dropout
        outputs, weights = (
            model(source, mask, target)
            if forced is None
            else model.forward_scheduled_sampling(source, mask, target, forced)
        )
        (outputs.sin().sum() + (0.0 if weights is None else (weights**2).sum())).backward()
        results.append((outputs, {key: parameter.grad for key, parameter in model.named_parameters()}))
        not_deferred(monkeypatch)
    (readouts, gradients), (expected, expected_gradients) = results
    torch.testing.assert_close(readouts, expected)
    for key, value in expected_gradients.items():
        assert (gradients[key] is None) == (value is None), key
        torch.testing.assert_close(gradients[key], value, msg=f"{key}: {{}}".format)


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_deferred_gradients_of_a_cell_equal_autograd(kind: str) -> None:
    layer = RNNLayer(kind, 12, 16)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.5)
    inputs = torch.randn(6, 3, 2, 12, requires_grad=True)
    results = []
    for context in (deferred_gradients(), nullcontext()):
        state = tuple(
            torch.randn(3, 2, 16, generator=torch.Generator().manual_seed(i)) for i in range(layer.num_state_tensors)
        )
        with context:
            for step in inputs:
                _, state = layer.step(step, state)
        results.append(
            [
                *state,
                *torch.autograd.grad(torch.stack([(s**2).sum() for s in state]).sum(), [inputs, *layer.parameters()]),
            ]
        )
    for deferred, expected in zip(*results, strict=True):
        torch.testing.assert_close(deferred, expected, rtol=1e-4, atol=1e-5)


def test_all_steps_share_one_product_for_the_weight_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, memory = Linear(8, 6), torch.randn(2, 6, 5, requires_grad=True)
    shapes: list[tuple[int, ...]] = []
    matmul = torch.matmul

    def record(left: Tensor, right: Tensor) -> Tensor:
        shapes.append(tuple(right.shape))
        return matmul(left, right)

    monkeypatch.setattr(torch, "matmul", record)
    with deferred_gradients():
        outputs = [bmm(layer(torch.randn(2, 3, 8)), memory.flatten(0, 0)) for _ in range(5)]
    torch.autograd.backward(torch.stack(outputs).sum())
    assert shapes == [(2, 15, 6), (32, 8)]  # of memory; of the layer's weight, 30 rows padded to 32
    assert layer.weight.grad is not None
    assert layer.bias.grad is not None
    torch.testing.assert_close(layer.bias.grad, 5 * 3 * memory.detach().sum((0, 2)), rtol=1e-4, atol=1e-5)


def test_steps_outside_the_loss_contribute_no_gradient() -> None:
    layer = Linear(8, 6)
    rows = torch.randn(3, 5, 8)
    with deferred_gradients():
        first, *_ = [layer(row) for row in rows]
        unused = Linear(8, 6)
        unused(rows[0])
    for times in (1, 2):
        first.sum().backward(retain_graph=True)
        torch.testing.assert_close(layer.weight.grad, times * rows[0].sum(0).expand(6, -1))
    assert unused.weight.grad is None


def test_bf16_gradients_are_summed_without_loss_over_steps() -> None:
    """Added one by one in bf16, the 64 small gradients would each round away beside the large one; in one product they
    add up."""
    layer = Linear(1, 1)
    with deferred_gradients(), torch.autocast("cpu", torch.bfloat16):
        outputs = [layer(torch.full((1, 1, 1), value)) for value in (256.0, *[0.5] * 64)]
    torch.autograd.backward(torch.stack(outputs).sum())
    assert layer.weight.grad is not None
    assert layer.weight.grad.item() == 288.0


def test_operands_are_distinguished_by_all_their_weights_and_biases() -> None:
    """The same W with another U, or another bias, is another operand."""
    x, w = torch.ones(1, 2), torch.ones(3, 2)
    with deferred_gradients():
        deferred = active_context(x)
        assert deferred is not None
        results = [
            deferred.matmul(torch.ones(1, 4), [w, torch.full((3, 2), u)], [torch.full((3,), b)])
            for u, b in ((1.0, 0.0), (2.0, 0.0), (2.0, 5.0))
        ]
    assert [float(outputs[0, 0]) for outputs in results] == [4.0, 6.0, 11.0]


def test_a_new_operand_at_the_address_of_a_freed_one_is_distinguished() -> None:
    rows = torch.ones(1, 8)
    with deferred_gradients(), torch.autocast("cpu", torch.bfloat16):
        deferred = active_context(rows)
        assert deferred is not None
        results = [deferred.matmul(rows, [torch.full((4, 8), float(value))]) for value in range(20)]
    assert [float(outputs[0, 0]) for outputs in results] == [8.0 * value for value in range(20)]


@pytest.mark.parametrize("full_backward", [True, False])
def test_the_graph_is_freed_without_garbage_collection(full_backward: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Seq2Seq(config(attention="luong", input_feeding=True), VocabSizes(12, 12, True))
    forward = module._DeferredMatmul.forward
    nodes: list[weakref.ref[object]] = []

    def record(ctx: object, buffers: module._Buffers, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        nodes.append(weakref.ref(ctx))
        return forward(ctx, buffers, inputs, weight, bias)

    monkeypatch.setattr(module._DeferredMatmul, "forward", record)
    source, target = torch.randint(4, 12, (3, 6)), torch.randint(4, 12, (3, 5))
    gc.disable()  # it would run too late to bound the memory
    try:
        readouts, weights = model(source, torch.ones(3, 6, dtype=torch.bool), target)
        if full_backward:
            readouts.sum().backward()
        else:  # a gradient that passes through all steps but needs few of their operands' gradients
            torch.autograd.grad(readouts.sum(), model.decoder.layers[0].cell.bias_ih_l0)
        alive = [sum(node() is not None for node in nodes)]
        del readouts, weights
        alive.append(sum(node() is not None for node in nodes))
    finally:
        gc.enable()
    assert alive == [5 * 5, 0]  # per step: two cells, score, context and readout


def test_the_context_is_active_only_within_and_for_cpu_tensors() -> None:
    rows = torch.randn(2, 8)
    assert active_context(rows) is None
    with deferred_gradients():
        assert active_context(rows) is not None
        assert active_context(rows.to("meta")) is None
    assert active_context(rows) is None
