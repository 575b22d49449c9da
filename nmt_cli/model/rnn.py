"""One recurrent layer, over a whole sequence or one step at a time."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nmt_cli.kernels.deferred_grad import Unrolled, steps

State = tuple[Tensor, ...]
"""What a cell carries from step to step: (h, c) of an LSTM, (h,) of the others."""

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
"""Matrices side by side in a cell's weights."""


class Recurrence(nn.Module):
    """A layer of LSTM (Hochreiter and Schmidhuber 1997), GRU (Cho et al. 2014) or plain tanh cells (Elman 1990).

    `forward` runs over all steps in one call of the library's fused kernel, `step` makes one step for
    the K hypotheses of each sentence; both give the same numbers.
    """

    def __init__(self, cell: str, input_size: int, hidden_size: int) -> None:
        super().__init__()
        kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[cell]
        self.cell = kind(input_size, hidden_size, batch_first=True)
        self.kind = cell
        self.is_lstm = cell == "lstm"
        self.hidden_size = hidden_size
        self.one_step: nn.Module | None = None
        """What makes a step for rows (N, I), if not the library's cell."""
        for name, parameter in self.cell.named_parameters():
            if "weight" in name:
                for gate in parameter.data.chunk(GATES[cell]):
                    nn.init.xavier_uniform_(gate) if "ih" in name else nn.init.orthogonal_(gate)
            else:
                nn.init.zeros_(parameter)
        if self.is_lstm:  # remember by default (Jozefowicz et al. 2015)
            self.cell.bias_ih_l0.data[hidden_size : 2 * hidden_size] = 1.0

    @property
    def states(self) -> int:
        """Tensors in a state."""
        return 2 if self.is_lstm else 1

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Inputs (B, T, I) from a state of (B, 1, H), by default zeros -> outputs (B, T, H) and the last state."""
        start = None
        if state is not None:
            first = tuple(part.transpose(0, 1).contiguous() for part in state)  # (1, B, H)
            start = first if self.is_lstm else first[0]
        outputs, last = self.cell(inputs, start)
        parts = last if self.is_lstm else (last,)
        return outputs, tuple(part.transpose(0, 1) for part in parts)

    def read(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """Inputs (B, S, I) of these lengths (B,) -> outputs (B, S, H), and the state (B, 1, H) after each sentence's
        own last token: an LSTM's cell state is known only there, where `forward` has run on into the padding."""
        packed = pack_padded_sequence(inputs, lengths.cpu(), batch_first=True, enforce_sorted=False)
        found, last = self.cell(packed)
        outputs, _ = pad_packed_sequence(found, batch_first=True, total_length=inputs.size(1))
        parts = last if self.is_lstm else (last,)
        return outputs, tuple(part.transpose(0, 1) for part in parts)

    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Inputs (B, K, I) from a state of (B, K, H) -> outputs (B, K, H) and the next state."""
        batch, beams, _ = inputs.shape
        rows = tuple(part.reshape(batch * beams, -1) for part in state)
        following = (self.one_step or self._step)(inputs.reshape(batch * beams, -1), rows)
        parts = tuple(part.view(batch, beams, -1) for part in following)
        return parts[0], parts

    def _step(self, inputs: Tensor, state: State) -> State:
        weights = (self.cell.weight_ih_l0, self.cell.weight_hh_l0, self.cell.bias_ih_l0, self.cell.bias_hh_l0)
        if (together := steps(inputs)) is not None:
            return self._step_among(together, inputs, state, *weights)
        if self.is_lstm:
            return torch.lstm_cell(inputs, (state[0], state[1]), *weights)
        step = torch.gru_cell if self.kind == "gru" else torch.rnn_tanh_cell
        return (step(inputs, state[0], *weights),)

    def _step_among(
        self, together: Unrolled, inputs: Tensor, state: State, w: Tensor, u: Tensor, b: Tensor, d: Tensor
    ) -> State:
        """The library's equations, of W x + b and U h + d."""
        hidden = state[0].to(inputs.dtype)
        if self.kind == "gru":
            entering, recurring = together.product(inputs, [w], [b]), together.product(hidden, [u], [d])
            (r, z, n), (r_h, z_h, n_h) = entering.chunk(3, -1), recurring.chunk(3, -1)
            new = torch.tanh(n + torch.sigmoid(r + r_h) * n_h)
            return (torch.lerp(new, hidden.to(new.dtype), torch.sigmoid(z + z_h)),)
        gates = together.product(torch.cat([inputs, hidden], -1), [w, u], [b, d])
        if not self.is_lstm:
            return (torch.tanh(gates),)
        i, f, g, o = gates.chunk(4, -1)
        cell = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
        return o.sigmoid() * cell.tanh(), cell


class Bidirectional(nn.Module):
    """Two recurrences, one reading each sentence from its end; states are concatenated (Bahdanau et al. 2014, 3.2).

    The backward reader starts at each sentence's own last token, so padding never enters it.
    """

    def __init__(self, cell: str, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.ahead = Recurrence(cell, input_size, hidden_size // 2)
        self.back = Recurrence(cell, input_size, hidden_size // 2)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs (B, S, I) with lengths (B,) -> annotations (B, S, H) and both readers' last outputs, (B, H)."""
        order = _backwards(lengths, inputs.size(1))
        ahead, _ = self.ahead(inputs)
        back, _ = self.back(reorder(inputs, order))
        rows = torch.arange(len(lengths), device=lengths.device)
        final = torch.cat([ahead[rows, lengths - 1], back[rows, lengths - 1]], -1)  # (B, H)
        return torch.cat([ahead, reorder(back, order)], -1), final

    def read(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """The same with both readers' last states side by side, (B, 1, H), hidden and cell (see `Recurrence.read`)."""
        order = _backwards(lengths, inputs.size(1))
        ahead, last_ahead = self.ahead.read(inputs, lengths)
        back, last_back = self.back.read(reorder(inputs, order), lengths)
        last = tuple(torch.cat(parts, -1) for parts in zip(last_ahead, last_back, strict=True))
        return torch.cat([ahead, reorder(back, order)], -1), last


def _backwards(lengths: Tensor, width: int) -> Tensor:
    """The order (B, S) that turns every sentence round and leaves its padding where it is."""
    steps = torch.arange(width, device=lengths.device)
    return torch.where(steps < lengths.unsqueeze(1), lengths.unsqueeze(1) - 1 - steps, steps)


class _Reorder(torch.autograd.Function):
    """Selecting rows is its own gradient where the order undoes itself, and much cheaper than the library's adding up;
    and whole rows are copied in a tenth of the time of `gather`."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, order: Tensor) -> Tensor:
        ctx.save_for_backward(order)
        return _select(inputs, order)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (order,) = ctx.saved_tensors
        return _select(gradients[0], order), None


def _select(inputs: Tensor, order: Tensor) -> Tensor:
    return inputs.flatten(0, 1).index_select(0, among_all(order, order.size(1))).view_as(inputs)


def among_all(places: Tensor, width: int) -> Tensor:
    """Places (B, K) within each of B groups of so many rows -> these rows (B * K,) among those of all groups: much
    cheaper to select than to gather."""
    first = torch.arange(0, len(places) * width, width, device=places.device)
    return (places + first.unsqueeze(1)).flatten()


def reorder(inputs: Tensor, order: Tensor) -> Tensor:
    """Steps of (B, S, H) in the order (B, S), which must undo itself: 3 tokens of 5 are read 2 1 0 3 4."""
    result: Tensor = _Reorder.apply(inputs, order)  # type: ignore[no-untyped-call]
    return result
