"""Back-pointers of a search: the tokens chosen at each step, and backtracking to whole hypotheses."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from nmt_cli.decoding.candidates import Continuations
from nmt_cli.decoding.finished import FinishedPool
from nmt_cli.decoding.hypothesis import Hypothesis


@dataclass
class BackPointers:
    """Tokens, their log-probabilities and their parents at every step, (N, K) each; attention if requested."""

    source_lengths: Tensor
    """(N,) source lengths without padding; attention is cut to them."""
    attention: bool
    _parents: list[Tensor] = field(default_factory=list)
    _tokens: list[Tensor] = field(default_factory=list)
    _log_probs: list[Tensor] = field(default_factory=list)
    _weights: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def record(self, rows: Tensor, choice: Continuations, weights: Tensor | None) -> None:
        """Append the continuations of sentences `rows` (B,), and the attention weights of their parents, (B, K, S), or
        (B, 1, S) if there is a single parent per sentence."""
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
        """The best hypotheses of each sentence, at most `count`, best first."""
        steps = pool.step[:, :count]
        tokens, log_probs, attention = self._follow(steps, pool.slot[:, :count])
        occupied = pool.score[:, :count] > -torch.inf
        columns = (
            occupied.tolist(),
            pool.score[:, :count].tolist(),
            pool.log_prob[:, :count].tolist(),
            pool.finished[:, :count].tolist(),
            (steps + 1).tolist(),
            tokens.tolist(),
            log_probs.tolist(),
        )
        weights = None if attention is None else attention.float().cpu().numpy()
        lengths = self.source_lengths.tolist()
        results: list[list[Hypothesis]] = []
        for n, sentence in enumerate(zip(*columns, strict=True)):
            hypotheses = []
            for k, (exists, score, log_prob, finished, num_steps, ids, token_log_probs) in enumerate(
                zip(*sentence, strict=True)
            ):
                if exists:
                    length = num_steps - 1 if finished else num_steps  # without EOS
                    attended = None if weights is None else weights[n, k, :length, : lengths[n]]
                    hypotheses.append(
                        Hypothesis(ids[:length], score, log_prob, token_log_probs[:num_steps], attended, finished)
                    )
            results.append(hypotheses)
        return results

    def _follow(self, steps: Tensor, slots: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Follow the parents back from the last step and slot of hypotheses, (N, n) each.

        Returns tokens and log-probabilities (N, n, T), arbitrary after the end, and attention (N, n, T, S) or None.
        """
        shape = (*slots.shape, len(self._tokens))
        tokens = slots.new_zeros(shape)
        log_probs = torch.zeros(shape, device=slots.device)
        attention = self._allocate_attention(shape)
        for step in reversed(range(len(self._tokens))):
            within = steps >= step
            tokens[:, :, step] = self._tokens[step].gather(1, slots)
            log_probs[:, :, step] = self._log_probs[step].gather(1, slots)
            slots = torch.where(within, self._parents[step].gather(1, slots), slots)
            if attention is not None:
                rows, weights = self._weights[step]
                index = slots[rows][:, :, None].expand(-1, -1, weights.shape[2])
                attention[rows, :, step, : weights.shape[2]] = weights.gather(1, index)
        return tokens, log_probs, attention

    def _allocate_attention(self, shape: tuple[int, ...]) -> Tensor | None:
        """Zeros (*shape, S), or None if no attention was recorded."""
        if not self._weights:
            return None
        first = self._weights[0][1]
        return first.new_zeros(*shape, first.shape[2])
