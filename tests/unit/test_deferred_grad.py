"""Gradients made once for all steps: those that are made at every step, and added up."""

import gc
import weakref
from contextlib import nullcontext

import pytest
import torch
from family import config, every_system
from torch import nn

from nmt_cli.config import ModelConfig
from nmt_cli.kernels import deferred_grad as module
from nmt_cli.kernels.deferred_grad import active_context, deferred_gradients
from nmt_cli.kernels.linear import Linear, bmm
from nmt_cli.model.rnn import RNNLayer
from nmt_cli.model.seq2seq import Seq2Seq, VocabSizes, sequence_mask


def true_share(system: ModelConfig) -> float | None:
    """How a system comes to go step by step: by its placement, else by reading words of its own, half of them."""
    by_itself = system.coverage or system.input_feeding or system.attention == "bahdanau"
    return None if by_itself else 0.5


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(3)


def not_deferred(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on every step makes its own gradients."""
    for place in ("kernels.linear", "model.rnn"):
        monkeypatch.setattr(f"nmt_cli.{place}.active_context", lambda _: None)


@every_system
def test_gradients_are_those_of_every_step(system: ModelConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Seq2Seq(system, VocabSizes(12, 12, True)).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.4)
    source, target = torch.randint(4, 12, (3, 6)), torch.randint(4, 12, (3, 5))
    mask = sequence_mask(torch.tensor([6, 3, 1]), 6)
    share = true_share(system)
    known = None if share is None else torch.rand(3, 5) < share
    results = []
    for _ in range(2):
        model.zero_grad()
        torch.manual_seed(4)  # the same dropout
        read = (
            model(source, mask, target)
            if known is None
            else model.forward_scheduled_sampling(source, mask, target, known)
        )
        (read[0].sin().sum() + (0.0 if read[1] is None else (read[1] ** 2).sum())).backward()
        results.append((read[0], {key: parameter.grad for key, parameter in model.named_parameters()}))
        not_deferred(monkeypatch)
    (readouts, gradients), (expected, wanted) = results
    torch.testing.assert_close(readouts, expected)
    assert {key for key, value in gradients.items() if value is None} == {k for k, v in wanted.items() if v is None}
    for key, value in wanted.items():
        torch.testing.assert_close(gradients[key], value, msg=lambda text, key=key: f"{key}: {text}")


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_a_step_is_that_of_the_library(kind: str) -> None:
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
        results.append([*state, *torch.autograd.grad(sum((s**2).sum() for s in state), [inputs, *layer.parameters()])])
    for found, wanted in zip(*results, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_one_product_for_all_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, memory = Linear(8, 6), torch.randn(2, 6, 5, requires_grad=True)
    made: list[tuple[int, ...]] = []
    matmul = torch.matmul
    monkeypatch.setattr(
        module.torch, "matmul", lambda left, right: made.append(tuple(right.shape)) or matmul(left, right)
    )
    with deferred_gradients():
        read = [bmm(layer(torch.randn(2, 3, 8)), memory.flatten(0, 0)) for _ in range(5)]
    torch.stack(read).sum().backward()
    assert made == [(2, 15, 6), (32, 8)]  # of memory; of the layer's weights thirty rows, made up
    assert layer.weight.grad is not None
    assert layer.bias.grad is not None
    torch.testing.assert_close(layer.bias.grad, 5 * 3 * memory.detach().sum((0, 2)), rtol=1e-4, atol=1e-5)


def test_steps_that_do_not_count() -> None:
    layer = Linear(8, 6)
    rows = torch.randn(3, 5, 8)
    with deferred_gradients():
        first, *_ = [layer(row) for row in rows]
        none = Linear(8, 6)
        none(rows[0])
    for times in (1, 2):
        first.sum().backward(retain_graph=True)
        torch.testing.assert_close(layer.weight.grad, times * rows[0].sum(0).expand(6, -1))
    assert none.weight.grad is None


def test_of_bf16_the_sum_is_kept_in_full() -> None:
    """Sixty-four products of a gradient that bf16 cannot tell from the sum before it, added one by one, would stand
    still; in one product they add up."""
    layer = Linear(1, 1)
    with deferred_gradients(), torch.autocast("cpu", torch.bfloat16):
        outputs = [layer(torch.full((1, 1, 1), value)) for value in (256.0, *[0.5] * 64)]
    torch.stack(outputs).sum().backward()
    assert float(layer.weight.grad) == 288.0


def test_operands_are_told_apart_by_all_their_parts() -> None:
    """The same W with another U, or another bias, is another operand."""
    x, w = torch.ones(1, 2), torch.ones(3, 2)
    with deferred_gradients():
        deferred = active_context(x)
        assert deferred is not None
        found = [
            deferred.matmul(torch.ones(1, 4), [w, torch.full((3, 2), u)], [torch.full((3,), b)])
            for u, b in ((1.0, 0.0), (2.0, 0.0), (2.0, 5.0))
        ]
    assert [float(outputs[0, 0]) for outputs in found] == [4.0, 6.0, 11.0]


def test_what_comes_where_another_was_is_another() -> None:
    rows = torch.ones(1, 8)
    with deferred_gradients(), torch.autocast("cpu", torch.bfloat16):
        deferred = active_context(rows)
        assert deferred is not None
        found = [deferred.matmul(rows, [torch.full((4, 8), float(value))]) for value in range(20)]
    assert [float(outputs[0, 0]) for outputs in found] == [8.0 * value for value in range(20)]


@pytest.mark.parametrize("learnt", [True, False])
def test_nothing_stays(learnt: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Seq2Seq(config(attention="luong", input_feeding=True), VocabSizes(12, 12, True))
    forward, seen = module._Product.forward, []
    monkeypatch.setattr(
        module._Product, "forward", lambda ctx, *given: seen.append(weakref.ref(ctx)) or forward(ctx, *given)
    )
    source, target = torch.randint(4, 12, (3, 6)), torch.randint(4, 12, (3, 5))
    gc.disable()  # it would come too late, for memory of that size
    try:
        readouts, weights = model(source, torch.ones(3, 6, dtype=torch.bool), target)
        if learnt:
            readouts.sum().backward()
        else:  # a gradient that passes through the steps, and asks for hardly any of what they multiply by
            torch.autograd.grad(readouts.sum(), model.decoder.layers[0].cell.bias_ih_l0)
        alive = [sum(reference() is not None for reference in seen)]
        del readouts, weights
        alive.append(sum(reference() is not None for reference in seen))
    finally:
        gc.enable()
    assert alive == [5 * 5, 0]  # two cells, score, context and readout


def test_only_within_and_on_a_processor() -> None:
    rows = torch.randn(2, 8)
    assert active_context(rows) is None
    with deferred_gradients():
        assert active_context(rows) is not None
        assert active_context(rows.to("meta")) is None
    assert active_context(rows) is None
