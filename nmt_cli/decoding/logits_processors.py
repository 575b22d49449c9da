"""Constraints on the next token: forbidden and forced tokens, applied to log-probabilities (B, K, V) in place."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nmt_cli.special_tokens import EOS, PAD


def forbid_specials(log_probs: Tensor, others: Tensor) -> None:
    """Forbid PAD, UNK and BOS (0, 1, 2), which are never part of a translation, and other tokens (N,) such as tags."""
    log_probs[..., :EOS] = -torch.inf
    if len(others):
        log_probs.index_fill_(-1, others, -torch.inf)


def forbid_end(log_probs: Tensor) -> None:
    """Forbid EOS, for translations that are still shorter than min_length."""
    log_probs[..., EOS] = -torch.inf


def forbid_repetition(log_probs: Tensor, sequences: Tensor, size: int) -> None:
    """Forbid every token that would repeat an n-gram of `size` tokens in its hypothesis: those that followed an
    earlier occurrence of the last size - 1 tokens.

    log_probs: (B, K, V), changed in place. sequences: (B, K, T), the hypotheses so far.
    """
    length = sequences.shape[2]
    if length < size:
        return
    ngrams = sequences.unfold(2, size, 1)  # (B, K, T - size + 1, size)
    last = sequences[:, :, None, length - size + 1 :]  # (B, K, 1, size - 1)
    matches = (ngrams[..., :-1] == last).all(-1)
    # n-grams that do not match write to PAD, which is forbidden anyway.
    log_probs.scatter_(2, ngrams[..., -1].where(matches, PAD), -torch.inf)


def forced_tokens(prefixes: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """Prefixes as a table (T, N): the token forced at step t in sentence n, or -1."""
    longest = max((len(prefix) for prefix in prefixes), default=0)
    table = [[prefix[t] if t < len(prefix) else -1 for prefix in prefixes] for t in range(longest)]
    return torch.tensor(table, dtype=torch.int64, device=device).view(longest, len(prefixes))


def force(log_probs: Tensor, original: Tensor, tokens: Tensor) -> None:
    """Where a token is forced, forbid all others; it keeps the log-probability that the model gives it.

    log_probs: (B, K, V), changed in place. original: (B, K), log-probabilities of the forced tokens before
    anything was forbidden. tokens: (B,), -1 where no token is forced.
    """
    forced = tokens >= 0
    log_probs[forced] = -torch.inf
    log_probs[forced, :, tokens[forced]] = original[forced]
