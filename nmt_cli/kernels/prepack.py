"""y = W x + b with weights packed once by oneDNN, in the dtype of W, or in 8 bits (`int8.py`).

Used in search on CPUs with AVX, where every step multiplies by the same weights. Search in fp32 takes 0.75 to 0.8 of
the time; translations differ only by rounding (`benchmarks/JOURNAL.md`, "Prepacked weights"). The reference is
`nn.Linear`.
"""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor, nn

from nmt_cli.kernels import onednn
from nmt_cli.kernels.device import Compute
from nmt_cli.kernels.int8 import Int8Linear
from nmt_cli.kernels.matmul import pad_rows

MakeLinear = Callable[[Tensor, Tensor | None], nn.Module]
"""Builds a layer y = W x + b from W (O, I) and b (O,)."""


class PackedLinear(nn.Module):
    """Linear layer y = W x + b in the dtype of W, without a gradient."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.bytes = weight.element_size() * (weight.numel() + (0 if bias is None else len(bias)))
        self.packed = onednn.prepack(weight.detach())
        self.bias = None if bias is None else bias.detach()

    @cached_property
    def weight(self) -> Tensor:
        """W (O, I) unpacked, for a matmul with some of its rows: rows chosen anew for every batch are not worth
        packing."""
        weight: Tensor = self.packed.to_dense()
        return weight

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (..., I) -> outputs (..., O)."""
        rows = inputs.reshape(-1, inputs.size(-1)).to(self.packed.dtype)
        outputs = onednn.linear(pad_rows(rows), self.packed, self.bias)
        return outputs[: len(rows)].view(*inputs.shape[:-1], outputs.size(1))


def linear_for(compute: Compute) -> MakeLinear | None:
    """The layer to replace `nn.Linear` by in search, or None to keep it."""
    if compute.int8:
        return Int8Linear
    has_avx = torch.backends.cpu.get_cpu_capability().startswith("AVX")
    return PackedLinear if compute.device.type == "cpu" and has_avx and onednn.has_prepack(compute.dtype) else None
