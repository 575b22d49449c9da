"""Prepares a trained model for search on a CPU: packs the weights by which the decoder multiplies at every step."""

import torch
from torch import Tensor, nn

from nmt_cli.kernels.int8 import Int8Linear
from nmt_cli.kernels.matmul import fast_tanh_
from nmt_cli.kernels.prepack import MakeLinear, PackedLinear
from nmt_cli.model.rnn import RNNLayer, State
from nmt_cli.model.seq2seq import Seq2Seq

MIN_OUT_FEATURES = 16
"""Layers with fewer outputs are not packed: it gains little, and rounding the last layer of a score (one output) would
affect all attention weights."""


class PackedCell(nn.Module):
    """One step of an RNN cell with packed weights.

    An LSTM's candidate is computed as tanh x = 2 s(2x) - 1 (see `fast_tanh_`), with its weights doubled in advance, so
    that one call of the sigmoid s computes all gates.
    """

    def __init__(self, layer: RNNLayer, linear: MakeLinear) -> None:
        super().__init__()
        cell = layer.cell
        scale = torch.ones(len(cell.weight_hh_l0), dtype=cell.weight_hh_l0.dtype)
        if layer.kind == "lstm":
            scale.chunk(4)[2].fill_(2.0)
        self.inputs = linear(scale[:, None] * cell.weight_ih_l0, scale * cell.bias_ih_l0)
        self.recurrent = linear(scale[:, None] * cell.weight_hh_l0, scale * cell.bias_hh_l0)
        self.kind = layer.kind

    def forward(self, inputs: Tensor, state: State) -> State:
        """Inputs (N, I) from a state of (N, H) each -> the next state, in float32."""
        x_gates, h_gates = self.inputs(inputs).float(), self.recurrent(state[0])  # (N, gates * H)
        if self.kind == "lstm":
            i, f, g, o = x_gates.add_(h_gates).sigmoid_().chunk(4, -1)
            cell = (f * state[1]).sub_(i).addcmul_(i, g, value=2)
            return torch.addcmul(-o, o, (2 * cell).sigmoid_(), value=2), cell
        if self.kind == "gru":
            (r, z, n), (r_h, z_h, n_h) = x_gates.chunk(3, -1), h_gates.float().chunk(3, -1)
            new = fast_tanh_(n.addcmul_(r.add_(r_h).sigmoid_(), n_h))
            return (torch.lerp(new, state[0].float(), z.add_(z_h).sigmoid_()),)
        return (fast_tanh_(x_gates.add_(h_gates)),)


def pack(model: Seq2Seq, linear: MakeLinear) -> None:
    """Pack the weights of a trained model, in place. The encoder is not packed (it runs under
    `Compute.encoder_autocast`), nor are the RNN layers that `Decoder.forward` runs over a whole target."""
    for layer in model.decoder.layers:
        layer.packed_cell = PackedCell(layer, linear)
    for parent in (model, *model.decoder.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Linear) and child.out_features >= MIN_OUT_FEATURES:
                setattr(parent, name, linear(child.weight, child.bias))


def weight_bytes(model: Seq2Seq) -> int:
    """Bytes of the weights that search uses."""
    packed = [module for module in model.modules() if isinstance(module, Int8Linear | PackedLinear)]
    unused = {p for layer in model.decoder.layers if layer.packed_cell is not None for p in layer.cell.parameters()}
    used = [parameter for parameter in model.parameters() if parameter not in unused]
    return sum(module.bytes for module in packed) + sum(p.numel() * p.element_size() for p in used)
