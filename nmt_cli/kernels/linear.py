"""The matmuls of the models: `linear`, the layer `Linear`, `linear_pair` and `bmm`.

They compute the same as `F.linear`, `nn.Linear` and `torch.bmm`, and choose the kernel. On a CPU, under
`deferred_gradients`, the weight gradients of all decoder steps are one matmul (`deferred_grad.py`); under bf16 autocast
and in fp32 training on AMD CPUs, rows are padded so that oneDNN compiles few kernels (`matmul.py`). Otherwise torch's
functions are called. Those two files say what each kernel gains.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nmt_cli.kernels.deferred_grad import active_context
from nmt_cli.kernels.matmul import is_cpu_autocast, onednn_linear, pad_rows, use_onednn_backward


def linear(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """y = W x + b: inputs (..., I), W (O, I) and b (O,) -> (..., O)."""
    deferred = active_context(inputs)
    if deferred is None and not is_cpu_autocast(inputs) and not use_onednn_backward(inputs, weight):
        return F.linear(inputs, weight, bias)
    rows = inputs.reshape(-1, inputs.size(-1))
    if deferred is not None:
        outputs = deferred.matmul(rows, [weight], [bias])
    else:
        outputs = onednn_linear(pad_rows(rows), weight, bias)[: len(rows)]
    return outputs.view(*inputs.shape[:-1], len(weight))


def linear_pair(x: Tensor, h: Tensor, w: Tensor, u: Tensor, b: Tensor, d: Tensor) -> Tensor:
    """W x + b + U h + d: inputs (N, I), states (N, H), W (O, I) and U (O, H) -> (N, O)."""
    if (deferred := active_context(x)) is not None:
        return deferred.matmul(torch.cat([x, h], -1), [w, u], [b, d])
    return F.linear(x, w, b) + F.linear(h, u, d)


class Linear(nn.Linear):
    """`nn.Linear` computed by `linear`. Inputs (B, I), one vector per sentence, are multiplied in fp32 under CPU
    autocast: so small a matmul is not worth a compiled kernel."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (..., I) -> outputs (..., O)."""
        if inputs.dim() == 2 and is_cpu_autocast(inputs):
            with torch.autocast("cpu", enabled=False):
                return F.linear(inputs.float(), self.weight, self.bias).to(inputs.dtype)
        return linear(inputs, self.weight, self.bias)


def bmm(left: Tensor, right: Tensor) -> Tensor:
    """Batched matmul, (B, T, A) by (B, A, S) -> (B, T, S), in the dtype of `right`; in fp32 under CPU autocast, because
    bf16 kernels for all batch shapes of an epoch would take most of a gigabyte."""
    if is_cpu_autocast(right):
        with torch.autocast("cpu", enabled=False):
            return _bmm(left.float(), right.float())
    return _bmm(left.to(right.dtype), right)


def bmm_operand(right: Tensor) -> Tensor:
    """`right` in the dtype that `bmm` needs, so that keys and values are converted once and not at every step."""
    return right.float() if is_cpu_autocast(right) else right


def _bmm(left: Tensor, right: Tensor) -> Tensor:
    deferred = active_context(left)
    return torch.bmm(left, right) if deferred is None else deferred.matmul(left, [right.mT])
