"""Greedy search, beam search and sampling over a step function.

    K hypotheses a sentence, at first one that is empty
    until every sentence is done:
        ask the model for the log-probability of each next token of each hypothesis
        forbid what must not follow, force what must
        choose K continuations: the best over all hypotheses, or one drawn for each
        those that end leave the beam for the pool of ended hypotheses
        a sentence is done when no live hypothesis is left, or none can still enter its pool

Greedy search is beam search with K = 1. A continuation that ends takes its place among the K, and leaves it for
the pool, which holds the K best by score; the beam is K wide again in the next step, as long as anything lives.

When none can enter: a live hypothesis of log-probability s will score at most s / lp(n) if it ends with n tokens or
fewer, since log-probabilities only fall, the length penalty only grows, and the coverage penalty is never above 0.
A sentence is done when its pool is full and the best s has no such bound above the worst score in the pool, with the
n of its next token (a hypothesis that grows longer could still win by its length; without normalisation, a = 0, none
can). Neither the n-best asked for nor other sentences matter.

At the limit a hypothesis that does not choose its end is cut. Cut ones only fill a pool that is not full.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Protocol, Self, TypeVar

import numpy as np
import torch
from torch import Tensor

from nmt_cli.config import SearchConfig
from nmt_cli.decoding import logits_processors
from nmt_cli.decoding.backpointers import BackPointers
from nmt_cli.decoding.candidates import Continuations, Sampler, TopK
from nmt_cli.decoding.finished import FinishedPool
from nmt_cli.decoding.hypothesis import Hypothesis, coverage_penalty, length_penalty
from nmt_cli.errors import CheckpointError, ConfigError
from nmt_cli.special_tokens import BOS, EOS

COMPACT_BELOW = 15 / 16
"""Sentences that are done leave when no more than this share is not: what a model keeps of them is copied then. Until
then their hypotheses are dead, with a log-probability of -inf, and nothing comes of them."""


class SearchState(Protocol):
    """What the step function carries from step to step, for K hypotheses of each of B sentences; before the first token
    for one."""

    def select(self, beams: Tensor) -> Self:
        """Hypothesis k of each sentence goes on from what was hypothesis beams[:, k]; beams is (B, K), even where there
        was one alone."""

    def select_batch(self, rows: Tensor) -> Self:
        """Only these sentences (n,), in ascending order, go on."""


S = TypeVar("S", bound=SearchState)

Step = Callable[[Tensor, S], tuple[Tensor, S, Tensor | None]]
"""Last tokens (B, K), state -> log-probabilities (B, K, V) in float32, which the search may write in, the state after,
and attention weights (B, K, S) or None. S may shrink when sentences leave, by what is padding to all that stay."""


@dataclass(frozen=True)
class SearchInput:
    """The sentences to translate, as far as search must know them."""

    source_lengths: Tensor
    """(N,) real source positions; the search computes on its device."""
    prefixes: Sequence[Sequence[int]] = ()
    """Tokens that each translation must begin with; none at all if empty."""
    seeds: Sequence[tuple[int, ...]] = ()
    """With sampling: numbers for each sentence from which, with the seed, its random draws follow."""
    attention: bool = False
    """Give every hypothesis its attention weights."""


@dataclass(frozen=True)
class Beam:
    """The hypotheses still growing: sentences `rows` (B,), last tokens and summed log-probabilities (B, K)."""

    rows: Tensor
    tokens: Tensor
    log_probs: Tensor
    sequences: Tensor | None = None
    """(B, K, T) all tokens so far, when repetition is to be blocked."""
    coverage: Tensor | None = None
    """(B, K, S) attention so far, when there is a coverage penalty."""

    def select_batch(self, rows: Tensor) -> "Beam":
        """Only these of the B sentences go on."""

        def pick(part: Tensor | None) -> Tensor | None:
            return None if part is None else part[rows]

        return Beam(self.rows[rows], self.tokens[rows], self.log_probs[rows], pick(self.sequences), pick(self.coverage))


@torch.inference_mode()
def search(step: Step[S], state: S, search_input: SearchInput, options: SearchConfig) -> list[list[Hypothesis]]:
    """Translate: for each sentence its n_best hypotheses, best first; fewer if there are no more, but at least one.

    Raises ConfigError if an option needs attention and the model has none, CheckpointError if the model's
    probabilities are not numbers.
    """
    return Search(search_input, options).run(step, state) if len(search_input.source_lengths) else []


class Search:
    """One search: what stays the same over its steps, and the loop."""

    def __init__(self, search_input: SearchInput, options: SearchConfig) -> None:
        self.options = options
        self.task = search_input
        self.device = search_input.source_lengths.device
        self.sentences = len(search_input.source_lengths)
        self.width = options.n_best if options.sample else options.beam_size
        self.forced = logits_processors.forced_tokens(search_input.prefixes, self.device)
        self.limits = self._limits()
        self.choose = Sampler(options, self._uniforms()) if options.sample else TopK(self.width)
        self.pool = FinishedPool.empty(self.sentences, self.width, self.device)
        self.trace = BackPointers(search_input.source_lengths, search_input.attention)

    def run(self, step: Step[S], state: S) -> list[list[Hypothesis]]:
        """The loop. `state` is that before the first token, for one hypothesis a sentence."""
        live, width = self._start(), 1  # before the first token the hypotheses of a sentence are alike
        if self.options.sample:
            state, width = state.select(torch.zeros_like(live.tokens)), self.width
        for t in count():
            log_probs, state, weights = step(live.tokens[:, :width], state)
            self._constrain(log_probs, live, t)
            choice = self.choose(live.log_probs[:, :width], log_probs, live.rows, t)
            self.trace.record(live.rows, choice, weights)
            after = self._advance(live, choice, weights)
            ending = (choice.tokens == EOS) & (choice.log_probs > -torch.inf)
            self._pool_finished(after, ending, t)
            stopped = (self.limits[live.rows] <= t) | (choice.log_probs == -torch.inf).all(1)
            self._pool_cut(live, choice, ending, stopped, t)
            after = replace(after, log_probs=choice.log_probs.masked_fill(ending, -torch.inf))
            going = ~stopped & ~self._cannot_improve(after, t)
            left = int(going.sum())
            if not left:
                break
            parents = choice.parents
            if left <= COMPACT_BELOW * len(going):
                rows = going.nonzero()[:, 0]
                after, state, parents = after.select_batch(rows), state.select_batch(rows), parents[rows]
            else:
                after = replace(after, log_probs=after.log_probs.masked_fill(~going[:, None], -torch.inf))
            if self.choose.reorders and self.width > 1:
                state = state.select(parents)
            live, width = after, self.width
        return self._results()

    def _start(self) -> Beam:
        tokens = torch.full((self.sentences, self.width), BOS, device=self.device)
        log_probs = torch.zeros(tokens.shape, device=self.device)
        if not self.options.sample:
            log_probs[:, 1:] = -torch.inf  # K empty hypotheses would all grow alike
        sequences = tokens.new_empty((*tokens.shape, 0)) if self.options.no_repeat_ngram_size else None
        return Beam(torch.arange(self.sentences, device=self.device), tokens, log_probs, sequences)

    def _limits(self) -> Tensor:
        """(N,) most tokens of a translation, without its end."""
        lengths = self.task.source_lengths
        most = torch.full_like(lengths, self.options.max_length) if self.options.max_length else 3 * lengths + 20
        prefixes = (self.forced >= 0).sum(0) if len(self.forced) else torch.zeros_like(lengths)
        return most.clamp(min=self.options.min_length).maximum(prefixes)

    def _uniforms(self) -> Tensor:
        """Random numbers (T, N, K), for each sample a stream of its own that nothing else can shift."""
        steps = int(self.limits.max()) + 1
        numbers = [
            [np.random.default_rng((self.options.seed, *stream, k)).random(steps) for k in range(self.width)]
            for stream in self.task.seeds
        ]
        return torch.from_numpy(np.array(numbers, np.float32)).permute(2, 0, 1).to(self.device)

    def _constrain(self, log_probs: Tensor, live: Beam, t: int) -> None:
        forced = self.forced[t, live.rows] if t < len(self.forced) else None
        if forced is not None:
            index = forced.clamp(min=0)[:, None, None].expand(-1, log_probs.shape[1], 1)
            original = log_probs.gather(2, index)[:, :, 0]
        logits_processors.forbid_specials(log_probs)
        if t < self.options.min_length:
            logits_processors.forbid_end(log_probs)
        if live.sequences is not None:
            logits_processors.forbid_repetition(log_probs, live.sequences, self.options.no_repeat_ngram_size)
        if forced is not None:
            logits_processors.force(log_probs, original, forced)

    def _advance(self, live: Beam, choice: Continuations, weights: Tensor | None) -> Beam:
        """The chosen continuations, as hypotheses."""
        parents, sequences, coverage = choice.parents[:, :, None], live.sequences, live.coverage
        if sequences is not None:
            sequences = sequences.gather(1, parents.expand(-1, -1, sequences.shape[2]))
            sequences = torch.cat([sequences, choice.tokens[:, :, None]], 2)
        if self.options.coverage_penalty:
            if weights is None:
                raise ConfigError("coverage_penalty: this model has no attention; leave it at 0")
            total = weights if coverage is None else coverage[:, :, : weights.shape[2]] + weights
            coverage = total.gather(1, parents.expand(-1, -1, total.shape[2]))
        return Beam(live.rows, choice.tokens, choice.log_probs, sequences, coverage)

    def _score(self, live: Beam, length: int) -> Tensor:
        """(B, K) what hypotheses are ranked by, when they end with this many tokens, the end included."""
        score = live.log_probs / length_penalty(torch.tensor(float(length)), self.options.length_penalty).item()
        if live.coverage is not None:
            lengths = self.task.source_lengths[live.rows, None]
            mask = torch.arange(live.coverage.shape[2], device=self.device) < lengths
            score = score + coverage_penalty(live.coverage, mask, self.options.coverage_penalty)
        return score

    def _pool_finished(self, after: Beam, ending: Tensor, t: int) -> None:
        if ending.any():
            self.pool.add(after.rows, ending, self._score(after, t + 1), after.log_probs, t)

    def _pool_cut(self, live: Beam, choice: Continuations, ending: Tensor, stopped: Tensor, t: int) -> None:
        """Of the sentences that stop here, what did not end goes as it was before this step."""
        if stopped.any():
            ended = torch.zeros_like(choice.parents).scatter_add(1, choice.parents, ending.long()) > 0
            left = ~ended & (live.log_probs > -torch.inf) & stopped[:, None]
            self.pool.cut(live.rows, left, self._score(live, t), live.log_probs, t - 1)

    def _cannot_improve(self, live: Beam, t: int) -> Tensor:
        """(B,) True where nothing lives, or nothing that lives can still enter the pool."""
        penalty = length_penalty(torch.tensor(float(t + 2)), self.options.length_penalty)
        bound = live.log_probs.amax(1) / penalty
        return bound <= self.pool.worst[live.rows]

    def _results(self) -> list[list[Hypothesis]]:
        if not (self.pool.score[:, 0] > -torch.inf).all():  # only what is not a number never enters
            raise CheckpointError("the model's probabilities are not numbers (NaN): its weights are damaged")
        return self.trace.backtrack(self.pool, self.options.n_best)
