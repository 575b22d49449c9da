"""Stacked LSTMs: depth against width at equal parameters."""

import statistics
from typing import Any

from nmt_cli.lab.compare import TrainedSystem, at_equal_size, beats, compare, describe, open_corpus
from nmt_cli.lab.experiment import ExperimentConfig, ExperimentResult, Verdict, points, spread
from nmt_cli.report.curves import Plot

SYSTEMS: dict[str, dict[str, Any]] = {
    "1 layer": {"encoder_layers": 1, "decoder_layers": 1},
    "2 layers": {"encoder_layers": 2, "decoder_layers": 2},
    "3 layers": {"encoder_layers": 3, "decoder_layers": 3},
    "4 layers": {"encoder_layers": 4, "decoder_layers": 4},
}
CHOSEN, WIDE = "2 layers", "1 layer"
"""The stack that should beat one wide layer, chosen before the runs."""
MINUTES = 3.4
"""Minutes for each model, unless the config has others."""
SEEDS = 2


def run(config: ExperimentConfig) -> ExperimentResult:
    """Train one to four layers with equal parameters."""
    corpus, minutes = open_corpus(config), config.minutes or MINUTES
    systems = at_equal_size(corpus, SYSTEMS)
    bleu: dict[str, list[float]] = {name: [] for name in systems}
    models: dict[str, list[TrainedSystem]] = {name: [] for name in systems}
    for name, trained, translated in compare(config, corpus, systems, minutes):
        models[name].append(trained)
        bleu[name].append(translated.bleu())
    cells = {name: options["hidden_size"] for name, options in systems.items()}
    summary = ", ".join(f"{name} of {cells[name]} cells {statistics.fmean(runs):.1f}" for name, runs in bleu.items())
    return ExperimentResult(
        title="Depth: stacked LSTMs at equal parameters",
        method=(
            f"{describe(corpus, minutes)} in the first system, the other numbers chosen for equal parameters; "
            "attention after the recurrence; equal numbers of encoder and decoder layers, residual from the third on; "
            "greedy search on the test split."
        ),
        columns=["system", "BLEU", "cells", "parameters", "target subwords/s"],
        rows=[
            [
                name,
                spread(bleu[name], ".1f"),
                str(cells[name]),
                f"{models[name][0].loaded.model.num_parameters:,}",
                spread([trained.speed for trained in models[name]], ",.0f"),
            ]
            for name in systems
        ],
        plots=[
            Plot("BLEU by depth", "stack", "BLEU", [points("equal parameters", bleu)], xticks=list(SYSTEMS)),
        ],
        verdicts=[
            Verdict(
                f"Depth counts for more than width: {CHOSEN} beat one wide layer of equal parameters.",
                f"BLEU {summary}.",
                beats(bleu[CHOSEN], bleu[WIDE]),
            )
        ],
        numbers={"cells": cells, "bleu": bleu},
    )
