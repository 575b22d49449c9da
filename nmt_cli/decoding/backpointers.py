"""What was chosen in every step, and how to read whole hypotheses out of it."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from nmt_cli.decoding.candidates import Continuations
from nmt_cli.decoding.finished import FinishedPool
from nmt_cli.decoding.hypothesis import Hypothesis


@dataclass
class BackPointers:
    """Tokens, their log-probabilities and back-pointers of every step, (N, K) each; attention if it was asked for."""

    source_lengths: Tensor
    """(N,) real source positions, to which attention is cut."""
    attention: bool
    _parents: list[Tensor] = field(default_factory=list)
    _tokens: list[Tensor] = field(default_factory=list)
    _log_probs: list[Tensor] = field(default_factory=list)
    _weights: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def record(self, rows: Tensor, choice: Continuations, weights: Tensor | None) -> None:
        """Note what the sentences `rows` (B,) chose; `weights` (B, K, S) are those of the parents, (B, 1, S) of one
        that they share."""
        for history, chosen in (
            (self._parents, choice.parents),
            (self._tokens, choice.tokens),
            (self._log_probs, choice.token_log_probs),
        ):
            sentences = len(self.source_lengths)
            if len(rows) < sentences:
                chosen = chosen.new_zeros(sentences, chosen.shape[1]).index_copy_(0, rows, chosen)
            history.append(chosen)
        if self.attention and weights is not None:
            self._weights.append((rows, weights.expand(-1, choice.parents.shape[1], -1)))

    def backtrack(self, pool: FinishedPool, count: int) -> list[list[Hypothesis]]:
        """The `count` best hypotheses of each sentence, as far as there are so many."""
        steps = pool.step[:, :count]
        tokens, log_probs, attention = self._follow(steps, pool.slot[:, :count])
        there = pool.score[:, :count] > -torch.inf
        columns = (
            there.tolist(),
            pool.score[:, :count].tolist(),
            pool.log_prob[:, :count].tolist(),
            pool.finished[:, :count].tolist(),
            (steps + 1).tolist(),
            tokens.tolist(),
            log_probs.tolist(),
        )
        weights = None if attention is None else attention.float().cpu().numpy()
        lengths = self.source_lengths.tolist()
        found: list[list[Hypothesis]] = []
        for n, sentence in enumerate(zip(*columns, strict=True)):
            hypotheses = []
            for k, (is_there, score, log_prob, finished, length, ids, summands) in enumerate(
                zip(*sentence, strict=True)
            ):
                if is_there:
                    real = length - 1 if finished else length
                    looked = None if weights is None else weights[n, k, :real, : lengths[n]]
                    hypotheses.append(Hypothesis(ids[:real], score, log_prob, summands[:length], looked, finished))
            found.append(hypotheses)
        return found

    def _follow(self, steps: Tensor, slots: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Walk back from where hypotheses ended, (N, n).

        Gives tokens and log-probabilities (N, n, T), with anything behind the end, and weights (N, n, T, S).
        """
        shape = (*slots.shape, len(self._tokens))
        tokens = slots.new_zeros(shape)
        log_probs = torch.zeros(shape, device=slots.device)
        attention = self._room(shape)
        for step in reversed(range(len(self._tokens))):
            inside = steps >= step
            tokens[:, :, step] = self._tokens[step].gather(1, slots)
            log_probs[:, :, step] = self._log_probs[step].gather(1, slots)
            slots = torch.where(inside, self._parents[step].gather(1, slots), slots)
            if attention is not None:
                rows, weights = self._weights[step]
                index = slots[rows][:, :, None].expand(-1, -1, weights.shape[2])
                attention[rows, :, step, : weights.shape[2]] = weights.gather(1, index)
        return tokens, log_probs, attention

    def _room(self, shape: tuple[int, ...]) -> Tensor | None:
        if not self._weights:
            return None
        first = self._weights[0][1]
        return first.new_zeros(*shape, first.shape[2])
