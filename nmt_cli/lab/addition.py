"""Addition as translation: three digits plus three digits, character by character."""

import random

from nmt_cli.config import ModelConfig, TrainingConfig
from nmt_cli.lab.experiment import ExperimentConfig, ExperimentResult, Verdict, curve, spread
from nmt_cli.lab.synthetic import (
    FIRST_SYMBOL,
    SIZE,
    Pairs,
    accuracy,
    decode_greedily,
    encode_characters,
    new_train_step,
    train_epoch,
)
from nmt_cli.report.curves import Plot

ALPHABET = "0123456789+"
LONGEST = 4
"""Digits of the largest sum."""
TARGET = 0.98
"""The accuracy per character that the claims are about."""
EARLY, LATE = 30, 50
"""The epochs that the claims are about."""
CONVERGED = 0.999
"""The accuracy per character at which the training of a model stops."""

BUDGET = (50_000, LATE, 5_000)
"""Examples, epochs, and held-out examples."""
SEEDS = 2
"""Seeds of a full run, which takes about half an hour."""
THREADS = 2
"""More than one, as the budget is in epochs, not minutes."""

CELLS = 128

MODELS = {
    "fixed vector, repeated": ModelConfig.model_validate({**SIZE, "hidden_size": CELLS, "attention": "none-repeat"}),
    "state handed over": ModelConfig.model_validate({**SIZE, "hidden_size": CELLS, "attention": "none"}),
    "attention": ModelConfig.model_validate({**SIZE, "hidden_size": CELLS, "attention": "luong", "score": "general"}),
}

TRAINING = TrainingConfig(
    batch_tokens=1024, learning_rate=2e-3, schedule="constant", warmup=0, label_smoothing=0.0, ema_decay=0.0
)


def make_sums(count: int, seed: int = 1) -> tuple[list[str], list[str]]:
    """Distinct sums of two numbers of one to three digits, where b+a counts as a+b, and their answers."""
    draw = random.Random(seed)
    seen: dict[tuple[int, int], tuple[int, int]] = {}
    while len(seen) < count:
        a, b = (draw.randrange(10 ** draw.randint(1, 3)) for _ in range(2))
        seen.setdefault((min(a, b), max(a, b)), (a, b))
    pairs = list(seen.values())
    draw.shuffle(pairs)
    return [f"{a}+{b}" for a, b in pairs], [str(a + b) for a, b in pairs]


def run(config: ExperimentConfig) -> ExperimentResult:
    """Train three models on addition, and measure the accuracy of their answers after every epoch."""
    count, epochs, held_out = BUDGET
    sums, answers = (encode_characters(texts, ALPHABET) for texts in make_sums(count))
    train, test = Pairs(sums[held_out:], answers[held_out:]), Pairs(sums[:held_out], answers[:held_out])
    results: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in MODELS}
    for seed in config.seeds:
        for name, model in MODELS.items():
            train_step = new_train_step(
                model, FIRST_SYMBOL + len(ALPHABET), seed, TRAINING.model_copy(update={"seed": seed})
            )
            accuracies: list[tuple[float, float]] = []
            for epoch in range(epochs):
                if accuracies and accuracies[-1][0] >= CONVERGED:
                    accuracies.append(accuracies[-1])
                    continue
                loss = train_epoch(train_step, train, epoch, epochs)
                accuracies.append(accuracy(decode_greedily(train_step.model, test.sources, LONGEST + 1), test.targets))
                config.progress.message(
                    f"seed {seed}, {name}: epoch {epoch + 1} of {epochs}, loss {loss:.3f}, "
                    f"accuracy {accuracies[-1][0]:.3f} per character, {accuracies[-1][1]:.3f} whole"
                )
            results[name].append(accuracies)
    return _result(results, epochs, count, held_out)


def _result(
    results: dict[str, list[list[tuple[float, float]]]], epochs: int, count: int, held_out: int
) -> ExperimentResult:
    rows = []
    for name, runs in results.items():
        last = [run[-1] for run in runs]
        reached = [_first_epoch(run) for run in runs]
        rows.append(
            [
                name,
                spread([character for character, _ in last]),
                spread([whole for _, whole in last]),
                ", ".join("not" if epoch is None else str(epoch) for epoch in reached),
            ]
        )
    attention, repeated = _slowest(results["attention"]), _fastest(results["fixed vector, repeated"])
    never = f"not reached in {epochs} epochs"
    early = attention is not None and attention < EARLY
    late = repeated is None
    x = list(range(1, epochs + 1))
    return ExperimentResult(
        title="Addition: a fixed vector against attention",
        method=(
            f"Sums of two numbers of one to three digits, encoded and answered character by character: {count:,} "
            f"different ones, {held_out:,} of them held out. Every model has {CELLS} cells, encodes the source "
            f"forwards only, and is trained by AdamW with a learning rate of {TRAINING.learning_rate:g}; the accuracy "
            "is that of greedy answers, per position (EOS included) and of whole answers. The training of a model that "
            f"reaches {CONVERGED} per character stops there, and its figures are repeated for the remaining epochs."
        ),
        columns=["model", "per character", "whole", f"first epoch at {TARGET}"],
        rows=rows,
        plots=[
            Plot(
                what,
                "epoch",
                "accuracy",
                [curve(name, x, [[epoch[kind] for epoch in run] for run in runs]) for name, runs in results.items()],
                threshold=TARGET,
            )
            for kind, what in ((0, "per character"), (1, "whole answers"))
        ],
        verdicts=[
            Verdict(
                f"Attention reaches {TARGET} accuracy per character before epoch {EARLY}.",
                f"{TARGET} per character {never if attention is None else f'at epoch {attention}'} (the slowest seed).",
                early if early or epochs >= EARLY else None,
            ),
            Verdict(
                f"The repeated vector has not reached {TARGET} by epoch {LATE}.",
                f"{TARGET} per character {never if repeated is None else f'at epoch {repeated}'} (the fastest seed).",
                late if not late or epochs >= LATE else None,
            ),
        ],
        numbers={
            name: [{"per_character": [c for c, _ in run], "whole": [w for _, w in run]} for run in runs]
            for name, runs in results.items()
        },
    )


def _first_epoch(run: list[tuple[float, float]]) -> int | None:
    """The first epoch, from 1, that reaches TARGET per character."""
    return next((epoch for epoch, (character, _) in enumerate(run, start=1) if character >= TARGET), None)


def _slowest(runs: list[list[tuple[float, float]]]) -> int | None:
    reached = [_first_epoch(run) for run in runs]
    return None if None in reached else max(epoch for epoch in reached if epoch is not None)


def _fastest(runs: list[list[tuple[float, float]]]) -> int | None:
    return min((epoch for run in runs if (epoch := _first_epoch(run)) is not None), default=None)
