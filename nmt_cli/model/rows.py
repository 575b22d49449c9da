"""How many rows are multiplied at a time: few numbers of them, since oneDNN compiles a kernel for each, and keeps it."""

import torch
from torch import Tensor, nn

from nmt_cli.model.product import learns_by_onednn, linear
from nmt_cli.model.unrolled import steps


def made_up(rows: int) -> int:
    """Rows that so many are made up to, a quarter more at most: a multiple of 8 from there on, of 16 above 64, and so on,
    as `corpus.batching.round_size` has it."""
    step = max(8, (1 << rows.bit_length()) // 8)
    return rows if rows <= 8 else -(-rows // step) * step


def padded(rows: Tensor) -> Tensor:
    """Rows (n, I), and zeros, as many as they are made up with."""
    missing = made_up(len(rows)) - len(rows)
    return nn.functional.pad(rows, (0, 0, 0, missing)) if missing else rows


class RoundedLinear(nn.Linear):
    """A linear layer over whole sentences, whose rows are made up where oneDNN multiplies while a processor learns: a
    batch of B sentences of S tokens has B * S of them, nearly every batch of an epoch another number."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (..., I) -> outputs (..., O)."""
        if (together := steps(inputs)) is not None:
            outputs = together.product(inputs.reshape(-1, inputs.size(-1)), [self.weight], [self.bias])
            return outputs.view(*inputs.shape[:-1], self.out_features)
        in_bf16 = inputs.device.type == "cpu" and torch.is_autocast_enabled("cpu")
        if not in_bf16 and not learns_by_onednn(inputs, self.weight):
            return super().forward(inputs)
        rows = inputs.reshape(-1, inputs.size(-1))
        outputs = linear(padded(rows), self.weight, self.bias)
        return outputs[: len(rows)].view(*inputs.shape[:-1], self.out_features)
