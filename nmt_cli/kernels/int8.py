"""y = W x + b with weights of 8 bits, for search on a CPU (`--precision int8`).

    W ~ s_o Q, Q in -127..127            a scale s_o for every output, once
    x ~ s_x (q - z), q in 0..127         a scale and a zero for all that is multiplied at a time, every time
    W x ~ s_o s_x (Q q - z sum Q)        the products in whole numbers

Beam search takes about 0.6 of the time of fp32 and costs a few tenths of BLEU at most (`nmt bench` measures both). As
the scale of x is that of a whole batch, a translation can depend, a little, on what it is translated with."""

import threading
import warnings
from functools import cache, cached_property

import torch
from torch import Tensor, nn

_ALONE = threading.Lock()
"""Silence is the whole process's: two threads that ask for it at once might leave it behind."""


class Int8Linear(nn.Module):
    """A linear layer y = W x + b with W in 8 bits."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.outputs = len(weight)
        self.bytes = weight.numel() + 4 * len(weight) * (2 if bias is None else 3)  # a scale, an offset, a bias each
        scales = weight.abs().amax(1).clamp_min(1e-8).double() / 127
        zeros = torch.zeros(len(scales), dtype=torch.long)
        with _ALONE, warnings.catch_warnings():  # the library means to move these kernels elsewhere
            warnings.simplefilter("ignore", UserWarning)
            quantised = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        self.packed = torch.ops.quantized.linear_prepack(quantised, bias)

    def rows(self, chosen: Tensor) -> "Int8Linear":
        """The layer of these outputs (o,) only."""
        whole, scales, bias = self._unpacked
        return Int8Linear(whole[chosen].float() * scales[chosen, None], None if bias is None else bias[chosen])

    @cached_property
    def _unpacked(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Whole numbers (O, I), scales (O,), bias (O,)."""
        weight, bias = torch.ops.quantized.linear_unpack(self.packed)
        return weight.int_repr(), weight.q_per_channel_scales().float(), bias

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (..., I) -> outputs (..., O) in float32."""
        if not inputs.numel():  # some builds have no scale for nothing
            return inputs.new_empty(*inputs.shape[:-1], self.outputs, dtype=torch.float32)
        outputs: Tensor = torch.ops.quantized.linear_dynamic(inputs.float(), self.packed, True)
        return outputs


@cache
def works() -> bool:
    """Whether this CPU and this build of torch multiply 8-bit numbers, tried with a small layer."""
    if not set(torch.backends.quantized.supported_engines) - {"none"}:
        return False
    weight = torch.arange(12.0).view(4, 3) / 11
    try:
        found = Int8Linear(weight, torch.ones(4))(torch.ones(2, 3))
    except Exception:  # of whatever kind: fp32 is there
        return False
    return torch.allclose(found, weight.sum(1) + 1, atol=0.1)
