"""Bootstrap resampling of a test set, with replacement (Koehn 2004), and swaps between two systems.

Draws, seed and bounds are those of sacrebleu's own bootstrap, so that its signature (bs, seed) holds and half the
interval's width is its `±`. Unlike sacrebleu, this returns the bounds, and memory does not grow with resamples x
sentences.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nmt_cli.evaluation.metrics import Statistics

SEED = 12345
"""sacrebleu's seed; the signature names it."""

_CELLS = 1 << 21
"""Draws held in memory at a time."""

_WORD = 32
"""numpy takes this many booleans from one random number and draws a new one at each call, so chunks are multiples of
it: their size does not change the swaps."""

Scores = npt.NDArray[np.float64]


def bootstrap_scores(systems: list[Statistics], resamples: int) -> Scores:
    """(resamples, systems): the scores on each resampled test set, the same set for every system."""
    sentences = len(systems[0].rows)
    scores = []
    for counts in _draws(sentences, resamples):
        totals = [counts @ system.rows for system in systems]  # (some resamples, counts) each
        scores.append(_score_rows(systems, totals))
    return np.concatenate(scores)


def swapped_scores(first: Statistics, second: Statistics, trials: int) -> Scores:
    """(trials, 2): the scores of two systems after swapping each sentence between them at random (Riezler 2005)."""
    generator = np.random.default_rng(SEED)
    sentences = len(first.rows)
    scores = []
    for start in range(0, trials, step := max(1, _CELLS // sentences // _WORD) * _WORD):
        shape = (min(step, trials - start), sentences)
        keep = generator.integers(2, size=shape, dtype=bool).astype(np.float64)
        totals = [keep @ first.rows + (1 - keep) @ second.rows, (1 - keep) @ first.rows + keep @ second.rows]
        scores.append(_score_rows([first, second], totals))
    return np.concatenate(scores)


def interval(scores: Scores) -> tuple[float, float]:
    """The bounds between which 95 % of the resampled scores (resamples,) lie."""
    ordered = np.sort(scores)
    outside = len(ordered) // 40
    return float(ordered[outside]), float(ordered[len(ordered) - 1 - outside])


def _draws(sentences: int, resamples: int) -> Iterator[npt.NDArray[np.float64]]:
    """(some resamples, sentences): how often each sentence was drawn."""
    generator = np.random.default_rng(SEED)
    for start in range(0, resamples, step := max(1, _CELLS // sentences)):
        rows = min(step, resamples - start)
        drawn = generator.choice(sentences, size=(rows, sentences), replace=True)
        drawn += np.arange(rows)[:, None] * sentences  # separate bins for each row
        yield np.bincount(drawn.ravel(), minlength=rows * sentences).reshape(rows, sentences).astype(np.float64)


def _score_rows(systems: list[Statistics], totals: list[npt.NDArray[np.float64]]) -> Scores:
    columns = [[system.score(row) for row in rows] for system, rows in zip(systems, totals, strict=True)]
    return np.array(columns).T
