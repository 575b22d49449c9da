"""The order of the source: forward, reversed or doubled, without attention and with it, in translation; without
attention also in addition and in copying digits."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.lab.addition_family import CELLS
from nmt_cli.lab.compare import MARGIN, beats, describe, open_corpus, train_system, translate_test
from nmt_cli.lab.experiment import ExperimentConfig, ExperimentResult, Verdict, curve, points, spread
from nmt_cli.lab.order_tasks import DIGITS, Task, addition, copying, train_order
from nmt_cli.report.curves import Plot

ORDERS = ("forward", "reversed", "doubled")
FIXED, ATTENTION = "fixed vector", "attention"
SYSTEMS: dict[str, dict[str, Any]] = {
    FIXED: {"attention": "none", "bidirectional": False},
    ATTENTION: {"bidirectional": False},
}
MINUTES = 1.0
"""Minutes for each model, unless the config has others."""
UPDATES = 1_500
"""Updates of the models that are compared after equal updates."""
TASKS: dict[str, Callable[[], Task]] = {
    "addition": partial(addition, 47_000, 2_000, 10),
    "copying": partial(copying, 22_000, 2_000, 6),
}
"""Examples, those held out, and epochs."""
ACCURACY_MARGIN = 0.005
"""The least difference in accuracy that counts."""
SEEDS = 2

Scores = dict[str, list[float]]
"""The figures of each order, one for each seed."""


def run(config: ExperimentConfig) -> ExperimentResult:
    """Train with each source order: translators for equal minutes and for equal updates, and models of both tasks."""
    corpus, minutes = open_corpus(config), config.minutes or MINUTES
    return _result(
        _method(describe(corpus, minutes)),
        {name: _translate(config, corpus, name, ORDERS, minutes=minutes) for name in SYSTEMS},
        _translate(config, corpus, FIXED, (ORDERS[0], ORDERS[2]), updates=UPDATES),
        {name: _answer(config, name) for name in TASKS},
    )


def _method(translation: str) -> str:
    tasks = {name: make() for name, make in TASKS.items()}
    epochs = " and ".join(
        f"{task.epochs} epochs of {len(task.sources) - task.held_out:,} examples ({name})"
        for name, task in tasks.items()
    )
    return (
        f"{translation}, one unidirectional layer; greedy search on the test split. EOS stays last. A fixed vector is "
        f"also trained for {UPDATES:,} updates, forward and doubled. Addition is of numbers of one to three digits, "
        f"copying of {DIGITS[0]} to {DIGITS[1]} random digits, both by a fixed vector of one unidirectional layer of "
        f"{CELLS} cells; their figures are accuracies of what was held out, after {epochs}."
    )


def _translate(
    config: ExperimentConfig, corpus: PreparedCorpus, name: str, orders: Sequence[str], **limit: Any
) -> Scores:
    """Train a system with each order, for a number of minutes or of updates -> BLEU."""
    bleu: Scores = {order: [] for order in orders}
    for seed in config.seeds:
        for order in orders:
            options = {**SYSTEMS[name], "source_order": order}
            trained = train_system(config, corpus, f"{name} {order} {next(iter(limit))}", options, seed, **limit)
            bleu[order].append(translate_test(corpus, trained).bleu())
    return bleu


def _answer(config: ExperimentConfig, name: str) -> dict[str, Scores]:
    """Train a model of a task with each order -> its accuracy per character and that of whole answers."""
    scores: dict[str, Scores] = {part: {order: [] for order in ORDERS} for part in ("per character", "whole")}
    task = TASKS[name]()
    for seed in config.seeds:
        for order in ORDERS:
            character, whole = train_order(task, order, seed)
            scores["per character"][order].append(character)
            scores["whole"][order].append(whole)
            config.progress.message(
                f"seed {seed}, {name} {order}: accuracy {character:.3f} per character, {whole:.3f} whole"
            )
    return scores


def _result(
    method: str, by_minutes: Mapping[str, Scores], by_updates: Scores, tasks: Mapping[str, Mapping[str, Scores]]
) -> ExperimentResult:
    def row(name: str, scores: Scores, form: str) -> list[str]:
        return [name, *[spread(scores[order], form) if order in scores else "" for order in ORDERS]]

    updates = curve(f"{FIXED}, equal updates", (0, 2), list(zip(*by_updates.values(), strict=True)))
    return ExperimentResult(
        title="Order: the source reversed or doubled, without attention and with it",
        method=method,
        columns=["system", *ORDERS],
        rows=[
            *[row(f"{name}, equal minutes: BLEU", scores, ".1f") for name, scores in by_minutes.items()],
            row(f"{FIXED}, equal updates: BLEU", by_updates, ".1f"),
            *[row(f"{name}: {part}", scores, ".3f") for name, by in tasks.items() for part, scores in by.items()],
        ],
        plots=[
            Plot(
                "BLEU by the order of the source",
                "order",
                "BLEU",
                [*[points(f"{name}, equal minutes", scores) for name, scores in by_minutes.items()], updates],
                xticks=ORDERS,
            ),
            Plot(
                "accuracy per character, fixed vector",
                "order",
                "accuracy",
                [points(name, by["per character"]) for name, by in tasks.items()],
                xticks=ORDERS,
            ),
        ],
        verdicts=_verdicts(by_minutes, by_updates, tasks),
        numbers={"equal_minutes": by_minutes, "equal_updates": by_updates, "tasks": tasks},
    )


def _verdicts(
    by_minutes: Mapping[str, Scores], by_updates: Scores, tasks: Mapping[str, Mapping[str, Scores]]
) -> list[Verdict]:
    _, reverse, double = ORDERS
    fixed, attention = by_minutes[FIXED], by_minutes[ATTENTION]
    helps = beats(fixed[reverse], fixed["forward"])
    return [
        _helps(reverse, fixed, "translation, equal minutes"),
        _helps(double, fixed, "translation, equal minutes"),
        _helps(double, by_updates, "translation, equal updates"),
        *[
            _helps(
                order, by["per character"], f"{name}, equal epochs", "accuracy per character", ".3f", ACCURACY_MARGIN
            )
            for name, by in tasks.items()
            for order in (reverse, double)
        ],
        Verdict(
            "With attention the gain of reversing vanishes (less than a quarter of it is left).",
            f"BLEU against forward with attention: {_gain(attention, reverse):+.1f}, "
            f"without {_gain(fixed, reverse):+.1f}.",
            helps and _gain(attention, reverse) < _gain(fixed, reverse) / 4,
        ),
    ]


def _gain(scores: Scores, order: str) -> float:
    return statistics.fmean(scores[order]) - statistics.fmean(scores["forward"])


def _helps(
    order: str, scores: Scores, where: str, figure: str = "BLEU", form: str = ".1f", margin: float = MARGIN
) -> Verdict:
    """The verdict on the claim that an order is better than forward without attention."""
    verb = {"reversed": "reversing", "doubled": "doubling"}[order]
    forward, changed = (statistics.fmean(scores[name]) for name in ("forward", order))
    return Verdict(
        f"Without attention {verb} the source helps ({where}).",
        f"{figure} {changed:{form}} {order}, {forward:{form}} forward.",
        beats(scores[order], scores["forward"], margin),
    )
