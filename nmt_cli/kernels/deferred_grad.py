"""One matmul for the weight gradient of all decoder steps.

A decoder that runs step by step computes y_t = x_t W' + b for every t (' is the transpose). Its weight gradient

    dW = sum_t dy_t' x_t = [dy_1; ...; dy_T]' [x_1; ...; x_T]

is a single matmul with as many rows as the batch has tokens; torch's autograd computes T matmuls of few rows each and
adds them up. The same holds for keys and values, by which every step multiplies too. Used in training on CPUs. An
update of Luong's model with input feeding takes 0.83 to 0.96 of the time and less memory (`benchmarks/JOURNAL.md`,
"Gradients for all steps at once").
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from nmt_cli.kernels.matmul import linear_no_grad
from nmt_cli.kernels.rounding import round_up_rows


class _Buffers:
    """For one operand, the inputs (..., n, I) and output gradients (..., n, O) of all steps: two buffers, filled during
    backward, so that the tensors of a step can be freed as soon as its backward is done."""

    def __init__(self) -> None:
        self.rows = 0
        """Total number of rows of all steps."""
        self._recorded = 0
        self._buffers: tuple[Tensor, ...] = ()

    def record(self, *step: Tensor) -> None:
        """Copy the inputs and the output gradient of one step."""
        if not self._recorded:
            rows = self.rows if step[0].dim() == 3 else round_up_rows(self.rows)  # weights: oneDNN kernel per shape
            self._buffers = tuple(part.new_empty(*part.shape[:-2], rows, part.size(-1)) for part in step)
        count = step[0].size(-2)
        for buffer, part in zip(self._buffers, step, strict=True):
            buffer.narrow(-2, self._recorded, count).copy_(part)
        self._recorded += count

    def flush(self) -> tuple[Tensor, ...]:
        """Return the inputs and output gradients of all steps, padded with zero rows, and release the buffers."""
        for buffer in self._buffers:
            buffer.narrow(-2, self._recorded, buffer.size(-2) - self._recorded).zero_()
        buffers, self._buffers, self._recorded = self._buffers, (), 0
        return buffers


class DeferredGradients:
    """The matmuls of one forward pass, whose weight gradients are computed once for all steps."""

    def __init__(self) -> None:
        self._operands: dict[object, tuple[_Buffers, Tensor, Tensor | None]] = {}
        self._references: list[Tensor] = []

    def matmul(self, inputs: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor | None] = ()) -> Tensor:
        """y = x W' + b: rows (n, I) and weights (O, I) -> (n, O), or batched, (B, n, I) and (B, O, I) -> (B, n, O).
        Several weights are concatenated along I, several biases summed."""
        buffers, weight, bias = self._operand(weights, [bias for bias in biases if bias is not None])
        outputs: Tensor = _DeferredMatmul.apply(buffers, inputs.to(weight.dtype).contiguous(), weight, bias)  # type: ignore[no-untyped-call]
        return outputs

    def _operand(self, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> tuple[_Buffers, Tensor, Tensor | None]:
        """The operand for these weights and biases, built at the first step. Keys and values are a new view of the
        same memory at every step, so operands are identified by their memory."""
        parts = [*weights, *biases]
        key = tuple((part.data_ptr(), part.shape, part.stride(), part.dtype) for part in parts)
        if key not in self._operands:
            first = weights[0]
            dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else first.dtype
            weight = torch.cat(list(weights), -1) if len(weights) > 1 else first
            bias = torch.stack(list(biases)).sum(0).to(dtype) if biases else None
            buffers = _Buffers()
            self._references += parts  # otherwise their memory could be reused for other tensors
            self._operands[key] = buffers, *_Operand.apply(buffers, weight.to(dtype), bias)  # type: ignore[no-untyped-call]
        return self._operands[key]


_ACTIVE: ContextVar[DeferredGradients | None] = ContextVar("deferred_gradients", default=None)


@contextmanager
def deferred_gradients() -> Iterator[None]:
    """Within the block, if several steps multiply CPU tensors by the same weights, the gradient of these weights is
    computed once, for all steps."""
    token = _ACTIVE.set(DeferredGradients())
    try:
        yield
    finally:
        _ACTIVE.reset(token)


def active_context(inputs: Tensor) -> DeferredGradients | None:
    """The active DeferredGradients for CPU tensors, else None. It is used under `torch.no_grad` too, so that outputs do
    not depend on whether gradients are computed."""
    return _ACTIVE.get() if inputs.device.type == "cpu" else None


class _Operand(torch.autograd.Function):
    """The identity function of an operand, whose backward computes the operand's gradient. Autograd calls it after the
    backward of all steps, when the buffers are full."""

    @staticmethod
    def forward(ctx: Any, buffers: _Buffers, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
        ctx.buffers = buffers
        ctx.set_materialize_grads(False)
        return weight.view_as(weight), None if bias is None else bias.view_as(bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *_: None) -> tuple[Tensor | None, ...]:
        inputs, gradients = ctx.buffers.flush()
        weight = torch.matmul(gradients.mT, inputs)
        return None, weight, gradients.sum(0) if ctx.needs_input_grad[2] else None


class _DeferredMatmul(torch.autograd.Function):
    """y = x W' + b, whose backward returns only dx and records x and dy."""

    @staticmethod
    def forward(ctx: Any, buffers: _Buffers, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.buffers = buffers
        buffers.rows += inputs.size(-2)
        ctx.save_for_backward(inputs, weight)
        return _matmul(inputs, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        ctx.buffers.record(inputs, gradient)
        return None, _matmul(gradient, weight.mT) if ctx.needs_input_grad[1] else None, None, None


def _matmul(inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return linear_no_grad(inputs, weight, bias) if weight.dim() == 2 else torch.bmm(inputs, weight.mT)
