"""Dropout whose mask is drawn once per sentence and holds for all its steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class LockedDropout(nn.Module):
    """Variational dropout (Gal and Ghahramani 2016): one mask (B, 1, H) for every step of (B, T, H)."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability
        self._held: list[Tensor] | None = None
        self._calls = 0

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training or not self.probability:
            return inputs
        if self._held is None:
            mask = self._draw(inputs)
        else:
            if self._calls == len(self._held):
                self._held.append(self._draw(inputs))
            mask = self._held[self._calls]
            self._calls += 1
        return inputs * mask.to(inputs.dtype)

    @contextmanager
    def held(self) -> Iterator[Callable[[], None]]:
        """Hold the masks over steps that are computed one by one. What it gives is to be called before each step;
        a step's first call of this module then gets the mask of all first calls, and so on."""
        self._held = []
        try:
            yield self._next_step
        finally:
            self._held = None

    def _next_step(self) -> None:
        self._calls = 0

    def _draw(self, inputs: Tensor) -> Tensor:
        keep = 1.0 - self.probability
        drawn = torch.rand((inputs.size(0), 1, inputs.size(2)), device=inputs.device)  # a third of bernoulli_'s time
        return (drawn < keep) / keep
