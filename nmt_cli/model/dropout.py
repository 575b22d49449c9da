"""Dropout with one mask per sentence, the same at all its steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class LockedDropout(nn.Module):
    """Variational dropout (Gal and Ghahramani 2016): one mask (B, 1, H) for all steps of (B, T, H)."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability
        self._masks: list[Tensor] | None = None
        self._calls = 0

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training or not self.probability:
            return inputs
        if self._masks is None:
            mask = self._draw_mask(inputs)
        else:
            if self._calls == len(self._masks):
                self._masks.append(self._draw_mask(inputs))
            mask = self._masks[self._calls]
            self._calls += 1
        return inputs * mask.to(inputs.dtype)

    @contextmanager
    def held(self) -> Iterator[Callable[[], None]]:
        """Keep the masks while steps are computed one by one. Yields a function to call before each step: the first
        call of this module in every step then uses the same mask, so does the second, and so on."""
        self._masks = []
        try:
            yield self._next_step
        finally:
            self._masks = None

    def _next_step(self) -> None:
        self._calls = 0

    def _draw_mask(self, inputs: Tensor) -> Tensor:
        keep = 1.0 - self.probability
        uniform = torch.rand((inputs.size(0), 1, inputs.size(2)), device=inputs.device)  # a third of bernoulli_'s time
        return (uniform < keep) / keep
