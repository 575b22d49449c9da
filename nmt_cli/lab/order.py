"""The order of the source: forward, reversed or doubled, without attention and with it."""

import statistics
from typing import Any

from nmt_cli.lab.compare import beats, describe, open_corpus, train_system, translate_test
from nmt_cli.lab.experiment import ExperimentConfig, ExperimentResult, Verdict, points, spread
from nmt_cli.report.curves import Plot

ORDERS = ("forward", "reversed", "doubled")
SYSTEMS: dict[str, dict[str, Any]] = {
    "fixed vector": {"attention": "none", "bidirectional": False},
    "attention": {"bidirectional": False},
}
MINUTES = 2.2
"""Minutes for each model."""
SEEDS = 2


def run(config: ExperimentConfig) -> ExperimentResult:
    """Train with each source order, without and with attention."""
    corpus = open_corpus(config)
    bleu: dict[str, dict[str, list[float]]] = {name: {order: [] for order in ORDERS} for name in SYSTEMS}
    for seed in config.seeds:
        for name, options in SYSTEMS.items():
            for order in ORDERS:
                ordered = {**options, "source_order": order}
                trained = train_system(config, corpus, f"{name} {order}", ordered, seed, MINUTES)
                bleu[name][order].append(translate_test(corpus, trained).bleu())
    mean = {name: {order: statistics.fmean(values) for order, values in by.items()} for name, by in bleu.items()}
    gain = {name: {order: by[order] - by["forward"] for order in ORDERS[1:]} for name, by in mean.items()}

    def gains(name: str) -> str:
        return ", ".join(f"{order} {value:+.1f}" for order, value in gain[name].items())

    return ExperimentResult(
        title="Order: the source reversed or doubled, without attention and with it",
        method=(
            f"{describe(corpus, MINUTES)}, one unidirectional layer; greedy search on the test split. EOS stays last."
        ),
        columns=["system", *ORDERS],
        rows=[[name, *[spread(values, ".1f") for values in by.values()]] for name, by in bleu.items()],
        plots=[
            Plot(
                "BLEU by the order of the source",
                "order",
                "BLEU",
                [points(name, by) for name, by in bleu.items()],
                xticks=ORDERS,
            )
        ],
        verdicts=[
            Verdict(
                "Without attention reversing the source helps.",
                f"BLEU against forward: {gains('fixed vector')}.",
                beats(bleu["fixed vector"]["reversed"], bleu["fixed vector"]["forward"]),
            ),
            Verdict(
                "Without attention doubling the source helps.",
                f"BLEU against forward: {gains('fixed vector')}.",
                beats(bleu["fixed vector"]["doubled"], bleu["fixed vector"]["forward"]),
            ),
            Verdict(
                "With attention the gain of reversing vanishes (less than a quarter of it is left).",
                f"BLEU against forward with attention: {gains('attention')}.",
                beats(bleu["fixed vector"]["reversed"], bleu["fixed vector"]["forward"])
                and gain["attention"]["reversed"] < gain["fixed vector"]["reversed"] / 4,
            ),
        ],
        numbers={"bleu": bleu, "gain": gain},
    )
