"""oneDNN matmuls for fp32 training on AMD CPUs, padding of rows, and a fast tanh.

torch multiplies fp32 by MKL, which on AMD CPUs reaches 65 to 90 % of oneDNN's speed; with oneDNN an fp32 update takes
0.87 to 1.00 of the time (`benchmarks/JOURNAL.md`, "fp32 by oneDNN on AMD CPUs"). Rows are padded to few counts, because
oneDNN compiles a kernel of 0.5 MB for every shape and keeps it. The matmuls are used in training on CPUs, padding and
tanh also in search ("Prepacked weights", same file).
"""

import re
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from nmt_cli.kernels import onednn
from nmt_cli.kernels.device import cpu_info
from nmt_cli.kernels.rounding import round_up_rows

MIN_WEIGHTS = 1 << 16
"""Smallest number of weights for which oneDNN's matmul is worth a custom gradient."""


def pad_rows(rows: Tensor) -> Tensor:
    """Pad rows (n, I) with zero rows to `round_up_rows(n)`."""
    missing = round_up_rows(len(rows)) - len(rows)
    return F.pad(rows, (0, 0, 0, missing)) if missing else rows


def is_cpu_autocast(like: Tensor) -> bool:
    """Whether `like` is a CPU tensor and CPU autocast (bf16) is enabled."""
    return like.device.type == "cpu" and torch.is_autocast_enabled("cpu")


def use_onednn_backward(rows: Tensor, weight: Tensor) -> bool:
    """Whether `onednn_linear` uses oneDNN forward and backward: for large fp32 layers, in training on AMD CPUs."""
    training_fp32 = torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")
    return training_fp32 and rows.dtype == torch.float32 and weight.numel() >= MIN_WEIGHTS and _use_onednn(rows)


def onednn_linear(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """y = W x + b with a gradient: rows (n, I), W (O, I) and b (O,) -> (n, O)."""
    if not use_onednn_backward(rows, weight):
        return F.linear(rows, weight, bias)
    outputs: Tensor = _Linear.apply(rows, weight, bias)  # type: ignore[no-untyped-call]
    return outputs


def linear_no_grad(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = W x + b without a gradient: rows (n, I), W (O, I) and b (O,) -> (n, O)."""
    if _use_onednn(rows):
        return onednn.linear(rows, weight, bias)
    return rows @ weight.t() if bias is None else torch.addmm(bias, rows, weight.t())


class _Linear(torch.autograd.Function):
    """dx = dy W, dW = dy' x, db = the sum of dy over rows."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        rows = rows.contiguous()  # with other strides oneDNN can take a hundred times as long
        ctx.save_for_backward(rows, weight)
        return linear_no_grad(rows, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight = ctx.saved_tensors
        gradient, needed = gradients[0].contiguous(), ctx.needs_input_grad
        return (
            linear_no_grad(gradient, weight.t()) if needed[0] else None,
            gradient.t() @ rows if needed[1] else None,  # MKL is as fast here
            gradient.sum(0) if needed[2] else None,
        )


def _use_onednn(inputs: Tensor) -> bool:
    if inputs.device.type != "cpu":
        return False
    if inputs.dtype == torch.bfloat16:  # as torch does, but with the bias inside the matmul
        return onednn.has_linear(torch.bfloat16)
    return inputs.dtype == torch.float32 and _is_amd_cpu() and onednn.has_linear(torch.float32)


@cache
def _is_amd_cpu() -> bool:
    return re.search("AuthenticAMD|HygonGenuine", cpu_info("vendor_id")) is not None


def fast_tanh_(inputs: Tensor) -> Tensor:
    """tanh x. On float32 CPU tensors, if gradients are disabled, computed in place as 2 s(2x) - 1, where s is the
    sigmoid, with an error below 3e-7: torch's tanh takes five times as long as its sigmoid."""
    if torch.is_grad_enabled() or inputs.device.type != "cpu" or inputs.dtype != torch.float32:
        return torch.tanh(inputs)
    return inputs.mul_(2).sigmoid_().mul_(2).sub_(1)
