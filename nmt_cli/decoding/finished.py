"""The K best hypotheses of each sentence that need no more search."""

from dataclasses import dataclass

import torch
from torch import Tensor

from nmt_cli.decoding.candidates import stable_topk


@dataclass
class FinishedPool:
    """Ended hypotheses, (N, K) each, best first; where there is none yet, score is -inf.

    Finished ones come before those that were cut, whatever their scores: a cut one is not a translation.
    """

    score: Tensor
    log_prob: Tensor
    step: Tensor
    """Step of the search in which the last token was chosen; -1 if none was."""
    slot: Tensor
    """Place among the K of that step."""
    finished: Tensor

    @classmethod
    def empty(cls, sentences: int, width: int, device: torch.device) -> "FinishedPool":
        """A pool that nothing has entered."""
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
        """Score (N,) that a hypothesis must beat to enter; -inf while there is room."""
        return self.score[:, -1]

    def add(self, rows: Tensor, entering: Tensor, score: Tensor, log_prob: Tensor, step: int) -> None:
        """Let finished hypotheses enter: those of `rows` (B,) where `entering` (B, K) is True, if good enough."""
        score = score.masked_fill(~entering, -torch.inf)
        best = stable_topk(torch.cat([self.score[rows], score], 1), score.shape[1])
        self._take(rows, best, score, log_prob, step, finished=True)

    def cut(self, rows: Tensor, left: Tensor, score: Tensor, log_prob: Tensor, step: int) -> None:
        """Fill what room there is in `rows` (B,) with hypotheses that go no further: where `left` (B, K) is True."""
        width = score.shape[1]
        score = score.masked_fill(~left, -torch.inf)
        places = torch.arange(width, device=rows.device)
        ended = (self.score[rows] > -torch.inf).sum(1, keepdim=True)  # (B, 1)
        order = torch.cat([places.expand_as(score), width + stable_topk(score, width)], 1)  # (B, 2K)
        after = torch.where(places < ended, places, width + places - ended)  # (B, K) into order
        self._take(rows, order.gather(1, after), score, log_prob, step, finished=False)

    def _take(
        self, rows: Tensor, chosen: Tensor, score: Tensor, log_prob: Tensor, step: int, *, finished: bool
    ) -> None:
        """Keep `chosen` (B, K) of the 2K that are made of the pool's own and the new ones."""
        slots = torch.arange(score.shape[1], device=rows.device).expand_as(score)

        def merge(old: Tensor, new: Tensor) -> None:
            old[rows] = torch.cat([old[rows], new], 1).gather(1, chosen)

        merge(self.score, score)
        merge(self.log_prob, log_prob)
        merge(self.step, torch.full_like(slots, step))
        merge(self.slot, slots)
        merge(self.finished, torch.full_like(slots, finished, dtype=torch.bool))
