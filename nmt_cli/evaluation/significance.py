"""Is one system really better? Paired tests of two systems on the same sentences.

Paired bootstrap (Koehn 2004) and approximate randomisation (Riezler and Maxwell 2005), with the statistics and the
seed of sacrebleu's PairedTest, over what was already counted in each sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nmt_cli.evaluation.metrics import NAMES, Name, Scorer, Statistics
from nmt_cli.evaluation.resampling import SEED, Scores, bootstrap_scores, interval, swapped_scores

Test = Literal["bootstrap", "randomisation"]

_ROUNDING = 1e-9
"""Two scores this near each other, in points, are equal but for the order of additions."""


@dataclass(frozen=True)
class Comparison:
    """One metric: both scores, the interval of the baseline's, and the probability of such a difference by chance."""

    system: float
    baseline: float
    low: float
    high: float
    p_value: float
    signature: str


def compare(
    test: Test, scorer: Scorer, system: dict[Name, Statistics], baseline: Sequence[str], resamples: int
) -> dict[Name, Comparison]:
    """Test a system against a baseline's translation of the same sentences, for each metric.

    Raises CorpusError if the baseline has another number of lines.
    """
    other = {name: scorer.statistics(name, baseline) for name in NAMES}
    resampled = bootstrap_scores([found[name] for name in NAMES for found in (system, other)], resamples)
    compared = {}
    for column, name in enumerate(NAMES):
        pair = resampled[:, 2 * column : 2 * column + 2]  # (resamples, 2)
        compared[name] = _compare(test, system[name], other[name], pair)
    return compared


def _compare(test: Test, system: Statistics, baseline: Statistics, resampled: Scores) -> Comparison:
    resamples = len(resampled)
    if test == "bootstrap":
        by_chance = _differences(resampled)
        by_chance = by_chance - by_chance.mean()  # as if both were equally good
        used = {"bs": resamples}
    else:
        by_chance = _differences(swapped_scores(system, baseline, resamples))
        used = {"ar": resamples, "bs": resamples}
    low, high = interval(resampled[:, 1])
    return Comparison(
        system.corpus(),
        baseline.corpus(),
        low,
        high,
        p_value(by_chance, abs(system.corpus() - baseline.corpus())),
        baseline.signature(**used, seed=SEED),
    )


def p_value(by_chance: Scores, difference: float) -> float:
    """Share of differences arisen by chance that are at least as large, the observed one counted among them.

    sacrebleu counts only larger ones, so that a system would differ significantly from itself; else the same.
    """
    as_large = int((by_chance >= difference - _ROUNDING).sum())
    return (as_large + 1) / (len(by_chance) + 1)


def _differences(pairs: Scores) -> Scores:
    differences: Scores = np.abs(pairs[:, 0] - pairs[:, 1])
    return differences
