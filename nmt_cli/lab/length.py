"""BLEU by sentence length: one fixed vector against attention."""

import statistics
from collections.abc import Sequence
from typing import Any

from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.errors import ConfigError
from nmt_cli.evaluation.breakdown import text_length
from nmt_cli.lab.compare import compare, describe, open_corpus
from nmt_cli.lab.experiment import ExperimentConfig, ExperimentResult, Verdict, curve, spread
from nmt_cli.report.curves import Plot

BINS = ((1, 5), (6, 10), (11, 15), (16, 20), (21, 30), (31, 40), (41, 60))
MIN_PER_BIN = 10
"""Least number of sentences of a bin in the table."""
MIN_PER_SPAN = 40
"""Least number of sentences of each of the two lengths that are compared."""
PUBLISHED = ((16, 24), (45, 55))
"""Ranges of words around the lengths of the published comparison, 20 and 50."""
MIN_BLEU = 5.0
"""Least BLEU on the shorter sentences for a verdict: below it a system is hardly trained and has nothing to lose."""

Span = tuple[int, int]

SYSTEMS: dict[str, dict[str, Any]] = {"fixed vector": {"attention": "none"}, "attention": {}}
MINUTES = 6.5
"""Minutes for each model, unless the config has others."""
SEEDS = 2


def choose_spans(lengths: Sequence[int], fewest: int) -> tuple[Span, Span]:
    """The published lengths if there are enough sentences of them; otherwise the lengths of the `fewest` longest
    sentences, and about half the length of the shortest of those.

    Raises ConfigError if either has fewer than `fewest` sentences, or they overlap.
    """

    def count(span: Span) -> int:
        return sum(span[0] <= words <= span[1] for words in lengths)

    if all(count(span) >= fewest for span in PUBLISHED):
        return PUBLISHED
    longest = sorted(lengths)[-fewest:]
    long = (longest[0], longest[-1])
    half = long[0] // 2
    short = (max(1, half - 2), half + 2)
    if len(longest) < fewest or count(short) < fewest or short[1] >= long[0]:
        raise ConfigError(
            f"the test split has too few sentences to compare lengths: {fewest} long ones are needed, and as many of "
            "half their length"
        )
    return short, long


def run(config: ExperimentConfig) -> ExperimentResult:
    """Train both systems on the same data, and compare their BLEU on short and on long sentences."""
    corpus, minutes = open_corpus(config), config.minutes or MINUTES
    lengths = [text_length(text, corpus.manifest.source) for text in corpus.split("test").source_texts()]
    spans = choose_spans(lengths, MIN_PER_SPAN)
    bins = [span for span in BINS if sum(span[0] <= words <= span[1] for words in lengths) >= MIN_PER_BIN]
    bleu: dict[str, list[list[float]]] = {name: [] for name in SYSTEMS}
    whole: dict[str, list[float]] = {name: [] for name in SYSTEMS}
    compared: dict[str, list[tuple[float, float]]] = {name: [] for name in SYSTEMS}
    for name, _, translated in compare(config, corpus, SYSTEMS, minutes):
        bleu[name].append([translated.bleu(translated.rows_of_length(*span)) for span in bins])
        whole[name].append(translated.bleu())
        short, long = (translated.bleu(translated.rows_of_length(*span)) for span in spans)
        compared[name].append((short, long))
    return _result(corpus, minutes, (spans, bins), (bleu, whole, compared))


def _result(
    corpus: PreparedCorpus,
    minutes: float,
    lengths: tuple[tuple[Span, Span], list[Span]],
    scores: tuple[dict[str, list[list[float]]], dict[str, list[float]], dict[str, list[tuple[float, float]]]],
) -> ExperimentResult:
    (short, long), bins = lengths
    bleu, whole, compared = scores
    kept = {name: [far / near if near else 0.0 for near, far in pairs] for name, pairs in compared.items()}

    def verdict(name: str, claim: str, least: float, most: float) -> Verdict:
        near, far = (statistics.fmean(side) for side in zip(*compared[name], strict=True))
        share = statistics.fmean(kept[name])
        measured = (
            f"BLEU {near:.1f} on sentences of {short[0]} to {short[1]} words, {far:.1f} on those of {long[0]} to "
            f"{long[1]}: {share:.0%} is kept"
        )
        if near < MIN_BLEU:
            return Verdict(claim, f"{measured}; too little training to tell.", None)
        return Verdict(claim, f"{measured}.", least <= share < most)

    return ExperimentResult(
        title="Length: how much BLEU is left on long sentences",
        method=(
            f"{describe(corpus, minutes)}, the same encoder for both; greedy search on the "
            f"{corpus.manifest.counts['test']:,} test sentences. Bins have at least {MIN_PER_BIN} sentences, the two "
            f"lengths compared at least {MIN_PER_SPAN}. The published ones are 20 and 50 words."
        ),
        columns=["system", "BLEU", *[f"{a}-{b} words" for a, b in bins], "kept"],
        rows=[
            [
                name,
                spread(whole[name], ".1f"),
                *[format(statistics.fmean(column), ".1f") for column in zip(*bleu[name], strict=True)],
                spread(kept[name], ".2f"),
            ]
            for name in SYSTEMS
        ],
        plots=[
            Plot(
                "BLEU by length of the source",
                "words",
                "BLEU",
                [curve(name, [statistics.fmean(span) for span in bins], runs) for name, runs in bleu.items()],
            )
        ],
        verdicts=[
            verdict("attention", "Attention keeps at least 95 % of its BLEU on long sentences.", 0.95, float("inf")),
            verdict("fixed vector", "A fixed vector loses more than half of its BLEU on long sentences.", 0.0, 0.5),
        ],
        numbers={"bins": bins, "bleu": bleu, "whole": whole, "compared": compared, "spans": [short, long]},
    )
