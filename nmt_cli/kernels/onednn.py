"""oneDNN's matmul y = x W' + b and its packed weights; the only file that calls torch's private operators.

Used in training (`matmul.py`) and in search (`prepack.py`); those files say what it gains. torch has these operators
for its own compiler: a build may lack them, another version may change them, and oneDNN has no bf16 on CPUs without
AVX-512. So each operator is tried once per dtype and its result compared with `F.linear`; where that fails, callers use
torch's functions.
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F


def linear(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """y = x W' + b, without a gradient: rows (n, I), W (O, I), plain or prepacked, and b (O,) -> (n, O)."""
    outputs: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return outputs


def prepack(weight: Tensor) -> Tensor:
    """Pack W (O, I) into the layout in which `linear` is fastest."""
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight)
    return packed


@cache
def has_linear(dtype: torch.dtype) -> bool:
    """Whether `linear` works in this dtype on this CPU with this build of torch."""
    return _matches_torch(dtype, lambda weight: weight)


@cache
def has_prepack(dtype: torch.dtype) -> bool:
    """Whether `linear` also works with weights from `prepack`."""
    return _matches_torch(dtype, prepack)


def _matches_torch(dtype: torch.dtype, pack: Callable[[Tensor], Tensor]) -> bool:
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        rows, weight, bias = (
            torch.arange(count, dtype=dtype).remainder(7).view(shape) / 8
            for count, shape in ((6, (2, 3)), (12, (4, 3)), (4, (4,)))
        )
        expected = F.linear(rows.float(), weight.float(), bias.float())
        try:
            outputs = linear(rows, pack(weight), bias)
        except Exception:  # whatever this build or CPU cannot do, `F.linear` can
            return False
        return outputs.dtype == dtype and torch.allclose(outputs.float(), expected, rtol=0.01, atol=0.01)
