"""Weights of 8 bits for search on a processor, much faster to multiply by than those of 32 (`nmt bench`).

    W ~ s_o Q, Q in -127..127            a scale s_o for every output, once
    x ~ s_x (q - z), q in 0..127         a scale and a zero for all that is multiplied at a time, every time
    W x ~ s_o s_x (Q q - z sum Q)        the products in whole numbers

As the scale of x is that of a whole batch, a translation can depend, a little, on what it is translated with.
"""

import threading
import warnings
from functools import cached_property

import torch
from torch import Tensor, nn

from nmt_cli.model.recurrence import Recurrence, State
from nmt_cli.model.seq2seq import Seq2Seq

_ALONE = threading.Lock()
"""Silence is the whole process's: two threads that ask for it at once might leave it behind."""
LEAST = 16
"""Outputs of a layer that is worth it: a score's last layer has one, and all hangs on it."""


class Int8Linear(nn.Module):
    """A linear layer y = W x + b with W in 8 bits."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
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
        outputs: Tensor = torch.ops.quantized.linear_dynamic(inputs.float(), self.packed, True)
        return outputs


class Int8Cell(nn.Module):
    """One step of a recurrent cell with its weights in 8 bits."""

    def __init__(self, layer: Recurrence) -> None:
        super().__init__()
        cell = layer.cell
        self.inputs = Int8Linear(cell.weight_ih_l0, cell.bias_ih_l0)
        self.recurrent = Int8Linear(cell.weight_hh_l0, cell.bias_hh_l0)
        self.kind = layer.kind

    def forward(self, inputs: Tensor, state: State) -> State:
        """Inputs (N, I) from a state of (N, H) each -> the next state."""
        entering, recurring = self.inputs(inputs), self.recurrent(state[0])  # (N, gates * H)
        if self.kind == "lstm":
            i, f, g, o = entering.add_(recurring).chunk(4, -1)
            cell = (f.sigmoid_() * state[1]).addcmul_(i.sigmoid_(), g.tanh_())
            return o.sigmoid_() * cell.tanh(), cell
        if self.kind == "gru":
            (r, z, n), (r_h, z_h, n_h) = entering.chunk(3, -1), recurring.chunk(3, -1)
            new = n.addcmul_(r.add_(r_h).sigmoid_(), n_h).tanh_()
            return (torch.lerp(new, state[0].float(), z.add_(z_h).sigmoid_()),)
        return (entering.add_(recurring).tanh_(),)


def quantise(model: Seq2Seq) -> None:
    """Make a trained model search in 8 bits, in place. The encoder stays (it runs as `Compute.reading` says), and so do
    the decoder's recurrences where they read a whole given translation."""
    for layer in model.decoder.layers:
        layer.one_step = Int8Cell(layer)
    for parent in (model, *model.decoder.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Linear) and child.out_features >= LEAST:
                setattr(parent, name, Int8Linear(child.weight, child.bias))


def weight_bytes(model: Seq2Seq) -> int:
    """What the weights take that search works with."""
    quantised = [module for module in model.modules() if isinstance(module, Int8Linear)]
    idle = {p for layer in model.decoder.layers if layer.one_step is not None for p in layer.cell.parameters()}
    kept = [parameter for parameter in model.parameters() if parameter not in idle]
    return sum(module.bytes for module in quantised) + sum(p.numel() * p.element_size() for p in kept)
