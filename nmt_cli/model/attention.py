"""Attention as a function of query, keys and values: scores, softmax, weighted sum.

    scores  e_tj = score(query_t, key_j)
    weights a_t  = softmax(e_t)            over the real tokens of the source
    context c_t  = sum_j a_tj value_j

The score function is what differs between the members of the family; several heads, a local window and coverage go with
any of them.
"""

import math

import torch
from torch import Tensor, nn

from nmt_cli.config import ModelConfig
from nmt_cli.kernels.linear import Linear, bmm, bmm_operand
from nmt_cli.kernels.matmul import fast_tanh_

MAX_POSITIONS = 512
"""Source positions that location scores tell apart; those beyond share the last one's."""


class Score(nn.Module):
    """How well a query fits a key. Keys are projected once per sentence, queries at every step."""

    uses_keys = True
    """Whether the score depends on what a key is, not just on where."""

    def project_keys(self, memory: Tensor) -> Tensor:
        """Encoder states (..., S, H) -> keys (..., S, A)."""
        return memory

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        """Queries (B, T, H) against keys (B, S, A) -> scores (B, T, S)."""
        raise NotImplementedError


class DotScore(Score):
    """score(s, h) = s . h: no parameters (Luong et al. 2015, eq. 8)."""

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        if query_size != memory_size:
            raise ValueError(f"dot needs states of one size, not {query_size} and {memory_size}")

    def project_keys(self, memory: Tensor) -> Tensor:
        return bmm_operand(memory)

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return bmm(query, keys.transpose(1, 2))


class ScaledDotScore(DotScore):
    """score(s, h) = s . h / sqrt(d): d terms of like size sum up to one of sqrt(d) (Vaswani et al. 2017, eq. 1)."""

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return super().forward(query / math.sqrt(query.size(-1)), keys)


class GeneralScore(Score):
    """score(s, h) = s . W h: W weighs every pair of dimensions (Luong et al. 2015, eq. 8)."""

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.projection = Linear(memory_size, query_size, bias=False)

    def project_keys(self, memory: Tensor) -> Tensor:
        return bmm_operand(self.projection(memory))

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return bmm(query, keys.transpose(1, 2))


class ScaledGeneralScore(GeneralScore):
    """score(s, h) = s . W h / sqrt(d): scaled like the dot product (Vaswani et al. 2017, 3.2.1). Without it a high
    learning rate can drive all weight to one token, mostly the end of the sentence, before others are tried; a softmax
    that is certain passes no gradient, and stays there."""

    def project_keys(self, memory: Tensor) -> Tensor:
        return super().project_keys(memory) / math.sqrt(memory.size(-1))


class ConcatScore(Score):
    """score(s, h) = v . tanh(W [s; h]): a perceptron of one layer (Bahdanau et al. 2014, appendix A.1.2).

    W [s; h] = W_s s + W_h h, so that W_h h is computed once per sentence.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.query = Linear(query_size, query_size, bias=False)
        self.key = Linear(memory_size, query_size)
        self.vector = nn.Linear(query_size, 1, bias=False)

    def project_keys(self, memory: Tensor) -> Tensor:
        keys: Tensor = self.key(memory)
        return keys

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        scores: Tensor = self.vector(self._hidden(query, keys)).squeeze(-1)  # (B, T, S)
        return scores

    def _hidden(self, query: Tensor, keys: Tensor) -> Tensor:
        return fast_tanh_(self.query(query).unsqueeze(2) + keys.unsqueeze(1))  # (B, T, S, A)


class MLPScore(ConcatScore):
    """score(s, h) = v . tanh(U tanh(W [s; h]) + b): a perceptron of two layers."""

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.second = nn.Linear(query_size, query_size)

    def _hidden(self, query: Tensor, keys: Tensor) -> Tensor:
        return fast_tanh_(self.second(super()._hidden(query, keys)))


class LocationScore(Score):
    """score(s, j) = (W s)_j: the query alone says where to look, whatever stands there (Luong et al. 2015, eq. 9)."""

    uses_keys = False

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.projection = Linear(query_size, MAX_POSITIONS, bias=False)

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        scores: Tensor = self.projection(query)  # (B, T, MAX_POSITIONS)
        beyond = keys.size(1) - MAX_POSITIONS
        if beyond > 0:
            return torch.cat([scores, scores[..., -1:].expand(-1, -1, beyond)], -1)
        return scores[..., : keys.size(1)]


SCORES: dict[str, type[DotScore | GeneralScore | ConcatScore | LocationScore]] = {
    "dot": DotScore,
    "scaled-dot": ScaledDotScore,
    "general": GeneralScore,
    "scaled-general": ScaledGeneralScore,
    "concat": ConcatScore,
    "mlp": MLPScore,
    "location": LocationScore,
}


def attend(scores: Tensor, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Turn scores (B, T, S) into weights (B, T, S) and the weighted sum of values (B, S, H): context (B, T, H).

    Where `mask` (B, S) is False, the weight is exactly zero. Every row of `mask` must hold a True.
    """
    weights = scores.float().masked_fill(~mask.unsqueeze(1), float("-inf")).softmax(-1)
    return bmm(weights, values), weights


class Attention(nn.Module):
    """attention(query, keys, values, mask) -> context, weights, as a config wants it.

    `heads`: every head has queries and keys of its own, W_q s and W_k h, of H / heads dimensions, and attends to its
    share of the values; the context is all heads' side by side (Vaswani et al. 2017, section 3.2.2; their W_v and W_o
    are left to the layers around). The weights returned are the mean over the heads.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        size = config.hidden_size // config.heads
        self.score = SCORES[config.score](size, size)
        several = self.heads > 1
        project = several and self.score.uses_keys
        self.query = Linear(config.hidden_size, config.hidden_size, bias=False) if several else nn.Identity()
        self.key = Linear(config.hidden_size, config.hidden_size, bias=False) if project else nn.Identity()
        self.window = (
            Window(config.hidden_size, config.local_window, config.local_attention)
            if config.local_attention != "none"
            else None
        )
        self.coverage = nn.Parameter(torch.zeros(config.heads, 1, size)) if config.coverage else None

    def project(self, states: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """States and values (B, S, H) -> keys (B, h, S, A) and values (B, h, S, H / h), to be kept for all steps."""
        return self.score.project_keys(self._split_heads(self.key(states))), bmm_operand(self._split_heads(values))

    def forward(
        self,
        query: Tensor,
        keys: Tensor,
        values: Tensor,
        mask: Tensor,
        position: Tensor | None = None,
        coverage: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Queries (B, T, H) -> context (B, T, H), in their dtype, and weights (B, T, S) in float32.

        `position` (B, T) is the index of the target token that each query is for, from 0: a monotonic window needs it.
        `coverage` (B, T, S) is the attention that each query's own past has paid to each source token, if it is to
        count.
        """
        batch, steps, _ = query.shape
        if coverage is not None:
            query, keys, values, mask, position = self._cover(query, keys, values, mask, position, coverage)
        q = self._split_heads(self.query(query))  # (B, h, T, d)
        scores = self.score(q.flatten(0, 1), keys.flatten(0, 1))  # (B * h, T, S)
        if self.window is not None:
            scores = scores + self.window(query, mask, position).repeat_interleave(self.heads, 0)
        context, weights = attend(scores, values.flatten(0, 1), mask.repeat_interleave(self.heads, 0))
        return self._join_heads(context.to(query.dtype), batch, steps), self._mean_weights(weights, batch, steps)

    def _cover(
        self,
        query: Tensor,
        keys: Tensor,
        values: Tensor,
        mask: Tensor,
        position: Tensor | None,
        coverage: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None]:
        """Each query gets keys of its own, key_j + C_j v, with C_j the attention paid to j so far (Tu et al. 2016,
        eq. 6, whose V C enters the perceptron as it does here with `concat`; the other scores see the same keys):
        queries become sentences, (B * T, 1, H)."""
        assert self.coverage is not None, "coverage is given only where the config asks for it"
        steps = query.size(1)
        if steps > 1:
            keys, values, mask = (part.repeat_interleave(steps, 0) for part in (keys, values, mask))
        keys = keys + coverage.flatten(0, 1)[:, None, :, None].to(keys.dtype) * self.coverage
        return query.reshape(-1, 1, query.size(-1)), keys, values, mask, _as_column(position)

    def _split_heads(self, states: Tensor) -> Tensor:
        """(B, T, H) -> (B, h, T, H / h)."""
        return states.view(*states.shape[:2], self.heads, -1).transpose(1, 2).contiguous()

    def _join_heads(self, context: Tensor, batch: int, steps: int) -> Tensor:
        """(B * h, T, H / h), or of sentences that are queries (B * T * h, 1, H / h) -> (B, T, H)."""
        if self.heads > 1:
            context = context.view(-1, self.heads, *context.shape[1:]).transpose(1, 2)
        return context.reshape(batch, steps, -1)

    def _mean_weights(self, weights: Tensor, batch: int, steps: int) -> Tensor:
        """(B * h, T, S) -> (B, T, S)."""
        if self.heads > 1:
            weights = weights.view(-1, self.heads, *weights.shape[1:]).mean(1)
        return weights.view(batch, steps, -1)


def _as_column(position: Tensor | None) -> Tensor | None:
    """(B, T) -> (B * T, 1)."""
    return None if position is None else position.reshape(-1, 1)


class Window(nn.Module):
    """Local attention (Luong et al. 2015, section 3.2): only D source tokens on either side of a place p_t are seen.

    monotonic:  p_t = t
    predictive: p_t = S sigmoid(v . tanh(W s_t)), with a Gaussian around it, exp(-(j - p_t)^2 / (2 (D / 2)^2))

    The Gaussian is multiplied in before the softmax, not after it as in the paper's eq. 10, so that weights sum to one.
    """

    def __init__(self, size: int, half_width: int, kind: str) -> None:
        super().__init__()
        self.half_width = half_width
        self.predictive = kind == "predictive"
        if self.predictive:
            self.projection = Linear(size, size, bias=False)
            self.vector = nn.Linear(size, 1, bias=False)

    def forward(self, query: Tensor, mask: Tensor, position: Tensor | None) -> Tensor:
        """What to add to scores (B, T, S): 0 in the window (or the Gaussian's logarithm), -inf outside."""
        lengths = mask.sum(1, keepdim=True)  # (B, 1)
        if self.predictive:
            place = lengths * torch.sigmoid(self.vector(torch.tanh(self.projection(query))).squeeze(-1).float())
        else:
            assert position is not None, "a monotonic window goes by the position"
            place = torch.minimum(position, lengths - 1).float()  # (B, T)
        distance = torch.arange(mask.size(1), device=mask.device) - place.unsqueeze(-1)  # (B, T, S)
        shape = -(distance**2) / (self.half_width**2 / 2) if self.predictive else torch.zeros_like(distance)
        return shape.masked_fill(distance.abs() > self.half_width, float("-inf"))
