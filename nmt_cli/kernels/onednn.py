"""oneDNN's matrix product y = x W' + b, and weights laid out for it: the only file that calls torch's private
operators.

torch provides these operators for its own compiler. A build may lack them, another version may change them, and on a
CPU without AVX-512 oneDNN has no bf16. So each is tried once for each dtype, and its result compared with torch's own;
where that fails, callers multiply by `F.linear`."""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F


def linear(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """y = x W' + b for rows (n, I), W (O, I), as it is or prepacked, and b (O,) -> (n, O). It passes no gradient."""
    outputs: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return outputs


def prepack(weight: Tensor) -> Tensor:
    """W (O, I), laid out as `linear` reads it fastest."""
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight)
    return packed


@cache
def has_linear(dtype: torch.dtype) -> bool:
    """Whether `linear` works in this dtype, on this CPU, in this build of torch."""
    return _agrees(dtype, lambda weight: weight)


@cache
def has_prepack(dtype: torch.dtype) -> bool:
    """Whether `linear` also works with the result of `prepack`."""
    return _agrees(dtype, prepack)


def _agrees(dtype: torch.dtype, lay_out: Callable[[Tensor], Tensor]) -> bool:
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        rows, weight, bias = (
            torch.arange(count, dtype=dtype).remainder(7).view(shape) / 8
            for count, shape in ((6, (2, 3)), (12, (4, 3)), (4, (4,)))
        )
        expected = F.linear(rows.float(), weight.float(), bias.float())
        try:
            found = linear(rows, lay_out(weight), bias)
        except Exception:  # whatever it is that this build or CPU cannot do, torch's own product can
            return False
        return found.dtype == dtype and torch.allclose(found.float(), expected, rtol=0.01, atol=0.01)
