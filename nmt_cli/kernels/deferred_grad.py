"""One matmul for the weight gradient of all decoder steps.

A decoder that goes step by step computes y_t = x_t W' + b for every t, and

    dW = sum_t dy_t' x_t = [dy_1; ...; dy_T]' [x_1; ...; x_T]

is one product with as many rows as the batch has tokens, where torch's autograd makes T products of few rows each and
adds them up. The same holds for keys and values, which every step multiplies by. Used on CPUs. An
update of Luong's model with input feeding takes 0.83 to 0.96 of the time, and less memory (`benchmarks/JOURNAL.md`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from nmt_cli.kernels.matmul import linear_no_grad
from nmt_cli.kernels.rounding import round_up_rows


class _Uses:
    """What an operand was multiplied by at every step, (..., n, I), and the gradients of the results, (..., n, O):
    two buffers, filled during backward, so that each step's own tensors are freed at once."""

    def __init__(self) -> None:
        self.rows = 0
        """Of all steps together."""
        self._recorded = 0
        self._buffers: tuple[Tensor, ...] = ()

    def record(self, *sides: Tensor) -> None:
        """Copy the inputs and the gradient of one step."""
        if not self._recorded:
            rows = self.rows if sides[0].dim() == 3 else round_up_rows(self.rows)  # weights are multiplied by oneDNN
            self._buffers = tuple(side.new_empty(*side.shape[:-2], rows, side.size(-1)) for side in sides)
        count = sides[0].size(-2)
        for buffer, side in zip(self._buffers, sides, strict=True):
            buffer.narrow(-2, self._recorded, count).copy_(side)
        self._recorded += count

    def flush(self) -> tuple[Tensor, ...]:
        """Inputs and gradients of all steps, padded with zeros."""
        for buffer in self._buffers:
            buffer.narrow(-2, self._recorded, buffer.size(-2) - self._recorded).zero_()
        buffers, self._buffers, self._recorded = self._buffers, (), 0
        return buffers


class DeferredGradients:
    """The products of one forward pass, step by step."""

    def __init__(self) -> None:
        self._operands: dict[object, tuple[_Uses, Tensor, Tensor | None]] = {}
        self._kept: list[Tensor] = []

    def matmul(self, inputs: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor | None] = ()) -> Tensor:
        """y = x W' + b: rows (n, I) and weights (O, I) -> (n, O), or for each of a batch, (B, n, I) and (B, O, I) ->
        (B, n, O). Several weights are concatenated, several biases added up."""
        uses, weight, bias = self._operand(weights, [bias for bias in biases if bias is not None])
        outputs: Tensor = _Product.apply(uses, inputs.to(weight.dtype).contiguous(), weight, bias)  # type: ignore[no-untyped-call]
        return outputs

    def _operand(self, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> tuple[_Uses, Tensor, Tensor | None]:
        """The operand of these weights and biases, made at the first step. Keys and values come as another view of the
        same memory at every step, so operands are told apart by their memory."""
        parts = [*weights, *biases]
        key = tuple((part.data_ptr(), part.shape, part.stride(), part.dtype) for part in parts)
        if key not in self._operands:
            first = weights[0]
            dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else first.dtype
            weight = torch.cat(list(weights), -1) if len(weights) > 1 else first
            bias = torch.stack(list(biases)).sum(0).to(dtype) if biases else None
            uses = _Uses()
            self._kept += parts  # or their memory could become another's
            self._operands[key] = uses, *_Operand.apply(uses, weight.to(dtype), bias)  # type: ignore[no-untyped-call]
        return self._operands[key]


_ACTIVE: ContextVar[DeferredGradients | None] = ContextVar("deferred_gradients", default=None)


@contextmanager
def deferred_gradients() -> Iterator[None]:
    """Within it, products of CPU tensors by the same weights, step after step, have their weight gradients made
    once."""
    token = _ACTIVE.set(DeferredGradients())
    try:
        yield
    finally:
        _ACTIVE.reset(token)


def active_context(inputs: Tensor) -> DeferredGradients | None:
    """The active DeferredGradients for CPU tensors, else None. Also without gradients, so that both compute alike."""
    return _ACTIVE.get() if inputs.device.type == "cpu" else None


class _Operand(torch.autograd.Function):
    """The operand itself. Autograd asks for its gradient once it has asked for those of all products."""

    @staticmethod
    def forward(ctx: Any, uses: _Uses, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
        ctx.uses = uses
        ctx.set_materialize_grads(False)
        return weight.view_as(weight), None if bias is None else bias.view_as(bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *_: None) -> tuple[Tensor | None, ...]:
        inputs, gradients = ctx.uses.flush()
        weight = torch.matmul(gradients.mT, inputs)
        return None, weight, gradients.sum(0) if ctx.needs_input_grad[2] else None


class _Product(torch.autograd.Function):
    """y = x W' + b, whose backward passes on dx alone and records x and dy."""

    @staticmethod
    def forward(ctx: Any, uses: _Uses, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.uses = uses
        uses.rows += inputs.size(-2)
        ctx.save_for_backward(inputs, weight)
        return _matmul(inputs, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        ctx.uses.record(inputs, gradient)
        return None, _matmul(gradient, weight.mT) if ctx.needs_input_grad[1] else None, None, None


def _matmul(inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return linear_no_grad(inputs, weight, bias) if weight.dim() == 2 else torch.bmm(inputs, weight.mT)
