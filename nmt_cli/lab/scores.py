"""The score functions at equal parameters and minutes: quality, speed, and how sharp attention is."""

import statistics
from typing import Any

from nmt_cli.lab.compare import TrainedSystem, at_equal_size, beats, compare, describe, learning_curves, open_corpus
from nmt_cli.lab.experiment import ExperimentConfig, ExperimentResult, Verdict, spread

SYSTEMS: dict[str, dict[str, Any]] = {
    "general": {"score": "general"},
    "dot": {"score": "dot"},
    "scaled-general": {"score": "scaled-general"},
    "concat": {"score": "concat"},
    "mlp": {"score": "mlp"},
    "location": {"score": "location"},
    "local-p": {"score": "general", "local_attention": "predictive"},
}
CONTENT = ("dot", "general", "scaled-general", "concat", "mlp")
MINUTES = 1.9
"""Minutes for each model, unless the config has others."""
SEEDS = 2


def run(config: ExperimentConfig) -> ExperimentResult:
    """Train with each score function, and compare."""
    corpus, minutes = open_corpus(config), config.minutes or MINUTES
    bleu: dict[str, list[float]] = {name: [] for name in SYSTEMS}
    models: dict[str, list[TrainedSystem]] = {name: [] for name in SYSTEMS}
    systems = at_equal_size(corpus, SYSTEMS)
    for name, trained, translated in compare(config, corpus, systems, minutes):
        models[name].append(trained)
        bleu[name].append(translated.bleu())
    mean = {name: statistics.fmean(values) for name, values in bleu.items()}
    entropy = {name: [last_entropy(trained) for trained in runs] for name, runs in models.items()}
    speed = {name: [trained.speed for trained in runs] for name, runs in models.items()}
    summary = ", ".join(f"{name} {value:.1f}" for name, value in mean.items())
    return ExperimentResult(
        title="Scores: dot, general, concat, mlp, location and a local window",
        method=(
            f"{describe(corpus, minutes)} in the first system, the other numbers chosen for equal parameters; one "
            "layer with attention after the recurrence; greedy search on the test split. Entropy is that of attention "
            "on dev, as a share of the largest possible: 0 is all weight on one token, 1 equal weights."
        ),
        columns=["score", "BLEU", "entropy", "target subwords/s", "cells", "parameters"],
        rows=[
            [
                name,
                spread(bleu[name], ".1f"),
                spread(entropy[name], ".2f"),
                spread(speed[name], ",.0f"),
                str(systems[name]["hidden_size"]),
                f"{models[name][0].loaded.model.num_parameters:,}",
            ]
            for name in SYSTEMS
        ],
        plots=[learning_curves(models)],
        verdicts=[
            Verdict(
                "Scores that use the encoder's states beat location, which does not.",
                f"BLEU {summary}.",
                all(beats(bleu[name], bleu["location"]) for name in CONTENT),
            ),
            Verdict(
                "General, with parameters of its own, beats plain dot.",
                f"BLEU {summary}.",
                beats(bleu["general"], bleu["dot"]),
            ),
        ],
        numbers={"bleu": bleu, "entropy": entropy, "speed": speed},
    )


def last_entropy(trained: TrainedSystem) -> float:
    """Attention entropy in the last validation; 0 without attention."""
    return trained.validations[-1].validation.entropy or 0.0
