"""Attention as a function of query, keys and values: scores, softmax, weighted sum.

    scores  e_tj = score(query_t, key_j)
    weights a_t  = softmax(e_t)            over the real tokens of the source
    context c_t  = sum_j a_tj value_j

The published systems differ in the score function; several heads, a local window and coverage can be combined with any
of them.
"""

import math

import torch
from torch import Tensor, nn

from nmt_cli.config import ModelConfig
from nmt_cli.kernels.linear import Linear, bmm, bmm_operand
from nmt_cli.kernels.matmul import fast_tanh_

MAX_POSITIONS = 512
"""Number of source positions with a location score of their own; later positions share the last score."""


class Score(nn.Module):
    """Scores how well a query matches a key. Keys are projected once per sentence, queries at every step."""

    uses_keys = True
    """Whether the score depends on the content of a key, not only on its position."""

    def project_keys(self, memory: Tensor) -> Tensor:
        """Encoder states (..., S, H) -> keys (..., S, A)."""
        return memory

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        """Queries (B, T, H) against keys (B, S, A) -> scores (B, T, S)."""
        raise NotImplementedError


class DotScore(Score):
    """score(s, h) = s . h: no parameters (Luong et al. 2015, section 3.1)."""

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        if query_size != memory_size:
            raise ValueError(f"dot scores need queries and keys of the same size, not {query_size} and {memory_size}")

    def project_keys(self, memory: Tensor) -> Tensor:
        return bmm_operand(memory)

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return bmm(query, keys.transpose(1, 2))


class ScaledDotScore(DotScore):
    """score(s, h) = s . h / sqrt(d): without the scale, scores grow as sqrt(d) (Vaswani et al. 2017, eq. 1)."""

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return super().forward(query / math.sqrt(query.size(-1)), keys)


class GeneralScore(Score):
    """score(s, h) = s . W h: W has a weight for every pair of dimensions (Luong et al. 2015, section 3.1)."""

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.projection = Linear(memory_size, query_size, bias=False)

    def project_keys(self, memory: Tensor) -> Tensor:
        return bmm_operand(self.projection(memory))

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return bmm(query, keys.transpose(1, 2))


class ScaledGeneralScore(GeneralScore):
    """score(s, h) = s . W h / sqrt(d): scaled like the dot product (Vaswani et al. 2017, 3.2.1). Without the scale, a
    high learning rate can drive all attention to one token early in training, mostly to the end of the sentence; a
    saturated softmax passes no gradient, so it stays there."""

    def project_keys(self, memory: Tensor) -> Tensor:
        return super().project_keys(memory) / math.sqrt(memory.size(-1))


class ConcatScore(Score):
    """score(s, h) = v . tanh(W [s; h]): a one-layer perceptron (Bahdanau et al. 2014, appendix A.1.2).

    W [s; h] = W_s s + W_h h, and W_h h is computed once per sentence.
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
    """score(s, h) = v . tanh(U tanh(W [s; h]) + b): a two-layer perceptron."""

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.second = nn.Linear(query_size, query_size)

    def _hidden(self, query: Tensor, keys: Tensor) -> Tensor:
        return fast_tanh_(self.second(super()._hidden(query, keys)))


class LocationScore(Score):
    """score(s, j) = (W s)_j: depends on the query and the position, not on the key (Luong et al. 2015, eq. 8)."""

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
    """Scores (B, T, S) and values (B, S, H) -> the context (B, T, H), a weighted sum of values, and weights (B, T, S).

    The weight is exactly zero where `mask` (B, S) is False. Every row of `mask` must have at least one True.
    """
    weights = scores.float().masked_fill(~mask.unsqueeze(1), float("-inf")).softmax(-1)
    return bmm(weights, values), weights


class Attention(nn.Module):
    """attention(query, keys, values, mask) -> context, weights, as configured by `ModelConfig`.

    With several heads, each has its own queries W_q s and keys W_k h of H / heads dimensions and its own slice of the
    values; the context concatenates those of all heads (Vaswani et al. 2017, section 3.2.2; without W_v and W_o, as the
    layers around attention project too). The weights returned are the mean over the heads.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        size = config.hidden_size // config.heads
        self.score = SCORES[config.score](size, size)
        multi_head = self.heads > 1
        project_keys = multi_head and self.score.uses_keys
        self.query = Linear(config.hidden_size, config.hidden_size, bias=False) if multi_head else nn.Identity()
        self.key = Linear(config.hidden_size, config.hidden_size, bias=False) if project_keys else nn.Identity()
        self.window = (
            Window(config.hidden_size, config.local_window, config.local_attention)
            if config.local_attention != "none"
            else None
        )
        self.coverage = nn.Parameter(torch.zeros(config.heads, 1, size)) if config.coverage else None

    def project(self, states: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """States and values (B, S, H) -> keys (B, h, S, A) and values (B, h, S, H / h), once for all target steps."""
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
        """Queries (B, T, H), keys (B, h, S, A), values (B, h, S, H / h), mask (B, S) -> context (B, T, H) in the dtype
        of the queries, and weights (B, T, S) in float32.

        `position` (B, T) is the index, from 0, of the target token that each query predicts; a monotonic window needs
        it. `coverage` (B, T, S) is the sum of the attention weights of all steps before each query, or None.
        """
        batch, steps, _ = query.shape
        if coverage is not None:
            query, keys, values, mask, position = self._add_coverage(query, keys, values, mask, position, coverage)
        q = self._split_heads(self.query(query))  # (B, h, T, d)
        scores = self.score(q.flatten(0, 1), keys.flatten(0, 1))  # (B * h, T, S)
        if self.window is not None:
            scores = scores + self.window(query, mask, position).repeat_interleave(self.heads, 0)
        context, weights = attend(scores, values.flatten(0, 1), mask.repeat_interleave(self.heads, 0))
        return self._join_heads(context.to(query.dtype), batch, steps), self._mean_weights(weights, batch, steps)

    def _add_coverage(
        self,
        query: Tensor,
        keys: Tensor,
        values: Tensor,
        mask: Tensor,
        position: Tensor | None,
        coverage: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None]:
        """Add coverage to the keys: key_j + C_j v, where C_j is the sum of the weights of token j so far (Tu et al.
        2016, eq. 6: there, as here with `concat`, C_j v is a term inside the tanh). The keys now differ between
        queries, so every query becomes a batch entry, (B * T, 1, H)."""
        assert self.coverage is not None, "coverage is passed only if the config enables it"
        steps = query.size(1)
        if steps > 1:
            keys, values, mask = (part.repeat_interleave(steps, 0) for part in (keys, values, mask))
        keys = keys + coverage.flatten(0, 1)[:, None, :, None].to(keys.dtype) * self.coverage
        return query.reshape(-1, 1, query.size(-1)), keys, values, mask, _as_column(position)

    def _split_heads(self, states: Tensor) -> Tensor:
        """(B, T, H) -> (B, h, T, H / h)."""
        return states.view(*states.shape[:2], self.heads, -1).transpose(1, 2).contiguous()

    def _join_heads(self, context: Tensor, batch: int, steps: int) -> Tensor:
        """(B * h, T, H / h), or with coverage (B * T * h, 1, H / h) -> (B, T, H)."""
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
    """Local attention (Luong et al. 2015, section 3.2): attends only to D source tokens on either side of p_t.

    monotonic:  p_t = t
    predictive: p_t = S sigmoid(v . tanh(W s_t)), with a Gaussian around it, exp(-(j - p_t)^2 / (2 (D / 2)^2))

    The Gaussian is applied before the softmax, not after it as in the paper's eq. 10, so that the weights sum to one.
    """

    def __init__(self, size: int, half_width: int, kind: str) -> None:
        super().__init__()
        self.half_width = half_width
        self.predictive = kind == "predictive"
        if self.predictive:
            self.projection = Linear(size, size, bias=False)
            self.vector = nn.Linear(size, 1, bias=False)

    def forward(self, query: Tensor, mask: Tensor, position: Tensor | None) -> Tensor:
        """Bias to add to scores (B, T, S): 0 or the log of the Gaussian inside the window, -inf outside."""
        lengths = mask.sum(1, keepdim=True)  # (B, 1)
        if self.predictive:
            center = lengths * torch.sigmoid(self.vector(torch.tanh(self.projection(query))).squeeze(-1).float())
        else:
            assert position is not None, "a monotonic window needs the position"
            center = torch.minimum(position, lengths - 1).float()  # (B, T)
        distance = torch.arange(mask.size(1), device=mask.device) - center.unsqueeze(-1)  # (B, T, S)
        bias = -(distance**2) / (self.half_width**2 / 2) if self.predictive else torch.zeros_like(distance)
        return bias.masked_fill(distance.abs() > self.half_width, float("-inf"))
