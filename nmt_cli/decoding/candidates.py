"""Choosing the continuations of hypotheses: top-k over all hypotheses of a sentence, or sampling for each."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt_cli.config import SearchConfig

BLOCK = 64
"""Vocabulary entries per block; top-k compares the maxima of blocks first."""


class Continuations(NamedTuple):
    """The continuations chosen in one step, all (B, K); an impossible one has log_probs of -inf."""

    parents: Tensor
    """Index of the hypothesis that is continued."""
    tokens: Tensor
    """The next token."""
    token_log_probs: Tensor
    log_probs: Tensor
    """Log-probability of the whole hypothesis, the token included."""


def stable_topk(values: Tensor, count: int) -> Tensor:
    """Indices (B, count) of the largest values in each row of float32 values (B, N), in descending order; equal values
    are ordered by index.

    `torch.topk` does not define the order of equal values; here it must not depend on the batch or the device. So
    integer keys are compared: the bits of the float, then the negated index.
    """
    bits = (values + 0.0).view(torch.int32)  # + 0.0 turns -0.0 into 0.0
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    keys = (ordered.to(torch.int64) << 32) - torch.arange(values.shape[1], device=values.device)
    return keys.topk(count, dim=1).indices


@dataclass
class TopK:
    """Beam search: the K best continuations over all hypotheses of a sentence; with K = 1, greedy search."""

    width: int

    reorders_beam = True
    """Whether hypothesis k may continue another parent than k, so that the decoder state must be reordered."""

    def __call__(self, scores: Tensor, log_probs: Tensor, rows: Tensor, step: int) -> Continuations:
        """Scores (B, n) of the hypotheses and log_probs (B, n, V) of their next tokens -> continuations (B, K). If
        fewer than K exist, the rest have log_probs of -inf."""
        vocabulary = log_probs.shape[2]
        # The K best entries are in the K blocks with the largest maxima, so no sort over n * V is needed.
        maxima = _block_maxima(log_probs) + scores[:, :, None]  # (B, n, blocks)
        num_blocks = maxima.shape[2]
        count = min(self.width, maxima.shape[1] * num_blocks)
        blocks = stable_topk(maxima.flatten(1), count).sort(1).values  # (B, m), m <= K
        parents = blocks.div(num_blocks, rounding_mode="floor")[:, :, None]  # (B, m, 1)
        tokens = (blocks % num_blocks)[:, :, None] * BLOCK + torch.arange(BLOCK, device=blocks.device)  # (B, m, BLOCK)
        entries = (parents * vocabulary + tokens.clamp(max=vocabulary - 1)).flatten(1)
        token_log_probs = log_probs.flatten(1).gather(1, entries)
        token_log_probs = token_log_probs.masked_fill(tokens.flatten(1) >= vocabulary, -torch.inf)
        totals = token_log_probs + scores.gather(1, parents.expand_as(tokens).flatten(1))
        if (missing := self.width - totals.shape[1]) > 0:
            entries = nn.functional.pad(entries, (0, missing))
            token_log_probs, totals = (
                nn.functional.pad(part, (0, missing), value=-torch.inf) for part in (token_log_probs, totals)
            )
        best = stable_topk(totals, self.width)
        chosen = entries.gather(1, best)
        return Continuations(
            parents=chosen.div(vocabulary, rounding_mode="floor"),
            tokens=chosen % vocabulary,
            token_log_probs=token_log_probs.gather(1, best),
            log_probs=totals.gather(1, best),
        )


def _block_maxima(log_probs: Tensor) -> Tensor:
    """The maximum of each block of BLOCK entries, (B, K, V) -> (B, K, blocks); the last block may be shorter."""
    whole = log_probs.shape[2] // BLOCK
    maxima = log_probs[:, :, : whole * BLOCK].view(*log_probs.shape[:2], whole, BLOCK).amax(3)
    rest = log_probs[:, :, whole * BLOCK :]
    return torch.cat([maxima, rest.amax(2, keepdim=True)], 2) if rest.shape[2] else maxima


@dataclass
class Sampler:
    """Sampling: every hypothesis draws its next token, with one of the uniform numbers (T, N, K) per step."""

    options: SearchConfig
    uniforms: Tensor

    reorders_beam = False

    def __call__(self, scores: Tensor, log_probs: Tensor, rows: Tensor, step: int) -> Continuations:
        """Scores (B, K) of the hypotheses and log_probs (B, K, V) of their next tokens -> continuations (B, K)."""
        logits, indices = self._candidates(log_probs / self.options.temperature)
        highest = logits.amax(-1, keepdim=True).clamp(min=torch.finfo(logits.dtype).min)
        cumulative = (logits - highest).exp().cumsum(-1)
        # Strictly below the total, so that the first entry that exceeds it has a probability above 0.
        threshold = self.uniforms[step, rows][:, :, None] * cumulative[:, :, -1:] * (1 - 1e-6)
        drawn = torch.searchsorted(cumulative, threshold, right=True).clamp(max=logits.shape[-1] - 1)
        tokens = drawn if indices is None else indices.gather(2, drawn)
        token_log_probs = log_probs.gather(2, tokens)[:, :, 0]
        parents = torch.arange(scores.shape[1], device=scores.device).expand_as(scores)
        return Continuations(parents, tokens[:, :, 0], token_log_probs, scores + token_log_probs)

    def _candidates(self, logits: Tensor) -> tuple[Tensor, Tensor | None]:
        """The logits that top-k and top-p leave, in descending order, and their tokens; or all logits and None if
        neither option is set."""
        top_k, top_p = self.options.top_k or logits.shape[-1], self.options.top_p
        if top_k >= logits.shape[-1] and top_p == 1.0:
            return logits, None
        ordered = logits.sort(dim=-1, descending=True, stable=True)
        values, indices = ordered.values[..., :top_k], ordered.indices[..., :top_k]
        if top_p < 1.0:
            preceding = values.softmax(-1).cumsum(-1).roll(1, -1)  # probability of all more probable tokens
            preceding[..., 0] = 0.0
            values = values.masked_fill(preceding >= top_p, -torch.inf)
        return values, indices
