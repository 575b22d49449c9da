"""The three sequence-to-sequence systems that the tutorials compared, of a Keras library of 2018, and designs between
them.

Shapes: B batch, S characters of the question, T of the answer, V characters of the alphabet, H cells of the encoder,
D cells of the decoder.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import hardsigmoid, linear, one_hot

CELLS = 128

State = tuple[Tensor, Tensor]
"""The hidden state h and the cell state c of an LSTM, each (B, cells)."""


@dataclass(frozen=True)
class Design:
    """What distinguishes the systems. By default the encoder is one LSTM that reads in one direction, hands nothing
    over, and the decoder is one LSTM that gets the encoder's last output at every step.

    `context` is what the decoder gets of the encoder at each step: its last output, an average of its outputs weighted
    by attention with a linear or Bahdanau's score, or nothing. `previous` is what it gets of its last step: nothing,
    its own output, or the gold character (teacher forcing; when it answers, the character that its own output ranks
    highest).
    """

    context: Literal["last", "linear", "bahdanau", "none"] = "last"
    previous: Literal["none", "own", "gold"] = "none"
    bidirectional: bool = False
    """Two encoder LSTMs read in the two directions, and their outputs are added."""
    dense_input: bool = False
    """A dense layer lies between the characters and the encoder's LSTM."""
    hand_over: bool = False
    """The decoder starts from the encoder's last h and c, not from zeros."""
    decoder_cells: int = CELLS
    decoder_layers: int = 1
    readout: Literal["tanh", "linear", "none"] = "tanh"
    """The output is y_t = tanh(W h_t + b), W h_t + b, or h_t itself."""
    loss: Literal["cross-entropy", "squared error"] = "cross-entropy"
    """The cross-entropy of the softmax of the outputs, or their mean squared distance from the one-hot answer."""


SYSTEMS = {
    "SimpleSeq2Seq": Design(decoder_cells=12, decoder_layers=2, readout="none"),
    "Seq2Seq": Design(context="none", previous="own", dense_input=True, hand_over=True),
    "AttentionSeq2Seq": Design(context="linear", bidirectional=True),
}


class LSTM(nn.Module):
    """An LSTM with the gates of Keras before 2.3.

        z_i, z_f, z_g, z_o = W x_t + U h_t-1 + b
        c_t = s(z_f) c_t-1 + s(z_i) tanh(z_g),  h_t = s(z_o) tanh(c_t),  s(z) = min(1, max(0, 0.2 z + 0.5))

    Inputs (B, S, in) -> outputs h (B, S, cells), and the last state.
    """

    def __init__(self, input_size: int, cells: int) -> None:
        super().__init__()
        self.cells = cells
        self.kernel = nn.Linear(input_size, 4 * cells)
        self.recurrent = nn.Linear(cells, 4 * cells, bias=False)

    def forward(self, inputs: Tensor) -> tuple[Tensor, State]:
        state = self.zero_state(inputs.size(0))
        outputs = []
        for kernel_part in self.kernel(inputs).unbind(1):
            state = self._next(kernel_part, state)
            outputs.append(state[0])
        return torch.stack(outputs, 1), state

    def step(self, inputs: Tensor, state: State) -> State:
        """Inputs (B, in) of one step, and the last state -> the new state."""
        return self._next(self.kernel(inputs), state)

    def zero_state(self, rows: int) -> State:
        """The state before the first step."""
        return torch.zeros(rows, self.cells), torch.zeros(rows, self.cells)

    def _next(self, kernel_part: Tensor, state: State) -> State:
        h, c = state
        gates = torch.addmm(kernel_part, h, self.recurrent.weight.t())  # (B, 4 cells)
        i, f, g, o = gates.chunk(4, 1)
        c = hard_sigmoid(f) * c + hard_sigmoid(i) * torch.tanh(g)
        return hard_sigmoid(o) * torch.tanh(c), c


def hard_sigmoid(z: Tensor) -> Tensor:
    """min(1, max(0, 0.2 z + 0.5)); torch's own has the slope 1/6."""
    return hardsigmoid(1.2 * z)


class Score(nn.Module):
    """The score of encoder output h_j at step t.

        linear      e_tj = w . [h_j; c_t-1] + b
        Bahdanau    e_tj = v . tanh(W [h_j; c_t-1] + b)    (Bahdanau et al. 2015, A.1.2)

    The linear score is w1 . h_j + w2 . c_t-1 + b, where only the first term depends on j: after the softmax over j the
    weights are the same at every step t.
    """

    def __init__(self, kind: Literal["linear", "bahdanau"], query_size: int) -> None:
        super().__init__()
        hidden = 1 if kind == "linear" else CELLS
        self.joint = nn.Linear(CELLS + query_size, hidden)
        self.v = nn.Linear(hidden, 1, bias=False) if kind == "bahdanau" else None

    def project_keys(self, keys: Tensor) -> Tensor:
        """The part of the encoder outputs (B, S, H), which is the same at every step -> (B, S, hidden)."""
        return linear(keys, self.joint.weight[:, :CELLS], self.joint.bias)

    def forward(self, projected: Tensor, query: Tensor) -> Tensor:
        """Projected keys, and the decoder's cell state (B, D) -> scores (B, S)."""
        both = projected + linear(query, self.joint.weight[:, CELLS:]).unsqueeze(1)  # (B, S, hidden)
        scores: Tensor = both if self.v is None else self.v(both.tanh())
        return scores.squeeze(2)


class KerasSeq2Seq(nn.Module):
    """Questions (B, S, V), one-hot -> outputs (B, T, V), whose softmax is the distribution of each character, and
    attention weights (B, T, S), all zero without attention.

    The encoder:

        h_j = LSTM(x_j, h_j-1), or the sum of two LSTMs that read forwards and backwards

    and the decoder, at each step t of a fixed number T:

        a_t = softmax_j(score(h_j, c_t-1)),  context_t = sum_j a_tj h_j    or context_t = h_S
        s_t = LSTM([context_t; y_t-1], s_t-1),  y_t = tanh(W s_t + b)      y_0 = W' h_S + b'

    The library's Seq2Seq also adds the encoder's last output to its next input, which is the same function: the
    recurrent weights U become U + W.
    """

    def __init__(self, design: Design, alphabet: int, answer_length: int) -> None:
        super().__init__()
        self.design, self.alphabet, self.answer_length = design, alphabet, answer_length
        self.dense = nn.Linear(alphabet, CELLS) if design.dense_input else None
        encoder_input = CELLS if design.dense_input else alphabet
        self.encoder = LSTM(encoder_input, CELLS)
        self.backward_encoder = LSTM(encoder_input, CELLS) if design.bidirectional else None
        self.score = Score(design.context, design.decoder_cells) if design.context in ("linear", "bahdanau") else None
        self.first = None if design.previous == "none" else nn.Linear(CELLS, alphabet)
        cells = design.decoder_cells
        decoder_input = (design.context != "none") * CELLS + (design.previous != "none") * alphabet
        self.decoder = nn.ModuleList(
            LSTM(cells if layer else decoder_input, cells) for layer in range(design.decoder_layers)
        )
        self.readout = None if design.readout == "none" else nn.Linear(cells, alphabet)
        keras_init_(self, unit_forget_bias=False)
        if self.readout is not None:  # the library's cells with a readout draw U as they draw W
            for layer in self._layers():
                nn.init.xavier_uniform_(layer.recurrent.weight)

    def forward(self, questions: Tensor, gold: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`gold` are the answers (B, T), as character numbers, which a design with teacher forcing is trained with."""
        keys, last, encoder_state = self._encode(questions)
        projected = None if self.score is None else self.score.project_keys(keys)
        states = [encoder_state if self.design.hand_over else layer.zero_state(len(keys)) for layer in self._layers()]
        previous = None if self.first is None else self.first(last)
        outputs, all_weights = [], []
        for t in range(self.answer_length):
            weights = keys.new_zeros(keys.shape[:2])
            context = last if self.design.context == "last" else None
            if self.score is not None:
                weights = self.score(projected, states[0][1]).softmax(1)  # (B, S)
                context = (weights.unsqueeze(1) @ keys).squeeze(1)  # (B, H)
            inputs = torch.cat([part for part in (context, previous) if part is not None], 1)
            for number, layer in enumerate(self._layers()):
                states[number] = layer.step(inputs, states[number])
                inputs = states[number][0]
            output = inputs if self.readout is None else self.readout(inputs)  # (B, V)
            output = output.tanh() if self.design.readout == "tanh" else output
            outputs.append(output)
            all_weights.append(weights)
            previous = self._feed_back(output, None if gold is None else gold[:, t])
        return torch.stack(outputs, 1), torch.stack(all_weights, 1)

    def _encode(self, questions: Tensor) -> tuple[Tensor, Tensor, State]:
        """Questions (B, S, V) -> the outputs (B, S, H), the last output (B, H), and the last state."""
        inputs = questions if self.dense is None else self.dense(questions)
        outputs, state = self.encoder(inputs)
        last = state[0]
        if self.backward_encoder is not None:
            backward, (last_backward, _) = self.backward_encoder(inputs.flip(1))
            outputs, last = outputs + backward.flip(1), last + last_backward
        return outputs, last, state

    def _layers(self) -> list[LSTM]:
        return [layer for layer in self.decoder if isinstance(layer, LSTM)]

    def _feed_back(self, output: Tensor, gold: Tensor | None) -> Tensor | None:
        """What the next step gets of this one (B, V): the output as it is, or a character one-hot."""
        if self.design.previous == "none":
            return None
        if self.design.previous == "own":
            return output
        return one_hot(output.argmax(1) if gold is None else gold, self.alphabet).to(output.dtype)


def keras_init_(model: nn.Module, unit_forget_bias: bool) -> None:
    """The initial weights of Keras: dense layers and the LSTMs' kernels Glorot-uniform (Glorot and Bengio 2010) over
    all gates together, recurrent weights orthogonal, biases zero. The library's LSTM does not set the biases of the
    forget gates to one, unlike Keras' own."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in model.modules():
        if isinstance(module, LSTM):
            nn.init.orthogonal_(module.recurrent.weight)
            if unit_forget_bias:
                nn.init.ones_(module.kernel.bias[module.cells : 2 * module.cells])
