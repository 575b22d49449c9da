"""y = W x + b with 8-bit weights and activations, for search on a CPU (`--precision int8`).

    W ~ s_o Q, Q in -127..127            one scale s_o per output, computed once
    x ~ s_x (q - z), q in 0..127         one scale and zero point for the whole input, computed at every call
    W x ~ s_o s_x (Q q - z sum Q)        the matmul in integers

Beam search takes 0.5 to 0.6 of the time of fp32 and loses a few tenths of BLEU at most (`benchmarks/RESULTS.md`,
"Translation speed"; `nmt bench` measures both). The scale of x is that of a whole batch, so a translation can depend
slightly on the other sentences of its batch.
"""

import threading
import warnings
from functools import cache, cached_property

import torch
from torch import Tensor, nn

_WARNINGS_LOCK = threading.Lock()
"""`catch_warnings` acts on the whole process: two threads in it at once could leave warnings suppressed."""


class Int8Linear(nn.Module):
    """Linear layer y = W x + b with an 8-bit W, without a gradient."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.outputs = len(weight)
        self.bytes = weight.numel() + 4 * len(weight) * (2 if bias is None else 3)  # scales, offsets, biases
        scales = weight.abs().amax(1).clamp_min(1e-8).double() / 127
        zeros = torch.zeros(len(scales), dtype=torch.long)
        with _WARNINGS_LOCK, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch plans to move these kernels to another package
            quantized = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        self.packed = torch.ops.quantized.linear_prepack(quantized, bias)

    def rows(self, chosen: Tensor) -> "Int8Linear":
        """The layer restricted to the outputs `chosen` (o,)."""
        integers, scales, bias = self._unpacked
        return Int8Linear(integers[chosen].float() * scales[chosen, None], None if bias is None else bias[chosen])

    @cached_property
    def _unpacked(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Integer weights Q (O, I), scales (O,), bias (O,)."""
        weight, bias = torch.ops.quantized.linear_unpack(self.packed)
        return weight.int_repr(), weight.q_per_channel_scales().float(), bias

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (..., I) -> outputs (..., O) in float32."""
        if not inputs.numel():  # some builds cannot scale an empty tensor
            return inputs.new_empty(*inputs.shape[:-1], self.outputs, dtype=torch.float32)
        outputs: Tensor = torch.ops.quantized.linear_dynamic(inputs.float(), self.packed, True)
        return outputs


@cache
def works() -> bool:
    """Whether this CPU and this build of torch can multiply 8-bit numbers; tried with a small layer."""
    if not set(torch.backends.quantized.supported_engines) - {"none"}:
        return False
    weight = torch.arange(12.0).view(4, 3) / 11
    try:
        outputs = Int8Linear(weight, torch.ones(4))(torch.ones(2, 3))
    except Exception:  # whatever this build cannot do, fp32 remains
        return False
    return torch.allclose(outputs, weight.sum(1) + 1, atol=0.1)
