"""Padding rows: few distinct row counts, and unchanged results."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nmt_cli.kernels import matmul
from nmt_cli.kernels.linear import Linear
from nmt_cli.kernels.rounding import round_batch_size, round_up_rows


def test_row_counts_are_rounded_up_to_few_values() -> None:
    sizes = [round_up_rows(rows) for rows in range(3000)]
    assert sizes[:17] == [*range(9), *[16] * 8]
    assert all(rows <= size <= rows + max(7, rows // 4) for rows, size in enumerate(sizes))
    assert all(round_up_rows(size) == size for size in sizes)
    assert len(set(sizes[:257])) <= 28
    assert all(size <= following for size, following in itertools.pairwise(sizes))
    assert all(
        round_up_rows(round_batch_size(room)) == round_batch_size(room) for room in range(8, 3000)
    )  # rounded batch sizes need no padding


@pytest.mark.parametrize("shape", [(5, 7), (3, 100, 2), (64, 1)])
def test_padded_rows_do_not_change_outputs_or_gradients(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    plain, padded = nn.Linear(24, 40), Linear(24, 40)
    padded.load_state_dict(plain.state_dict())
    shapes: list[tuple[int, ...]] = []
    linear = nn.functional.linear

    def record(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        shapes.append(tuple(x.shape))
        return linear(x, weight, bias)

    monkeypatch.setattr(nn.functional, "linear", record)
    results = []
    for layer in (plain, padded):
        inputs = torch.randn(*shape, 24, generator=torch.Generator().manual_seed(2)).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            outputs = layer(inputs)
        (outputs.float() ** 2).sum().backward()
        results.append((outputs, inputs.grad, layer.weight.grad, layer.bias.grad))
    assert shapes[1] == (round_up_rows(int(np.prod(shape))), 24)
    for expected, result in zip(*results, strict=True):
        torch.testing.assert_close(result, expected, rtol=0.02, atol=0.02)
    assert torch.equal(results[0][0], results[1][0])
    monkeypatch.setattr(matmul, "_is_amd_cpu", lambda: False)
    padded(torch.randn(*shape, 24))
    assert shapes[2] == (*shape, 24)  # MKL compiles no kernels


def test_a_product_of_one_vector_per_sentence_stays_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    dtypes: list[torch.dtype] = []
    linear = nn.functional.linear

    def record(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        dtypes.append(x.dtype)
        return linear(x, weight, bias)

    monkeypatch.setattr(nn.functional, "linear", record)
    layer, inputs = Linear(24, 40), torch.randn(5, 24).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        outputs = layer(inputs)
    assert (dtypes, outputs.dtype) == ([torch.float32], torch.bfloat16)
    assert torch.equal(outputs, layer(inputs.float()).bfloat16())
    outputs.sum().backward()
    torch.testing.assert_close(layer.weight.grad, inputs.float().sum(0).expand(40, -1))
