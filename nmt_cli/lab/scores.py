"""The score functions at equal parameters and minutes: quality, speed, and how sharply attention looks."""

import statistics
from typing import Any

from nmt_cli.lab.compare import Trained, at_equal_size, beats, compare, described, learning, open_corpus
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
QUICK, FULL = 0.14, 1.9
"""Minutes for each model."""
SEEDS = 2


def run(setting: ExperimentConfig) -> ExperimentResult:
    """Train with each score, and compare."""
    corpus = open_corpus(setting)
    minutes = QUICK if setting.quick else FULL
    bleu: dict[str, list[float]] = {name: [] for name in SYSTEMS}
    models: dict[str, list[Trained]] = {name: [] for name in SYSTEMS}
    systems = at_equal_size(corpus, SYSTEMS)
    for name, trained, found in compare(setting, corpus, systems, minutes):
        models[name].append(trained)
        bleu[name].append(found.bleu())
    mean = {name: statistics.fmean(values) for name, values in bleu.items()}
    entropy = {name: [last_entropy(trained) for trained in runs] for name, runs in models.items()}
    speed = {name: [trained.speed for trained in runs] for name, runs in models.items()}
    told = ", ".join(f"{name} {value:.1f}" for name, value in mean.items())
    return ExperimentResult(
        title="Scores: dot, general, concat, mlp, location and a local window",
        method=(
            f"{described(corpus, minutes)}, or as many as give the parameters of the first; one layer with attention "
            "after the recurrence; greedy search on the test split. Entropy is that of attention on dev, as a share of "
            "the largest possible: 0 looks at one token, 1 at all alike."
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
        plots=[learning(models)],
        verdicts=[
            Verdict(
                "Scores that see the encoder's states beat the location score, which sees only where they stand.",
                f"BLEU {told}.",
                all(beats(bleu[name], bleu["location"]) for name in CONTENT),
            ),
            Verdict(
                "General, with parameters of its own, beats plain dot.",
                f"BLEU {told}.",
                beats(bleu["general"], bleu["dot"]),
            ),
        ],
        numbers={"bleu": bleu, "entropy": entropy, "speed": speed},
    )


def last_entropy(trained: Trained) -> float:
    """Of the last validation; 0 without attention."""
    return trained.validations[-1].validation.entropy or 0.0
