"""What a hypothesis must not, or must, be continued with."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nmt_cli.special_tokens import EOS, PAD


def forbid_specials(log_probs: Tensor) -> None:
    """Padding, the unknown symbol and the beginning of a sentence (0, 1, 2) are no part of a translation."""
    log_probs[..., :EOS] = -torch.inf


def forbid_end(log_probs: Tensor) -> None:
    """The translation is still shorter than it may be."""
    log_probs[..., EOS] = -torch.inf


def forbid_repetition(log_probs: Tensor, sequences: Tensor, size: int) -> None:
    """No run of `size` tokens twice in a hypothesis: forbid what followed the last size - 1 tokens before.

    log_probs: (B, K, V), changed in place. sequences: (B, K, T), the hypotheses so far.
    """
    length = sequences.shape[2]
    if length < size:
        return
    runs = sequences.unfold(2, size, 1)  # (B, K, T - size + 1, size)
    last = sequences[:, :, None, length - size + 1 :]  # (B, K, 1, size - 1)
    seen = (runs[..., :-1] == last).all(-1)
    # Where nothing is to be forbidden, padding is forbidden once more.
    log_probs.scatter_(2, runs[..., -1].where(seen, PAD), -torch.inf)


def forced_tokens(prefixes: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """Prefixes as a table (T, N): the token that step t must take in sentence n, or -1."""
    longest = max((len(prefix) for prefix in prefixes), default=0)
    table = [[prefix[t] if t < len(prefix) else -1 for prefix in prefixes] for t in range(longest)]
    return torch.tensor(table, dtype=torch.int64, device=device).view(longest, len(prefixes))


def force(log_probs: Tensor, original: Tensor, tokens: Tensor) -> None:
    """Leave only the forced token where there is one; its log-probability stays the model's.

    log_probs: (B, K, V), changed in place. original: (B, K), log-probabilities of the forced tokens before
    anything was forbidden. tokens: (B,), -1 where nothing is forced.
    """
    forced = tokens >= 0
    log_probs[forced] = -torch.inf
    log_probs[forced, :, tokens[forced]] = original[forced]
