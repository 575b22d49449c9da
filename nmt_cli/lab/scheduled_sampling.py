"""Teacher forcing, free running, and the schedules between them: exposure bias."""

import math
import statistics
from typing import Any

import torch

from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.lab.compare import TrainedSystem, batches, beats, compare, describe, learning_curves, open_corpus
from nmt_cli.lab.experiment import ExperimentConfig, ExperimentResult, Verdict, spread
from nmt_cli.training.step import batch_loss

SYSTEMS: dict[str, dict[str, Any]] = {
    "forced": {},
    "free": {"scheduled_sampling": "free"},
    "linear": {"scheduled_sampling": "linear", "teacher_forcing_ratio": 0.25},
    "exponential": {"scheduled_sampling": "exponential", "teacher_forcing_ratio": 0.25},
    "inverse-sigmoid": {"scheduled_sampling": "inverse-sigmoid", "teacher_forcing_ratio": 0.25},
}
MIXED = ("linear", "exponential", "inverse-sigmoid")
CHOSEN = "inverse-sigmoid"
"""The schedule that should beat teacher forcing, chosen before the runs."""
MINUTES = 2.7
"""Minutes for each model, unless the config has others."""
SEEDS = 2


@torch.no_grad()
def perplexities(corpus: PreparedCorpus, trained: TrainedSystem) -> tuple[float, float]:
    """Perplexities of the dev references: with the gold previous tokens, and with the decoder's own."""
    model, compute = trained.loaded.model, trained.loaded.compute
    forced = free = 0.0
    tokens = 0
    for batch in batches(corpus.split("dev")):
        own = torch.zeros(batch.target_input.shape, dtype=torch.bool)
        forced += float(batch_loss(model, batch, 0.0, compute)[0].nll)
        free += float(batch_loss(model, batch, 0.0, compute, own)[0].nll)
        tokens += batch.tokens
    return math.exp(forced / tokens), math.exp(free / tokens)


def run(config: ExperimentConfig) -> ExperimentResult:
    """Train with each schedule, and measure BLEU and both perplexities."""
    corpus, minutes = open_corpus(config), config.minutes or MINUTES
    bleu: dict[str, list[float]] = {name: [] for name in SYSTEMS}
    both: dict[str, list[tuple[float, float]]] = {name: [] for name in SYSTEMS}
    models: dict[str, list[TrainedSystem]] = {name: [] for name in SYSTEMS}
    for name, trained, translated in compare(config, corpus, SYSTEMS, minutes):
        models[name].append(trained)
        bleu[name].append(translated.bleu())
        both[name].append(perplexities(corpus, trained))
    gap = {name: statistics.fmean(free / forced for forced, free in pairs) for name, pairs in both.items()}
    mean = {name: statistics.fmean(values) for name, values in bleu.items()}
    free = {name: statistics.fmean(free for _, free in pairs) for name, pairs in both.items()}
    frees = ", ".join(f"{name} {value:.2f}" for name, value in free.items())
    gaps = ", ".join(f"{name} {value:.2f}" for name, value in gap.items())
    scores = ", ".join(f"{name} {value:.1f}" for name, value in mean.items())
    return ExperimentResult(
        title="Scheduled sampling: which previous token the decoder gets in training",
        method=(
            f"{describe(corpus, minutes)}; the teacher forcing ratio of schedules falls from 1 to 0.25 over the run. "
            "Free perplexity is that of the dev references while the decoder gets its own best tokens; the gap, "
            "exposure bias, is its ratio to the forced perplexity. All systems but forced decode step by step in "
            "training, and so make fewer updates."
        ),
        columns=["schedule", "BLEU", "forced perplexity", "free perplexity", "gap", "target subwords/s"],
        rows=[
            [
                name,
                spread(bleu[name], ".1f"),
                spread([forced for forced, _ in both[name]], ".2f"),
                spread([free for _, free in both[name]], ".2f"),
                f"{gap[name]:.2f}",
                spread([trained.speed for trained in models[name]], ",.0f"),
            ]
            for name in SYSTEMS
        ],
        plots=[learning_curves(models)],
        verdicts=[
            Verdict(
                "Teacher forcing learns faster than free running.",
                f"BLEU after equal time: {scores}.",
                beats(bleu["forced"], bleu["free"]),
            ),
            Verdict(
                "Scheduled sampling narrows the gap between training and inference, by lower free perplexity.",
                f"gap: {gaps}; free perplexity: {frees}.",
                all(gap[name] < gap["forced"] and free[name] < free["forced"] for name in MIXED),
            ),
            Verdict(
                f"Scheduled sampling ({CHOSEN}) translates better than teacher forcing.",
                f"BLEU after equal time: {scores}.",
                beats(bleu[CHOSEN], bleu["forced"]),
            ),
        ],
        numbers={"bleu": bleu, "perplexities": both, "gap": gap},
    )
