"""The score functions: how well a query fits a key."""

import math

import torch
from torch import Tensor, nn

from nmt_cli.model.linear import RoundedLinear
from nmt_cli.model.product import in_bf16
from nmt_cli.model.tanh import tanh
from nmt_cli.model.unrolled import steps

PLACES = 512
"""Source positions that location scores tell apart; those beyond share the last one's."""


def multiply(left: Tensor, right: Tensor) -> Tensor:
    """Products (B, T, S) of matrices (B, T, A) and (B, A, S), in the type of the latter, or in float32: the products
    are small, and the kernels of bf16 for the batches of an epoch would take the better part of a gigabyte."""
    if in_bf16(right):
        with torch.autocast("cpu", enabled=False):
            return _multiply(left.float(), right.float())
    return _multiply(left.to(right.dtype), right)


def _multiply(left: Tensor, right: Tensor) -> Tensor:
    together = steps(left)
    return torch.bmm(left, right) if together is None else together.product(left, [right.mT])


def operand(right: Tensor) -> Tensor:
    """What `multiply` takes on its right at every step, converted once; scores that do not multiply keep their keys."""
    return right.float() if in_bf16(right) else right


def _products(query: Tensor, keys: Tensor) -> Tensor:
    """Every query (B, T, A) times every key (B, S, A): (B, T, S)."""
    return multiply(query, keys.transpose(1, 2))


class Score(nn.Module):
    """How well a query fits a key. Keys are projected once per sentence, queries at every step."""

    reads_keys = True
    """Whether the score depends on what a key is, not just on where."""

    def project_keys(self, memory: Tensor) -> Tensor:
        """Encoder states (..., S, H) -> keys (..., S, A)."""
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

    def project_keys(self, memory: Tensor) -> Tensor:
        return operand(memory)

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return _products(query, keys)


class ScaledDotScore(DotScore):
    """score(s, h) = s . h / sqrt(d): d terms of like size sum up to one of sqrt(d) (Vaswani et al. 2017, eq. 1)."""

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return super().forward(query / math.sqrt(query.size(-1)), keys)


class GeneralScore(Score):
    """score(s, h) = s . W h: W weighs every pair of dimensions (Luong et al. 2015, eq. 8)."""

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.projection = RoundedLinear(memory_size, query_size, bias=False)

    def project_keys(self, memory: Tensor) -> Tensor:
        return operand(self.projection(memory))

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return _products(query, keys)


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
        self.query = RoundedLinear(query_size, query_size, bias=False)
        self.key = RoundedLinear(memory_size, query_size)
        self.vector = nn.Linear(query_size, 1, bias=False)

    def project_keys(self, memory: Tensor) -> Tensor:
        keys: Tensor = self.key(memory)
        return keys

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        scores: Tensor = self.vector(self._hidden(query, keys)).squeeze(-1)  # (B, T, S)
        return scores

    def _hidden(self, query: Tensor, keys: Tensor) -> Tensor:
        return tanh(self.query(query).unsqueeze(2) + keys.unsqueeze(1))  # (B, T, S, A)


class MLPScore(ConcatScore):
    """score(s, h) = v . tanh(U tanh(W [s; h]) + b): a perceptron of two layers."""

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.second = nn.Linear(query_size, query_size)

    def _hidden(self, query: Tensor, keys: Tensor) -> Tensor:
        return tanh(self.second(super()._hidden(query, keys)))


class LocationScore(Score):
    """score(s, j) = (W s)_j: the query alone says where to look, whatever stands there (Luong et al. 2015, eq. 9)."""

    reads_keys = False

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.places = RoundedLinear(query_size, PLACES, bias=False)

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        scores: Tensor = self.places(query)  # (B, T, PLACES)
        beyond = keys.size(1) - PLACES
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
