"""Dropout whose mask is drawn once per sentence and holds for all its steps."""

import torch
from torch import Tensor, nn


class LockedDropout(nn.Module):
    """Variational dropout (Gal and Ghahramani 2016): one mask (B, 1, H) for every step of (B, T, H)."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training or not self.probability:
            return inputs
        keep = 1.0 - self.probability
        mask = torch.empty((inputs.size(0), 1, inputs.size(2)), device=inputs.device).bernoulli_(keep) / keep
        return inputs * mask.to(inputs.dtype)
