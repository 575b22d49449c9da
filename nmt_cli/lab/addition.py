"""Addition as translation: three digits plus three digits, character by character, first with the tutorials' own
systems, then with those of the family."""

from collections.abc import Mapping, Sequence

from nmt_cli.lab.addition_family import CELLS, MODELS, TRAINING, family_jobs
from nmt_cli.lab.addition_task import (
    COLUMNS,
    CONVERGED,
    EARLY,
    LATE,
    TARGET,
    Budget,
    Trained,
    plot,
    rows,
    run_jobs,
    summary,
    verdict_early,
    verdict_late,
)
from nmt_cli.lab.addition_tutorial import (
    ABLATION,
    BACKWARDS,
    BAHDANAU,
    BATCH,
    LEARNING_RATE,
    ORDERS,
    SHORT,
    attention_maps,
    tutorial_jobs,
)
from nmt_cli.lab.experiment import ExperimentConfig, ExperimentResult
from nmt_cli.lab.keras_seq2seq import SYSTEMS

BUDGET = Budget(examples=50_000, epochs=LATE, held_out=5_000)
SEEDS = 1
"""Seeds of a full run; each takes half an hour of two cores."""
THREADS = 2
"""More than one, as the budget is in epochs, not minutes: models are trained side by side."""

TUTORIAL = [f"{name}, {order}" for name in SYSTEMS for order in ORDERS]
SIMPLE, ATTENTION = f"SimpleSeq2Seq, {BACKWARDS}", f"AttentionSeq2Seq, {BACKWARDS}"


def run(config: ExperimentConfig) -> ExperimentResult:
    """Train all systems on addition, and measure the accuracy of their answers after every epoch."""
    trained: dict[str, list[Trained]] = {}
    jobs = tutorial_jobs(BUDGET, config.seeds) + family_jobs(BUDGET, config.seeds)
    config.progress.message(f"{len(jobs)} models, at most {BUDGET.epochs} epochs each")
    for job, result in run_jobs(jobs):
        trained.setdefault(job.name, []).append(result)
        config.progress.message(f"seed {job.seed}, {job.name}: {summary(result.accuracies)}")
    return _result(trained, BUDGET)


def _result(trained: Mapping[str, Sequence[Trained]], budget: Budget) -> ExperimentResult:
    runs = {name: [one.accuracies for one in by_seed] for name, by_seed in trained.items()}
    tutorial, ablation, family = ({name: runs[name] for name in part} for part in (TUTORIAL, ABLATION, MODELS))
    compared = {ATTENTION: [run[:SHORT] for run in runs[ATTENTION]], **ablation}
    return ExperimentResult(
        title="Addition: a fixed vector against attention",
        method=_method(budget),
        columns=COLUMNS,
        rows=[*rows("tutorial", tutorial), *rows("change", ablation), *rows("nmt", family)],
        plots=[
            plot("the tutorials' systems, per character", tutorial),
            plot("one change each, per character", compared),
            plot("nmt's systems, per character", family),
        ],
        verdicts=[
            verdict_early(
                f"The tutorials' system with attention reaches {TARGET} accuracy per character before epoch {EARLY}.",
                runs[ATTENTION],
            ),
            verdict_late(
                f"The tutorials' simple system has not reached {TARGET} by epoch {LATE}.",
                runs[SIMPLE],
            ),
            verdict_early(
                f"Attention reaches {TARGET} accuracy per character before epoch {EARLY}.", family["attention"]
            ),
            verdict_late(
                f"The repeated vector has not reached {TARGET} by epoch {LATE}.", family["fixed vector, repeated"]
            ),
        ],
        numbers={
            name: [{"per_character": [c for c, _ in run], "whole": [w for _, w in run]} for run in by_seed]
            for name, by_seed in runs.items()
        },
        maps=attention_maps(trained[ATTENTION][0], trained[BAHDANAU][0], budget),
    )


def _method(budget: Budget) -> str:
    return (
        f"Sums of two numbers of one to three digits, read and answered character by character: {budget.examples:,} "
        f"different ones, {budget.held_out:,} of them held out. A model that reaches {CONVERGED} per character is "
        "trained no further, and its figures are repeated for the remaining epochs. First come the three systems of a "
        "Keras library that the tutorials compared: sums and answers are padded with blanks, which count as "
        f"characters, Adam has a learning rate of {LEARNING_RATE:g}, and a batch {BATCH} sums. Then comes "
        "AttentionSeq2Seq with one change each, and the simple system with a wide decoder, all reading backwards. "
        f"These, and the systems that read forwards, are trained for {SHORT} epochs, all others for {budget.epochs}. "
        f"The last three are systems of the family, which have {CELLS} cells, encode the sum forwards only, and are "
        f"trained by AdamW with a learning rate of {TRAINING.learning_rate:g}; their accuracy is that of greedy "
        "answers, EOS included. The heat maps show the attention of each step of an answer: with the "
        "library's linear score, and below with Bahdanau's."
    )
