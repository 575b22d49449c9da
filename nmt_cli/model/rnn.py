"""RNN layers, run over a whole sequence or one step at a time."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nmt_cli.kernels.deferred_grad import active_context
from nmt_cli.kernels.linear import linear, linear_pair
from nmt_cli.model.initialization import init_rnn_

State = tuple[Tensor, ...]
"""The state of a cell: (h, c) of an LSTM, (h,) of the others."""


class RNNLayer(nn.Module):
    """A layer of LSTM cells (Hochreiter and Schmidhuber 1997), GRU cells (Cho et al. 2014) or tanh cells (Elman 1990).

    `forward` runs over all steps in one call of torch's fused kernel, `step` runs one step for the K hypotheses of each
    sentence; both compute the same.
    """

    def __init__(self, cell: str, input_size: int, hidden_size: int) -> None:
        super().__init__()
        kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[cell]
        self.cell = kind(input_size, hidden_size, batch_first=True)
        self.kind = cell
        self.hidden_size = hidden_size
        self.num_state_tensors = 2 if cell == "lstm" else 1
        self.packed_cell: nn.Module | None = None
        """In search, the cell with prepacked weights, called with rows (N, I) (`model/inference.py`)."""
        init_rnn_(self.cell)

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Inputs (B, T, I) from a state of (B, 1, H), by default zeros -> outputs (B, T, H) and the last state."""
        initial = None
        if state is not None:
            parts = tuple(part.transpose(0, 1).contiguous() for part in state)  # (1, B, H)
            initial = parts if self.kind == "lstm" else parts[0]
        outputs, last = self.cell(inputs, initial)
        return outputs, self._state(last)

    def forward_packed(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """Inputs (B, S, I) with lengths (B,) -> outputs (B, S, H), and the state (B, 1, H) after each sentence's last
        token. `forward` cannot return it: it runs over the padding too, and torch returns only the last cell state."""
        packed = pack_padded_sequence(inputs, lengths.cpu(), batch_first=True, enforce_sorted=False)
        packed_outputs, last = self.cell(packed)
        outputs, _ = pad_packed_sequence(packed_outputs, batch_first=True, total_length=inputs.size(1))
        return outputs, self._state(last)

    def _state(self, last: Tensor | State) -> State:
        """torch's last state, (1, B, H) each -> (B, 1, H) each."""
        parts = last if isinstance(last, tuple) else (last,)
        return tuple(part.transpose(0, 1) for part in parts)

    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Inputs (B, K, I) from a state of (B, K, H) -> outputs (B, K, H) and the next state."""
        batch, beams, _ = inputs.shape
        rows = tuple(part.reshape(batch * beams, -1) for part in state)
        cell = self.packed_cell or (self._fused_cell if active_context(inputs) is None else self._cell)
        new_state = tuple(part.view(batch, beams, -1) for part in cell(inputs.reshape(batch * beams, -1), rows))
        return new_state[0], new_state

    def _cell(self, x: Tensor, state: State) -> State:
        """One step, by the equations of the cell: rows (N, I) and a state of (N, H) each -> the next state. Used under
        `deferred_gradients`, which needs the matmuls one by one."""
        w, u, b, d = self._weights()
        h = state[0].to(x.dtype)
        if self.kind == "gru":
            (r_x, z_x, n_x), (r_h, z_h, n_h) = linear(x, w, b).chunk(3, -1), linear(h, u, d).chunk(3, -1)
            r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
            new = torch.tanh(n_x + r * n_h)
            return (torch.lerp(new, h.to(new.dtype), z),)  # (1 - z) new + z h
        gates = linear_pair(x, h, w, u, b, d)
        if self.kind == "rnn":
            return (torch.tanh(gates),)
        i, f, g, o = gates.chunk(4, -1)
        c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def _fused_cell(self, x: Tensor, state: State) -> State:
        """The same as `_cell`, by torch's function for one step."""
        if self.kind == "lstm":
            return torch.lstm_cell(x, (state[0], state[1]), *self._weights())
        cell = torch.gru_cell if self.kind == "gru" else torch.rnn_tanh_cell
        return (cell(x, state[0], *self._weights()),)

    def _weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.cell.weight_ih_l0, self.cell.weight_hh_l0, self.cell.bias_ih_l0, self.cell.bias_hh_l0


class Bidirectional(nn.Module):
    """Two layers, forward and backward, whose outputs are concatenated (Bahdanau et al. 2014, section 3.2).

    The backward layer starts at the last real token of each sentence, so padding does not affect it.
    """

    def __init__(self, cell: str, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.forward_rnn = RNNLayer(cell, input_size, hidden_size // 2)
        self.backward_rnn = RNNLayer(cell, input_size, hidden_size // 2)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs (B, S, I) with lengths (B,) -> annotations (B, S, H) and the concatenated last outputs of both
        directions (B, H)."""
        order = _reversed_order(lengths, inputs.size(1))
        forward_states, _ = self.forward_rnn(inputs)
        backward_states, _ = self.backward_rnn(reorder(inputs, order))
        rows = torch.arange(len(lengths), device=lengths.device)
        final = torch.cat([forward_states[rows, lengths - 1], backward_states[rows, lengths - 1]], -1)  # (B, H)
        return torch.cat([forward_states, reorder(backward_states, order)], -1), final

    def forward_packed(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """Inputs (B, S, I) with lengths (B,) -> annotations (B, S, H) and the concatenated last states of both
        directions, (B, 1, H) each (see `RNNLayer.forward_packed`)."""
        order = _reversed_order(lengths, inputs.size(1))
        forward_states, last_forward = self.forward_rnn.forward_packed(inputs, lengths)
        backward_states, last_backward = self.backward_rnn.forward_packed(reorder(inputs, order), lengths)
        last = tuple(torch.cat(parts, -1) for parts in zip(last_forward, last_backward, strict=True))
        return torch.cat([forward_states, reorder(backward_states, order)], -1), last


def _reversed_order(lengths: Tensor, width: int) -> Tensor:
    """The order (B, S) that reverses every sentence and leaves its padding in place."""
    steps = torch.arange(width, device=lengths.device)
    return torch.where(steps < lengths.unsqueeze(1), lengths.unsqueeze(1) - 1 - steps, steps)


class _Reorder(torch.autograd.Function):
    """Reorder by a permutation that is its own inverse, so that backward is the same index_select. torch's own backward
    of index_select is index_add, and `gather` takes ten times as long."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, order: Tensor) -> Tensor:
        ctx.save_for_backward(order)
        return _select(inputs, order)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (order,) = ctx.saved_tensors
        return _select(gradients[0], order), None


def _select(inputs: Tensor, order: Tensor) -> Tensor:
    return inputs.flatten(0, 1).index_select(0, flat_index(order, order.size(1))).view_as(inputs)


def flat_index(index: Tensor, width: int) -> Tensor:
    """Indices (B, K) within each of B groups of `width` rows -> indices (B * K,) into the rows of all groups."""
    offsets = torch.arange(0, len(index) * width, width, device=index.device)
    return (index + offsets.unsqueeze(1)).flatten()


def reorder(inputs: Tensor, order: Tensor) -> Tensor:
    """Reorder the steps of (B, S, H) by `order` (B, S), its own inverse: 2 1 0 3 4 reverses 3 tokens of 5 steps."""
    result: Tensor = _Reorder.apply(inputs, order)  # type: ignore[no-untyped-call]
    return result
