"""Greedy search, beam search and sampling over a step function.

    K hypotheses per sentence, at first a single empty one
    until every sentence is done:
        compute the log-probability of each next token of each hypothesis
        forbid tokens that must not follow, force those that must
        choose K continuations: the best over all hypotheses, or one drawn for each
        those that end move from the beam to the pool of ended hypotheses
        a sentence is done when no live hypothesis is left, or none can still enter its pool

Greedy search is beam search with K = 1. A continuation that ends counts among the K of its step and then moves to the
pool, which holds the K best by score; in the next step the beam is K wide again, as long as a hypothesis is alive.

When none can enter: a live hypothesis of log-probability s scores at most s / lp(n) if it ends with n tokens or fewer,
since log-probabilities only fall, the length penalty only grows, and the coverage penalty is never above 0. A sentence
is done when its pool is full and its best live hypothesis, if its next token is EOS, cannot score above the worst of
the pool by this bound. With length normalisation a hypothesis that grows longer could still enter; search ignores
this. Without it (a = 0) none can. Neither n_best nor the other sentences affect when a sentence is done.

At the length limit a hypothesis that does not choose EOS is cut. Cut hypotheses only fill a pool that is not full.
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
"""The batch is compacted, which copies the model's state, once at most this share of its sentences is unfinished. Until
then the hypotheses of sentences that are done stay with a log-probability of -inf and have no effect."""

Length = TypeVar("Length", int, Tensor)


def default_max_length(source_length: Length) -> Length:
    """Subwords that a translation has at most without the option max_length, without EOS; `source_length` counts it."""
    return 3 * source_length + 20


class SearchState(Protocol):
    """The state that the step function passes from step to step, for K hypotheses of each of B sentences; before the
    first token for one hypothesis per sentence."""

    def select(self, beams: Tensor) -> Self:
        """Make hypothesis beams[:, k] of each sentence its hypothesis k. `beams` is (B, K), also where the state has a
        single hypothesis per sentence."""

    def select_batch(self, rows: Tensor) -> Self:
        """Keep only these sentences (n,), in ascending order."""


S = TypeVar("S", bound=SearchState)

Step = Callable[[Tensor, S], tuple[Tensor, S, Tensor | None]]
"""Last tokens (B, K), state -> log-probabilities (B, K, V) in float32, which search may overwrite, the new state, and
attention weights (B, K, S) or None. When sentences are removed, S may shrink by the padding that all others share."""


@dataclass(frozen=True)
class SearchInput:
    """The sentences to translate: lengths, prefixes and seeds. The state of the step function holds their content."""

    source_lengths: Tensor
    """(N,) source lengths without padding; search runs on the device of this tensor."""
    prefixes: Sequence[Sequence[int]] = ()
    """Tokens that each translation must begin with; empty if there are no prefixes."""
    seeds: Sequence[tuple[int, ...]] = ()
    """For sampling: numbers for each sentence that, with the option seed, determine its random draws."""
    permitted: tuple[Tensor, Tensor] | None = None
    """Subwords, (N, V) each, that are permitted as the first and as any later token; None permits all."""
    attention: bool = False
    """Whether to return the attention weights of every hypothesis."""
    forbidden: Sequence[int] = ()
    """Tokens, besides PAD, UNK and BOS, that are never generated."""


@dataclass(frozen=True)
class Beam:
    """The live hypotheses: sentences `rows` (B,), last tokens and summed log-probabilities (B, K)."""

    rows: Tensor
    tokens: Tensor
    log_probs: Tensor
    sequences: Tensor | None = None
    """(B, K, T) all tokens so far, if repeated n-grams are forbidden."""
    coverage: Tensor | None = None
    """(B, K, S) sum of attention so far, if there is a coverage penalty."""

    def select_batch(self, rows: Tensor) -> "Beam":
        """Keep only these of the B sentences."""

        def pick(part: Tensor | None) -> Tensor | None:
            return None if part is None else part[rows]

        return Beam(self.rows[rows], self.tokens[rows], self.log_probs[rows], pick(self.sequences), pick(self.coverage))


@torch.inference_mode()
def search(step: Step[S], state: S, search_input: SearchInput, options: SearchConfig) -> list[list[Hypothesis]]:
    """The n_best hypotheses of each sentence, best first; fewer if there are no more, but at least one.

    Raises ConfigError if an option needs attention and the model has none, CheckpointError if the model's
    probabilities are not numbers.
    """
    return Search(search_input, options).run(step, state) if len(search_input.source_lengths) else []


class Search:
    """One search: its inputs, its pool and back-pointers, and the loop over steps."""

    def __init__(self, search_input: SearchInput, options: SearchConfig) -> None:
        self.options = options
        self.search_input = search_input
        self.device = search_input.source_lengths.device
        self.sentences = len(search_input.source_lengths)
        self.width = options.n_best if options.sample else options.beam_size
        self.forced = logits_processors.forced_tokens(search_input.prefixes, self.device)
        self.forbidden = torch.tensor(search_input.forbidden, dtype=torch.int64, device=self.device)
        self.limits = self._limits()
        self.choose = Sampler(options, self._uniforms()) if options.sample else TopK(self.width)
        self.pool = FinishedPool.empty(self.sentences, self.width, self.device)
        self.backpointers = BackPointers(search_input.source_lengths, search_input.attention)

    def run(self, step: Step[S], state: S) -> list[list[Hypothesis]]:
        """Run the loop. `state` is the state before the first token, for one hypothesis per sentence."""
        beam, width = self._start(), 1  # before the first token the hypotheses of a sentence are identical
        if self.options.sample:
            state, width = state.select(torch.zeros_like(beam.tokens)), self.width
        for t in count():
            log_probs, state, weights = step(beam.tokens[:, :width], state)
            self._constrain(log_probs, beam, t)
            choice = self.choose(beam.log_probs[:, :width], log_probs, beam.rows, t)
            self.backpointers.record(beam.rows, choice, weights)
            new_beam = self._advance(beam, choice, weights)
            ending = (choice.tokens == EOS) & (choice.log_probs > -torch.inf)
            self._pool_finished(new_beam, ending, t)
            stopped = (self.limits[beam.rows] <= t) | (choice.log_probs == -torch.inf).all(1)
            self._pool_cut(beam, choice, ending, stopped, t)
            new_beam = replace(new_beam, log_probs=choice.log_probs.masked_fill(ending, -torch.inf))
            unfinished = ~stopped & ~self._cannot_improve(new_beam, t)
            num_unfinished = int(unfinished.sum())
            if not num_unfinished:
                break
            parents = choice.parents
            if num_unfinished <= COMPACT_BELOW * len(unfinished):
                rows = unfinished.nonzero()[:, 0]
                new_beam, state, parents = new_beam.select_batch(rows), state.select_batch(rows), parents[rows]
            else:
                new_beam = replace(new_beam, log_probs=new_beam.log_probs.masked_fill(~unfinished[:, None], -torch.inf))
            if self.choose.reorders_beam and self.width > 1:
                state = state.select(parents)
            beam, width = new_beam, self.width
        return self._results()

    def _start(self) -> Beam:
        tokens = torch.full((self.sentences, self.width), BOS, device=self.device)
        log_probs = torch.zeros(tokens.shape, device=self.device)
        if not self.options.sample:
            log_probs[:, 1:] = -torch.inf  # K identical empty hypotheses would have identical continuations
        sequences = tokens.new_empty((*tokens.shape, 0)) if self.options.no_repeat_ngram_size else None
        return Beam(torch.arange(self.sentences, device=self.device), tokens, log_probs, sequences)

    def _limits(self) -> Tensor:
        """(N,) maximum number of tokens of a translation, without EOS."""
        lengths = self.search_input.source_lengths
        limits = (
            torch.full_like(lengths, self.options.max_length)
            if self.options.max_length
            else default_max_length(lengths)
        )
        prefixes = (self.forced >= 0).sum(0) if len(self.forced) else torch.zeros_like(lengths)
        return limits.clamp(min=self.options.min_length).maximum(prefixes)

    def _uniforms(self) -> Tensor:
        """Uniform random numbers (T, N, K), from one generator per sample, so that they depend only on its seed."""
        steps = int(self.limits.max()) + 1
        numbers = [
            [np.random.default_rng((self.options.seed, *seed, k)).random(steps) for k in range(self.width)]
            for seed in self.search_input.seeds
        ]
        return torch.from_numpy(np.array(numbers, np.float32)).permute(2, 0, 1).to(self.device)

    def _constrain(self, log_probs: Tensor, beam: Beam, t: int) -> None:
        """Apply the constraints on the next token to log_probs (B, K, V), in place."""
        forced = self.forced[t, beam.rows] if t < len(self.forced) else None
        if forced is not None:
            index = forced.clamp(min=0)[:, None, None].expand(-1, log_probs.shape[1], 1)
            original = log_probs.gather(2, index)[:, :, 0]
        logits_processors.forbid_specials(log_probs, self.forbidden)
        if t < self.options.min_length:
            logits_processors.forbid_end(log_probs)
        if beam.sequences is not None:
            logits_processors.forbid_repetition(log_probs, beam.sequences, self.options.no_repeat_ngram_size)
        if self.search_input.permitted is not None:
            permitted = self.search_input.permitted[min(t, 1)][beam.rows, None]
            log_probs.masked_fill_(~permitted, -torch.inf)
        if forced is not None:
            logits_processors.force(log_probs, original, forced)

    def _advance(self, beam: Beam, choice: Continuations, weights: Tensor | None) -> Beam:
        """The beam of the chosen continuations."""
        parents, sequences, coverage = choice.parents[:, :, None], beam.sequences, beam.coverage
        if sequences is not None:
            sequences = sequences.gather(1, parents.expand(-1, -1, sequences.shape[2]))
            sequences = torch.cat([sequences, choice.tokens[:, :, None]], 2)
        if self.options.coverage_penalty:
            if weights is None:
                raise ConfigError("coverage_penalty: this model has no attention; leave it at 0")
            total = weights if coverage is None else coverage[:, :, : weights.shape[2]] + weights
            coverage = total.gather(1, parents.expand(-1, -1, total.shape[2]))
        return Beam(beam.rows, choice.tokens, choice.log_probs, sequences, coverage)

    def _score(self, beam: Beam, length: int) -> Tensor:
        """(B, K) scores of the hypotheses if they end with `length` tokens, EOS included."""
        score = beam.log_probs / length_penalty(torch.tensor(float(length)), self.options.length_penalty).item()
        if beam.coverage is not None:
            lengths = self.search_input.source_lengths[beam.rows, None]
            mask = torch.arange(beam.coverage.shape[2], device=self.device) < lengths
            score = score + coverage_penalty(beam.coverage, mask, self.options.coverage_penalty)
        return score

    def _pool_finished(self, new_beam: Beam, ending: Tensor, t: int) -> None:
        if ending.any():
            self.pool.add(new_beam.rows, ending, self._score(new_beam, t + 1), new_beam.log_probs, t)

    def _pool_cut(self, beam: Beam, choice: Continuations, ending: Tensor, stopped: Tensor, t: int) -> None:
        """Cut the hypotheses of sentences that stop at this step: those of which no continuation ended enter the pool
        as they were before the step."""
        if stopped.any():
            ended = torch.zeros_like(choice.parents).scatter_add(1, choice.parents, ending.long()) > 0
            left = ~ended & (beam.log_probs > -torch.inf) & stopped[:, None]
            self.pool.cut(beam.rows, left, self._score(beam, t), beam.log_probs, t - 1)

    def _cannot_improve(self, beam: Beam, t: int) -> Tensor:
        """(B,) True where no hypothesis is alive, or none would enter the pool if it ended at the next step. A length
        penalty might still raise the score of one that goes on for many steps; without one nothing is lost."""
        penalty = length_penalty(torch.tensor(float(t + 2)), self.options.length_penalty)
        bound = beam.log_probs.amax(1) / penalty
        return bound <= self.pool.worst[beam.rows]

    def _results(self) -> list[list[Hypothesis]]:
        if not (self.pool.score[:, 0] > -torch.inf).all():  # only NaN scores never enter the pool
            raise CheckpointError("the model's probabilities are not numbers (NaN): its weights are damaged")
        return self.backpointers.backtrack(self.pool, self.options.n_best)
