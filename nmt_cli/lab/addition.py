"""Addition as translation: three digits plus three digits, character by character."""

import random

from nmt_cli.config import ModelConfig, TrainingConfig
from nmt_cli.lab.experiment import ExperimentConfig, ExperimentResult, Verdict, curve, spread
from nmt_cli.lab.synthetic import FIRST, SIZE, Pairs, accuracy, answer, fresh, learn_epoch, numbers
from nmt_cli.report.curves import Plot

ALPHABET = "0123456789+"
LONGEST = 4
"""Digits of the largest sum."""
WANTED = 0.98
EARLY, LATE = 30, 50
DONE = 0.999
"""Accuracy per character from which a model need learn no more."""

QUICK, FULL = (6_000, 12, 500), (50_000, LATE, 5_000)
"""Examples, epochs, and examples held out."""
SEEDS = 2
"""Of the full form, for about half an hour."""
THREADS = 2
"""It counts epochs, not minutes."""

CELLS = 128

MODELS = {
    "fixed vector, repeated": ModelConfig.model_validate({**SIZE, "hidden_size": CELLS, "attention": "none-repeat"}),
    "state handed over": ModelConfig.model_validate({**SIZE, "hidden_size": CELLS, "attention": "none"}),
    "attention": ModelConfig.model_validate({**SIZE, "hidden_size": CELLS, "attention": "luong", "score": "general"}),
}

TRAINING = TrainingConfig(
    batch_tokens=1024, learning_rate=2e-3, schedule="constant", warmup=0, label_smoothing=0.0, ema_decay=0.0
)


def questions(count: int, seed: int = 1) -> tuple[list[str], list[str]]:
    """Different sums of two numbers of one to three digits, none the other way round of another, and their answers."""
    draw = random.Random(seed)
    seen: dict[tuple[int, int], tuple[int, int]] = {}
    while len(seen) < count:
        a, b = (draw.randrange(10 ** draw.randint(1, 3)) for _ in range(2))
        seen.setdefault((min(a, b), max(a, b)), (a, b))
    pairs = list(seen.values())
    draw.shuffle(pairs)
    return [f"{a}+{b}" for a, b in pairs], [str(a + b) for a, b in pairs]


def run(setting: ExperimentConfig) -> ExperimentResult:
    """Learn addition with three models, and measure what they answer after every epoch."""
    count, epochs, held = QUICK if setting.quick else FULL
    asked, answers = (numbers(texts, ALPHABET) for texts in questions(count))
    train, test = Pairs(asked[held:], answers[held:]), Pairs(asked[:held], answers[:held])
    found: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in MODELS}
    for seed in setting.seeds:
        for name, config in MODELS.items():
            train_step = fresh(config, FIRST + len(ALPHABET), seed, TRAINING.model_copy(update={"seed": seed}))
            measured: list[tuple[float, float]] = []
            for epoch in range(epochs):
                if measured and measured[-1][0] >= DONE:
                    measured.append(measured[-1])
                    continue
                loss = learn_epoch(train_step, train, epoch, epochs)
                measured.append(accuracy(answer(train_step.model, test.sources, LONGEST + 1), test.targets))
                setting.say(
                    f"seed {seed}, {name}: epoch {epoch + 1} of {epochs}, loss {loss:.3f}, "
                    f"accuracy {measured[-1][0]:.3f} per character, {measured[-1][1]:.3f} whole"
                )
            found[name].append(measured)
    return _outcome(found, epochs, count, held)


def _outcome(found: dict[str, list[list[tuple[float, float]]]], epochs: int, count: int, held: int) -> ExperimentResult:
    rows = []
    for name, runs in found.items():
        last = [run[-1] for run in runs]
        passed = [_passed(run) for run in runs]
        rows.append(
            [
                name,
                spread([character for character, _ in last]),
                spread([whole for _, whole in last]),
                ", ".join("not" if epoch is None else str(epoch) for epoch in passed),
            ]
        )
    attention, simple = _slowest(found["attention"]), _fastest(found["fixed vector, repeated"])
    never = f"not reached in {epochs} epochs"
    early = attention is not None and attention < EARLY
    late = simple is None
    x = list(range(1, epochs + 1))
    return ExperimentResult(
        title="Addition: a fixed vector against attention",
        method=(
            f"Sums of two numbers of one to three digits, read and answered character by character: {count:,} "
            f"different ones, {held:,} of them held out. Every model has 128 cells, reads forwards, and learns with "
            f"AdamW at {TRAINING.learning_rate:g}; the accuracy is that of greedy answers, by place (the end included) "
            f"and whole. A model that reaches {DONE} per character stops there, and its figures stay."
        ),
        columns=["model", "per character", "whole", f"first epoch at {WANTED}"],
        rows=rows,
        plots=[
            Plot(
                what,
                "epoch",
                "accuracy",
                [curve(name, x, [[epoch[kind] for epoch in run] for run in runs]) for name, runs in found.items()],
                threshold=WANTED,
            )
            for kind, what in ((0, "per character"), (1, "whole answers"))
        ],
        verdicts=[
            Verdict(
                f"Attention passes {WANTED} accuracy before epoch {EARLY}.",
                f"{WANTED} per character {never if attention is None else f'at epoch {attention}'} (the slowest seed).",
                early if early or epochs >= EARLY else None,
            ),
            Verdict(
                f"The model with a repeated vector has not passed {WANTED} by epoch {LATE}.",
                f"{WANTED} per character {never if simple is None else f'at epoch {simple}'} (the fastest seed).",
                late if not late or epochs >= LATE else None,
            ),
        ],
        numbers={
            name: [{"per_character": [c for c, _ in run], "whole": [w for _, w in run]} for run in runs]
            for name, runs in found.items()
        },
    )


def _passed(run: list[tuple[float, float]]) -> int | None:
    """The first epoch, from 1, that reaches WANTED per character."""
    return next((epoch for epoch, (character, _) in enumerate(run, start=1) if character >= WANTED), None)


def _slowest(runs: list[list[tuple[float, float]]]) -> int | None:
    passed = [_passed(run) for run in runs]
    return None if None in passed else max(epoch for epoch in passed if epoch is not None)


def _fastest(runs: list[list[tuple[float, float]]]) -> int | None:
    return min((epoch for run in runs if (epoch := _passed(run)) is not None), default=None)
