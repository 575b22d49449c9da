"""Gradients of what every step multiplies by, weights, keys and values alike, made once for all steps.

Where the decoder goes step by step, y_t = x_t W' + b for every t, and

    dW = sum_t dy_t' x_t = [dy_1; ...; dy_T]' [x_1; ...; x_T]

is one product with as many rows as the batch has tokens, instead of T with few rows each that are added up.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from nmt_cli.kernels.matmul import made_up, multiply


class _Uses:
    """What an operand was multiplied by at every step, (..., n, I), and the gradients of what came of it, (..., n, O):
    copied to where they lie together as each step is undone, so that its memory is free at once and in one piece."""

    def __init__(self) -> None:
        self.rows = 0
        """Of all steps."""
        self._taken = 0
        self._sides: tuple[Tensor, ...] = ()

    def take(self, *sides: Tensor) -> None:
        """Inputs and gradient of a step."""
        if not self._taken:
            rows = self.rows if sides[0].dim() == 3 else made_up(self.rows)  # by weights oneDNN multiplies
            self._sides = tuple(side.new_empty(*side.shape[:-2], rows, side.size(-1)) for side in sides)
        count = sides[0].size(-2)
        for whole, side in zip(self._sides, sides, strict=True):
            whole.narrow(-2, self._taken, count).copy_(side)
        self._taken += count

    def give(self) -> tuple[Tensor, ...]:
        """Inputs and gradients of all steps, and zeros."""
        for side in self._sides:
            side.narrow(-2, self._taken, side.size(-2) - self._taken).zero_()
        sides, self._sides, self._taken = self._sides, (), 0
        return sides


class Unrolled:
    """The steps of one forward pass."""

    def __init__(self) -> None:
        self._operands: dict[tuple[object, ...], tuple[_Uses, Tensor, Tensor | None]] = {}
        self._kept: list[Tensor] = []

    def product(self, inputs: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor | None] = ()) -> Tensor:
        """y = x W' + b: rows (n, I) and weights (O, I) -> (n, O), or each of a batch, (B, n, I) and (B, O, I) ->
        (B, n, O). Weights stand side by side, biases are added up."""
        uses, weight, bias = self._operand(weights, biases)
        outputs: Tensor = _Product.apply(uses, inputs.to(weight.dtype).contiguous(), weight, bias)  # type: ignore[no-untyped-call]
        return outputs

    def _operand(
        self, weights: Sequence[Tensor], biases: Sequence[Tensor | None]
    ) -> tuple[_Uses, Tensor, Tensor | None]:
        first = weights[0]  # keys and values come as another view at every step, of the same memory
        place = first.data_ptr(), first.shape, first.stride(), first.dtype
        if place not in self._operands:
            dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else first.dtype
            weight = torch.cat(list(weights), -1) if len(weights) > 1 else first
            added = [bias for bias in biases if bias is not None]
            bias = torch.stack(added).sum(0).to(dtype) if added else None
            uses = _Uses()
            self._kept.append(first)  # or its place could become another's
            self._operands[place] = uses, *_Operand.apply(uses, weight.to(dtype), bias)  # type: ignore[no-untyped-call]
        return self._operands[place]


_OPEN: ContextVar[Unrolled | None] = ContextVar("unrolled", default=None)


@contextmanager
def unrolled() -> Iterator[None]:
    """Within it steps follow one another that multiply by the same."""
    token = _OPEN.set(Unrolled())
    try:
        yield
    finally:
        _OPEN.reset(token)


def steps(inputs: Tensor) -> Unrolled | None:
    """The steps that these inputs are part of, on a processor. Without gradients, too: the same kernels serve both."""
    return _OPEN.get() if inputs.device.type == "cpu" else None


class _Operand(torch.autograd.Function):
    """The operand itself. Its gradient is asked for once every use has been, and said what it adds."""

    @staticmethod
    def forward(ctx: Any, uses: _Uses, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
        ctx.uses = uses
        ctx.set_materialize_grads(False)
        return weight.view_as(weight), None if bias is None else bias.view_as(bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *_: None) -> tuple[Tensor | None, ...]:
        inputs, gradients = ctx.uses.give()
        weight = torch.matmul(gradients.mT, inputs)
        return None, weight, gradients.sum(0) if ctx.needs_input_grad[2] else None


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, uses: _Uses, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.uses = uses
        uses.rows += inputs.size(-2)
        ctx.save_for_backward(inputs, weight)
        return _multiply(inputs, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        ctx.uses.take(inputs, gradient)
        return None, _multiply(gradient, weight.mT) if ctx.needs_input_grad[1] else None, None, None


def _multiply(inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return multiply(inputs, weight, bias) if weight.dim() == 2 else torch.bmm(inputs, weight.mT)
