"""Attention as a function of query, keys and values, and its score functions.

    scores  e_tj = score(query_t, key_j)
    weights a_t  = softmax(e_t)            over the real tokens of the source
    context c_t  = sum_j a_tj value_j

A score function is all that differs between the members of the family.
"""

import torch
from torch import Tensor, nn


def attend(scores: Tensor, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Turn scores (B, T, S) into weights (B, T, S) and the weighted sum of values (B, S, H): context (B, T, H).

    Where `mask` (B, S) is False, the weight is exactly zero. Every row of `mask` must hold a True.
    """
    weights = scores.float().masked_fill(~mask.unsqueeze(1), float("-inf")).softmax(-1)
    return torch.bmm(weights.to(values.dtype), values), weights


class Score(nn.Module):
    """How well a query fits a key. Keys are projected once per sentence, queries at every step."""

    def project_keys(self, memory: Tensor) -> Tensor:
        """Encoder states (B, S, H) -> keys (B, S, A)."""
        return memory

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        """Queries (B, T, H) against keys (B, S, A) -> scores (B, T, S)."""
        raise NotImplementedError


class DotScore(Score):
    """score(s, h) = s . h: no parameters, only the states learn (Luong et al. 2015, eq. 8)."""

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        if query_size != memory_size:
            raise ValueError(f"dot needs states of one size, not {query_size} and {memory_size}")

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return torch.bmm(query, keys.transpose(1, 2).to(query.dtype))


class GeneralScore(Score):
    """score(s, h) = s . W h: W weighs every pair of dimensions (Luong et al. 2015, eq. 8)."""

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.projection = nn.Linear(memory_size, query_size, bias=False)

    def project_keys(self, memory: Tensor) -> Tensor:
        keys: Tensor = self.projection(memory)
        return keys

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return torch.bmm(query, keys.transpose(1, 2).to(query.dtype))


class ConcatScore(Score):
    """score(s, h) = v . tanh(W [s; h]): a perceptron of one layer (Bahdanau et al. 2014, appendix A.1.2).

    W [s; h] = W_s s + W_h h, so that W_h h is computed once per sentence.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_size, query_size, bias=False)
        self.key = nn.Linear(memory_size, query_size)
        self.vector = nn.Linear(query_size, 1, bias=False)

    def project_keys(self, memory: Tensor) -> Tensor:
        keys: Tensor = self.key(memory)
        return keys

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        hidden = torch.tanh(self.query(query).unsqueeze(2) + keys.unsqueeze(1))  # (B, T, S, A)
        scores: Tensor = self.vector(hidden).squeeze(-1)  # (B, T, S)
        return scores


SCORES: dict[str, type[DotScore | GeneralScore | ConcatScore]] = {
    "dot": DotScore,
    "general": GeneralScore,
    "concat": ConcatScore,
}


class Attention(nn.Module):
    """attention(query, keys, values, mask) -> context, weights, with a score function of one's choice."""

    def __init__(self, score: Score) -> None:
        super().__init__()
        self.score = score

    def project_keys(self, memory: Tensor) -> Tensor:
        """Encoder states (B, S, H) -> keys (B, S, A), to be kept for all steps."""
        return self.score.project_keys(memory)

    def forward(self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Queries (B, T, H) -> context (B, T, H) and weights (B, T, S)."""
        return attend(self.score(query, keys), values, mask)
