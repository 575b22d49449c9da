"""The pool of the K best ended hypotheses of each sentence: finished, or cut."""

from dataclasses import dataclass

import torch
from torch import Tensor

from nmt_cli.decoding.candidates import stable_topk


@dataclass
class FinishedPool:
    """Ended hypotheses, (N, K) each, best first; score is -inf in empty places.

    Finished hypotheses rank before cut ones, whatever their scores: a cut hypothesis is not a translation.
    """

    score: Tensor
    log_prob: Tensor
    step: Tensor
    """Search step at which the last token was chosen; -1 if none was chosen."""
    slot: Tensor
    """Index among the K hypotheses of that step."""
    finished: Tensor

    @classmethod
    def empty(cls, sentences: int, width: int, device: torch.device) -> "FinishedPool":
        """An empty pool."""
        shape = (sentences, width)
        return cls(
            score=torch.full(shape, -torch.inf, device=device),
            log_prob=torch.zeros(shape, device=device),
            step=torch.full(shape, -1, device=device),
            slot=torch.zeros(shape, dtype=torch.int64, device=device),
            finished=torch.zeros(shape, dtype=torch.bool, device=device),
        )

    @property
    def worst(self) -> Tensor:
        """Score (N,) that a hypothesis must beat to enter; -inf while the pool is not full."""
        return self.score[:, -1]

    def add(self, rows: Tensor, entering: Tensor, score: Tensor, log_prob: Tensor, step: int) -> None:
        """Add the finished hypotheses of sentences `rows` (B,), where `entering` (B, K) is True; the K best stay."""
        score = score.masked_fill(~entering, -torch.inf)
        best = stable_topk(torch.cat([self.score[rows], score], 1), score.shape[1])
        self._replace(rows, best, score, log_prob, step, finished=True)

    def cut(self, rows: Tensor, left: Tensor, score: Tensor, log_prob: Tensor, step: int) -> None:
        """Fill the empty places of sentences `rows` (B,) with cut hypotheses, those where `left` (B, K) is True."""
        width = score.shape[1]
        score = score.masked_fill(~left, -torch.inf)
        places = torch.arange(width, device=rows.device)
        occupied = (self.score[rows] > -torch.inf).sum(1, keepdim=True)  # (B, 1)
        order = torch.cat([places.expand_as(score), width + stable_topk(score, width)], 1)  # (B, 2K)
        index = torch.where(places < occupied, places, width + places - occupied)  # (B, K) into order
        self._replace(rows, order.gather(1, index), score, log_prob, step, finished=False)

    def _replace(
        self, rows: Tensor, chosen: Tensor, score: Tensor, log_prob: Tensor, step: int, *, finished: bool
    ) -> None:
        """Set the pool to the entries `chosen` (B, K), indices into its K old entries followed by the K new ones."""
        slots = torch.arange(score.shape[1], device=rows.device).expand_as(score)

        def merge(old: Tensor, new: Tensor) -> None:
            old[rows] = torch.cat([old[rows], new], 1).gather(1, chosen)

        merge(self.score, score)
        merge(self.log_prob, log_prob)
        merge(self.step, torch.full_like(slots, step))
        merge(self.slot, slots)
        merge(self.finished, torch.full_like(slots, finished, dtype=torch.bool))
