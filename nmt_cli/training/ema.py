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

    The smaller d of the first updates lets the average forget the random start.
    """

    def __init__(self, model: Seq2Seq, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._live = model_weights(model)
        self.weights: dict[str, Tensor] = {name: w.detach().clone() for name, w in self._live.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the current weights."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        move = get_ema_multi_avg_fn(decay)  # all weights in one call
        move(list(self.weights.values()), list(self._live.values()), self.updates)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within this block the model has the average weights, and the average those of the model."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        for name, parameter in self._live.items():
            average = self.weights[name].clone()
            self.weights[name].copy_(parameter)
            parameter.copy_(average)
