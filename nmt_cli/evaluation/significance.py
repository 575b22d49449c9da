"""Paired significance tests of two systems on the same sentences.

Paired bootstrap (Koehn 2004) and approximate randomisation (Riezler and Maxwell 2005), with the test statistics and the
seed of sacrebleu's PairedTest, computed from the counts of each sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nmt_cli.evaluation.metrics import NAMES, Name, Scorer, Statistics
from nmt_cli.evaluation.resampling import SEED, Scores, bootstrap_scores, interval, swapped_scores

Test = Literal["bootstrap", "randomisation"]

_ROUNDING = 1e-9
"""Scores that differ by no more than this, in points, are equal up to the order of additions."""


@dataclass(frozen=True)
class Comparison:
    """Comparison by one metric: both scores, the interval of the baseline's (`low`, `high`), and the p-value of their
    difference."""

    system: float
    baseline: float
    low: float
    high: float
    p_value: float
    signature: str


def compare(
    test: Test, scorer: Scorer, system: dict[Name, Statistics], baseline: Sequence[str], resamples: int
) -> dict[Name, Comparison]:
    """Test a system against a baseline's translation of the same sentences, by each metric.

    Raises CorpusError if the baseline has a different number of lines.
    """
    other = {name: scorer.statistics(name, baseline) for name in NAMES}
    resampled = bootstrap_scores([statistics[name] for name in NAMES for statistics in (system, other)], resamples)
    comparisons = {}
    for column, name in enumerate(NAMES):
        pair = resampled[:, 2 * column : 2 * column + 2]  # (resamples, 2)
        comparisons[name] = _compare(test, system[name], other[name], pair)
    return comparisons


def _compare(test: Test, system: Statistics, baseline: Statistics, resampled: Scores) -> Comparison:
    resamples = len(resampled)
    if test == "bootstrap":
        by_chance = _differences(resampled)
        by_chance = by_chance - by_chance.mean()  # null hypothesis: both systems are equally good
        signature = {"bs": resamples}
    else:
        by_chance = _differences(swapped_scores(system, baseline, resamples))
        signature = {"ar": resamples, "bs": resamples}
    low, high = interval(resampled[:, 1])
    return Comparison(
        system.corpus(),
        baseline.corpus(),
        low,
        high,
        p_value(by_chance, abs(system.corpus() - baseline.corpus())),
        baseline.signature(**signature, seed=SEED),
    )


def p_value(by_chance: Scores, difference: float) -> float:
    """Share of the differences by chance that are at least as large as the observed one, which is counted among them.

    sacrebleu counts only those that are larger, so that a system differs significantly from itself; the rest is the
    same.
    """
    at_least = int((by_chance >= difference - _ROUNDING).sum())
    return (at_least + 1) / (len(by_chance) + 1)


def _differences(pairs: Scores) -> Scores:
    differences: Scores = np.abs(pairs[:, 0] - pairs[:, 1])
    return differences
