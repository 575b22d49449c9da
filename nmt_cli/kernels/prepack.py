"""Weights laid out once for search on a CPU with AVX, where every step multiplies by the same ones: y = W x + b by
oneDNN, in the weights' own dtype, or in 8 bits (`int8.py`).

Search in fp32 takes 0.75 to 0.8 of the time, with the same translations but for rounding (`benchmarks/JOURNAL.md`,
"Weights laid out once"). The plain layer is `nn.Linear`."""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor, nn

from nmt_cli.kernels import onednn
from nmt_cli.kernels.device import Compute
from nmt_cli.kernels.int8 import Int8Linear
from nmt_cli.kernels.matmul import pad_rows

MakeLinear = Callable[[Tensor, Tensor | None], nn.Module]
"""What makes a layer y = W x + b of W (O, I) and b (O,)."""


class PackedLinear(nn.Module):
    """A linear layer y = W x + b in the type of W. It passes no gradient."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.bytes = weight.element_size() * (weight.numel() + (0 if bias is None else len(bias)))
        self.packed = onednn.prepack(weight.detach())
        self.bias = None if bias is None else bias.detach()

    @cached_property
    def weight(self) -> Tensor:
        """W as it was, for who wants some of its rows: others for every batch are not worth laying out."""
        weight: Tensor = self.packed.to_dense()
        return weight

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (..., I) -> outputs (..., O)."""
        rows = inputs.reshape(-1, inputs.size(-1)).to(self.packed.dtype)
        outputs = onednn.linear(pad_rows(rows), self.packed, self.bias)
        return outputs[: len(rows)].view(*inputs.shape[:-1], outputs.size(1))


def linear_for(compute: Compute) -> MakeLinear | None:
    """How search multiplies by weights, if not as they are."""
    if compute.int8:
        return Int8Linear
    wide = torch.backends.cpu.get_cpu_capability().startswith("AVX")
    return PackedLinear if compute.device.type == "cpu" and wide and onednn.has_prepack(compute.dtype) else None
