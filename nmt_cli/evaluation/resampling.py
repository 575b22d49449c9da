"""Resampling: the same test set, drawn again and again with replacement (Koehn 2004).

Draws, seed and bounds are those of sacrebleu's own bootstrap, so that its signature (bs, seed) tells the truth and the
half-width is its `±`. Ours keeps the bounds themselves, and its memory does not grow with resamples x sentences.
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
"""numpy draws this many booleans from one random number and starts afresh with each call."""

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
    """(trials, 2): the scores after each sentence of the two systems was swapped or not at random (Riezler 2005)."""
    generator = np.random.default_rng(SEED)
    sentences = len(first.rows)
    scores = []
    for start in range(0, trials, step := max(1, _CELLS // sentences // _WORD) * _WORD):
        shape = (min(step, trials - start), sentences)
        kept = generator.integers(2, size=shape, dtype=bool).astype(np.float64)
        totals = [kept @ first.rows + (1 - kept) @ second.rows, (1 - kept) @ first.rows + kept @ second.rows]
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
        drawn += np.arange(rows)[:, None] * sentences  # each row counts in bins of its own
        yield np.bincount(drawn.ravel(), minlength=rows * sentences).reshape(rows, sentences).astype(np.float64)


def _score_rows(systems: list[Statistics], totals: list[npt.NDArray[np.float64]]) -> Scores:
    columns = [[system.score(row) for row in rows] for system, rows in zip(systems, totals, strict=True)]
    return np.array(columns).T
