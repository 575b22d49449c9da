"""Which continuations of its hypotheses a sentence goes on with: the best, or drawn at random."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt_cli.config import SearchConfig

BLOCK = 64
"""Vocabulary entries that are first looked at only through their maximum."""


class Continuations(NamedTuple):
    """The continuations chosen in one step; all (B, K), a dead one with log_probs of -inf."""

    parents: Tensor
    """Hypothesis that is continued."""
    tokens: Tensor
    """Token that it is continued with."""
    token_log_probs: Tensor
    log_probs: Tensor
    """Sum over the whole hypothesis."""


def stable_topk(values: Tensor, count: int) -> Tensor:
    """Indices (B, count) of the largest of each row of float32 values (B, N), largest first, the first among equals.

    `topk` leaves the order of equals open; here it must not depend on the batch or the device. So the
    comparison is made on integers: the bits of the float, then the index counted backwards.
    """
    bits = (values + 0.0).view(torch.int32)  # + 0.0 makes one zero of two
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    keys = (ordered.to(torch.int64) << 32) - torch.arange(values.shape[1], device=values.device)
    return keys.topk(count, dim=1).indices


@dataclass
class TopK:
    """Beam search: the K best continuations over all hypotheses of a sentence; with K = 1, greedy search."""

    width: int

    reorders = True

    def __call__(self, scores: Tensor, log_probs: Tensor, rows: Tensor, step: int) -> Continuations:
        """scores (B, n) of the hypotheses, log_probs (B, n, V) of their next tokens. If there are fewer than K
        continuations at all, the others are impossible."""
        vocabulary = log_probs.shape[2]
        # The K best entries lie in the K blocks with the best maxima, which saves a sort over n * V.
        maxima = _block_maxima(log_probs) + scores[:, :, None]  # (B, n, blocks)
        blocks = maxima.shape[2]
        most = min(self.width, maxima.shape[1] * blocks)
        found = stable_topk(maxima.flatten(1), most).sort(1).values  # (B, m), m <= K
        of = found.div(blocks, rounding_mode="floor")[:, :, None]  # (B, m, 1), the hypothesis
        tokens = (found % blocks)[:, :, None] * BLOCK + torch.arange(BLOCK, device=found.device)  # (B, m, BLOCK)
        entries = (of * vocabulary + tokens.clamp(max=vocabulary - 1)).flatten(1)
        inside = log_probs.flatten(1).gather(1, entries).masked_fill(tokens.flatten(1) >= vocabulary, -torch.inf)
        totals = inside + scores.gather(1, of.expand_as(tokens).flatten(1))
        if (missing := self.width - totals.shape[1]) > 0:
            entries = nn.functional.pad(entries, (0, missing))
            inside, totals = (nn.functional.pad(part, (0, missing), value=-torch.inf) for part in (inside, totals))
        best = stable_topk(totals, self.width)
        chosen = entries.gather(1, best)
        return Continuations(
            parents=chosen.div(vocabulary, rounding_mode="floor"),
            tokens=chosen % vocabulary,
            token_log_probs=inside.gather(1, best),
            log_probs=totals.gather(1, best),
        )


def _block_maxima(log_probs: Tensor) -> Tensor:
    """The largest of every BLOCK entries of (B, K, V), the last block being what is left."""
    whole = log_probs.shape[2] // BLOCK
    maxima = log_probs[:, :, : whole * BLOCK].view(*log_probs.shape[:2], whole, BLOCK).amax(3)
    rest = log_probs[:, :, whole * BLOCK :]
    return torch.cat([maxima, rest.amax(2, keepdim=True)], 2) if rest.shape[2] else maxima


@dataclass
class Sampler:
    """Sampling: every hypothesis draws its own next token, by one uniform number (T, N, K) of its own per step."""

    options: SearchConfig
    uniforms: Tensor

    reorders = False

    def __call__(self, scores: Tensor, log_probs: Tensor, rows: Tensor, step: int) -> Continuations:
        """scores (B, K) of the hypotheses, log_probs (B, K, V) of their next tokens."""
        kept, indices = self._candidates(log_probs / self.options.temperature)
        highest = kept.amax(-1, keepdim=True).clamp(min=torch.finfo(kept.dtype).min)
        cumulative = (kept - highest).exp().cumsum(-1)
        # Strictly below the total, so that the first entry that exceeds it has a probability above 0.
        place = self.uniforms[step, rows][:, :, None] * cumulative[:, :, -1:] * (1 - 1e-6)
        drawn = torch.searchsorted(cumulative, place, right=True).clamp(max=kept.shape[-1] - 1)
        tokens = drawn if indices is None else indices.gather(2, drawn)
        token_log_probs = log_probs.gather(2, tokens)[:, :, 0]
        parents = torch.arange(scores.shape[1], device=scores.device).expand_as(scores)
        return Continuations(parents, tokens[:, :, 0], token_log_probs, scores + token_log_probs)

    def _candidates(self, logits: Tensor) -> tuple[Tensor, Tensor | None]:
        """What may be drawn, most probable first, and its tokens; or everything, in order."""
        top_k, top_p = self.options.top_k or logits.shape[-1], self.options.top_p
        if top_k >= logits.shape[-1] and top_p == 1.0:
            return logits, None
        ordered = logits.sort(dim=-1, descending=True, stable=True)
        kept, indices = ordered.values[..., :top_k], ordered.indices[..., :top_k]
        if top_p < 1.0:
            before = kept.softmax(-1).cumsum(-1).roll(1, -1)
            before[..., 0] = 0.0
            kept = kept.masked_fill(before >= top_p, -torch.inf)
        return kept, indices
