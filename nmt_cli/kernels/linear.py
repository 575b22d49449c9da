"""Linear layers: over whole sentences or a step of each, and over one vector of each."""

import torch
from torch import Tensor, nn

from nmt_cli.kernels.deferred_grad import steps
from nmt_cli.kernels.matmul import in_bf16, learns_by_onednn, linear, padded


class RoundedLinear(nn.Linear):
    """A linear layer over whole sentences, whose rows are made up where oneDNN multiplies while a processor learns: a
    batch of B sentences of S tokens has B * S of them, nearly every batch of an epoch another number. Among `steps` it
    is over one of them, with as many rows as a batch has sentences."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (..., I) -> outputs (..., O)."""
        if (together := steps(inputs)) is not None:
            outputs = together.product(inputs.reshape(-1, inputs.size(-1)), [self.weight], [self.bias])
            return outputs.view(*inputs.shape[:-1], self.out_features)
        if not in_bf16(inputs) and not learns_by_onednn(inputs, self.weight):
            return super().forward(inputs)
        rows = inputs.reshape(-1, inputs.size(-1))
        outputs = linear(padded(rows), self.weight, self.bias)
        return outputs[: len(rows)].view(*inputs.shape[:-1], self.out_features)


class SmallLinear(nn.Linear):
    """A linear layer over one vector of each sentence: in float32 where others are in bf16, since for so small a
    product no kernels need be compiled."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (..., I) -> outputs (..., O)."""
        if not in_bf16(inputs):
            return super().forward(inputs)
        with torch.autocast("cpu", enabled=False):
            return super().forward(inputs.float()).to(inputs.dtype)
