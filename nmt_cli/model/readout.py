"""From decoder state and context to the vector that predicts the next token."""

import torch
from torch import Tensor, nn

from nmt_cli.config import ModelConfig
from nmt_cli.model.linear import RoundedLinear
from nmt_cli.model.tanh import tanh


class PlainReadout(nn.Module):
    """The attentional state, tanh(W [state; context]) (Luong et al. 2015, eq. 5); without attention tanh(W state)."""

    def __init__(self, config: ModelConfig, contexts: int) -> None:
        super().__init__()
        self.projection = RoundedLinear((1 + contexts) * config.hidden_size, config.embedding_size)

    def forward(self, states: Tensor, context: Tensor | None, embedded: Tensor) -> Tensor:
        """States and contexts (B, T, H), embedded previous tokens (B, T, E) -> readouts (B, T, E)."""
        return tanh(self.projection(states if context is None else torch.cat([states, context], -1)))


class MaxoutReadout(nn.Module):
    """Deep output: the larger of each pair of U state + V embedded + C context (Bahdanau et al. 2014, A.2.2, with the
    state s_i of its eq. 4)."""

    def __init__(self, config: ModelConfig, contexts: int) -> None:
        super().__init__()
        inputs = (1 + contexts) * config.hidden_size + config.embedding_size
        self.projection = RoundedLinear(inputs, 2 * config.embedding_size)

    def forward(self, states: Tensor, context: Tensor | None, embedded: Tensor) -> Tensor:
        """States and contexts (B, T, H), embedded previous tokens (B, T, E) -> readouts (B, T, E)."""
        parts = [states, embedded] if context is None else [states, embedded, context]
        pairs: Tensor = self.projection(torch.cat(parts, -1))  # (B, T, 2 E)
        return pairs.view(*pairs.shape[:2], -1, 2).amax(-1)


READOUTS: dict[str, type[PlainReadout | MaxoutReadout]] = {"plain": PlainReadout, "maxout": MaxoutReadout}
