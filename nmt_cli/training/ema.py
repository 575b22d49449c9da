"""An exponential moving average of the weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from nmt_cli.checkpoint.model_dir import model_weights
from nmt_cli.model.seq2seq import Seq2Seq


class EMA:
    """average <- d * average + (1 - d) * weights after every update, with d = min(decay, (1 + n) / (10 + n)).

    d is smaller in the first updates, so that the average forgets the random initialization.
    """

    def __init__(self, model: Seq2Seq, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._parameters = model_weights(model)
        self.weights: dict[str, Tensor] = {name: w.detach().clone() for name, w in self._parameters.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Update the average with the current weights."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        move = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]  # all weights in one call
        move(list(self.weights.values()), list(self._parameters.values()), self.updates)

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Swap the model's weights with the average within this block."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, parameter in self._parameters.items():
            average = self.weights[name].clone()
            self.weights[name].copy_(parameter)
            parameter.copy_(average)
