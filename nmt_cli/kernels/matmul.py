"""Products with weights while float32 is learnt, by oneDNN on AMD's processors: there MKL, which the library takes, has
two thirds to nine tenths of oneDNN's rate."""

import re
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from nmt_cli.kernels import onednn
from nmt_cli.kernels.device import processor


def made_up(rows: int) -> int:
    """Rows that so many are made up to, a quarter more at most: a multiple of 8 from there on, of 16 above 64, and so
    on, as `corpus.batching.round_size` has it."""
    step = max(8, (1 << rows.bit_length()) // 8)
    return rows if rows <= 8 else -(-rows // step) * step


def padded(rows: Tensor) -> Tensor:
    """Rows (n, I), and zeros, as many as they are made up with."""
    missing = made_up(len(rows)) - len(rows)
    return F.pad(rows, (0, 0, 0, missing)) if missing else rows


LEAST = 1 << 16
"""Weights of a layer for which it is worth the call of a gradient of our own."""


def in_bf16(like: Tensor) -> bool:
    """Whether a processor computes in bf16 here, since it learns or tells the loss. oneDNN then compiles a kernel for
    every shape, and keeps it: half a megabyte each."""
    return like.device.type == "cpu" and torch.is_autocast_enabled("cpu")


def linear(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """y = W x + b for rows (n, I), W (O, I) and b (O,) -> (n, O)."""
    if not learns_by_onednn(rows, weight):
        return F.linear(rows, weight, bias)
    outputs: Tensor = _Linear.apply(rows, weight, bias)  # type: ignore[no-untyped-call]
    return outputs


def multiply(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """Matrices (n, I) and (O, I) -> the one times the other's transpose, (n, O), and b (O,). It passes no gradient."""
    if _by_onednn(left):
        return onednn.linear(left, right, bias)
    return left @ right.t() if bias is None else torch.addmm(bias, left, right.t())


def learns_by_onednn(rows: Tensor, weight: Tensor) -> bool:
    """Whether `linear` multiplies these by oneDNN."""
    learns = torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")
    return learns and rows.dtype == torch.float32 and weight.numel() >= LEAST and _by_onednn(rows)


class _Linear(torch.autograd.Function):
    """dx = dy W, dW = dy' x, db = the sum of dy over rows."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        rows = rows.contiguous()  # other strides can take a hundred times as long
        ctx.save_for_backward(rows, weight)
        return multiply(rows, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight = ctx.saved_tensors
        gradient, wanted = gradients[0].contiguous(), ctx.needs_input_grad
        return (
            multiply(gradient, weight.t()) if wanted[0] else None,
            gradient.t() @ rows if wanted[1] else None,  # here MKL is as fast
            gradient.sum(0) if wanted[2] else None,
        )


def _by_onednn(inputs: Tensor) -> bool:
    if inputs.device.type != "cpu":
        return False
    if inputs.dtype == torch.bfloat16:  # as torch would, but with the bias in the product
        return onednn.has_linear(torch.bfloat16)
    return inputs.dtype == torch.float32 and _beats_mkl() and onednn.has_linear(torch.float32)


@cache
def _beats_mkl() -> bool:
    """Whether oneDNN does, on this processor."""
    return re.search("AuthenticAMD|HygonGenuine", processor("vendor_id")) is not None


def tanh(inputs: Tensor) -> Tensor:
    """tanh x; in float32, where nothing is learnt, as 2 s(2x) - 1 by the sigmoid s, within 3e-7 of it and in its place:
    what is given is overwritten."""
    if torch.is_grad_enabled() or inputs.device.type != "cpu" or inputs.dtype != torch.float32:
        return torch.tanh(inputs)
    return inputs.mul_(2).sigmoid_().mul_(2).sub_(1)
