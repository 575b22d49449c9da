"""BLEU by sentence length: one fixed vector against attention."""

import statistics
from typing import Any

from nmt_cli.lab.experiment import Outcome, Setting, Verdict, curve, spread
from nmt_cli.lab.translators import described, open_corpus, train_system, translate_test
from nmt_cli.report.curves import Plot

BINS = ((1, 5), (6, 10), (11, 15), (16, 20), (21, 30), (31, 40), (41, 60))
FEWEST = 10
"""Sentences that a bin must have to be shown."""
SHORT, LONG = (16, 24), (45, 55)
"""Words of the published comparison, lengths 20 and 50; where the test has no such long sentences, its longest are
compared with those of half their length."""

SYSTEMS: dict[str, dict[str, Any]] = {"fixed vector": {"attention": "state"}, "attention": {}}
QUICK, FULL = 0.45, 6.5
"""Minutes for each model."""
SEEDS = 2


def run(setting: Setting) -> Outcome:
    """Train both on the same data, and compare what is left of BLEU on long sentences."""
    corpus = open_corpus(setting)
    minutes = QUICK if setting.quick else FULL
    bleu: dict[str, list[list[float]]] = {name: [] for name in SYSTEMS}
    whole: dict[str, list[float]] = {name: [] for name in SYSTEMS}
    kept: dict[str, list[float]] = {name: [] for name in SYSTEMS}
    bins: list[tuple[int, int]] = []
    short, long = SHORT, LONG
    for seed in setting.seeds:
        for name, options in SYSTEMS.items():
            found = translate_test(corpus, train_system(setting, corpus, name, options, seed, minutes))
            bins = [span for span in BINS if len(found.rows_of_length(*span)) >= FEWEST]
            if len(found.rows_of_length(*LONG)) < FEWEST:
                long = bins[-1]
                middle = statistics.fmean(long) / 2
                short = next(span for span in bins if span[1] >= middle)
            bleu[name].append([found.bleu(found.rows_of_length(*span)) for span in bins])
            whole[name].append(found.bleu())
            near, far = (found.bleu(found.rows_of_length(*span)) for span in (short, long))
            kept[name].append(far / near if near else 0.0)
    spans = f"from {short[0]} to {short[1]} words to {long[0]} to {long[1]}"
    share = {name: statistics.fmean(values) for name, values in kept.items()}
    measured = f"attention keeps {share['attention']:.0%}, the fixed vector {share['fixed vector']:.0%}, {spans}."
    return Outcome(
        title="Length: what is left of BLEU on long sentences",
        method=(
            f"{described(corpus, minutes)}, the same encoder for both; greedy search on the "
            f"{corpus.manifest.counts['test']:,} test sentences. Bins have at least {FEWEST} sentences. "
            f"Published lengths are 20 and 50 words; compared here: {spans}."
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
            Verdict("Attention keeps at least 95 % of its BLEU.", measured, share["attention"] >= 0.95),
            Verdict("The fixed vector loses more than half of its.", measured, share["fixed vector"] < 0.5),
        ],
        numbers={"bins": bins, "bleu": bleu, "whole": whole, "kept": kept, "compared": [short, long]},
    )
