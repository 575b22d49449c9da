"""Addition as translation: sums of two numbers of one to three digits, character by character, and how the accuracy of
answers is reported."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from nmt_cli.lab.experiment import Verdict, curve, spread
from nmt_cli.parallel import ordered_map, worker_pool
from nmt_cli.report.attention_map import Matrix
from nmt_cli.report.curves import Plot

TARGET = 0.98
"""The accuracy per character that the claims are about."""
EARLY, LATE = 30, 50
"""The epochs that the claims are about."""
CONVERGED = 0.99
"""The accuracy per character at which the training of a model stops."""

COLUMNS = ["model", "per character", "whole", f"first epoch at {TARGET}"]

Accuracies = list[tuple[float, float]]
"""The accuracy per character and that of whole answers, after every epoch of one run."""
Runs = Mapping[str, Sequence[Accuracies]]
"""The runs of each model, one for each seed."""


@dataclass(frozen=True)
class Budget:
    """The number of sums, of epochs, and of sums that are held out of training."""

    examples: int
    epochs: int
    held_out: int


@dataclass(frozen=True)
class Trained:
    """The accuracies of a run, and, of systems that have attention to show, their answers to some sums and the weights
    (T, S) of each."""

    accuracies: Accuracies
    answers: Sequence[str] = ()
    weights: Sequence[Matrix] = ()


@dataclass(frozen=True)
class Job:
    """A model to be trained with a seed, by calling `train`, which can be sent to another process."""

    name: str
    seed: int
    train: Callable[[], Trained]


def run_jobs(jobs: Sequence[Job]) -> Iterator[tuple[Job, Trained]]:
    """Train each model with one thread, side by side in as many processes as torch has threads, so that the results do
    not depend on the number of threads."""
    workers = torch.get_num_threads()
    if workers == 1:
        yield from ((job, job.train()) for job in jobs)
        return
    with worker_pool(workers, torch.set_num_threads, 1) as pool:
        yield from zip(jobs, ordered_map(pool, _train, jobs, len(jobs)), strict=True)


def _train(job: Job) -> Trained:
    return job.train()


def until_converged(epochs: int, accuracies: Iterable[tuple[float, float]]) -> Accuracies:
    """The accuracies after each epoch, where those of the epoch that reaches CONVERGED stand for all that follow, which
    are not run."""
    taken: Accuracies = []
    for pair in accuracies:
        taken.append(pair)
        if pair[0] >= CONVERGED:
            break
    return taken + [taken[-1]] * (epochs - len(taken))


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


def rows(part: str, runs: Runs) -> list[list[str]]:
    """The rows of a part of the table: the accuracies after the last epoch, and when TARGET was reached."""
    return [
        [
            f"{part}: {name}",
            spread([accuracies[-1][0] for accuracies in by_seed]),
            spread([accuracies[-1][1] for accuracies in by_seed]),
            ", ".join("not" if (epoch := _first_epoch(run)) is None else str(epoch) for run in by_seed),
        ]
        for name, by_seed in runs.items()
    ]


def plot(title: str, runs: Runs) -> Plot:
    """The accuracy per character after every epoch."""
    curves = [
        curve(name, range(1, len(by_seed[0]) + 1), [[character for character, _ in run] for run in by_seed])
        for name, by_seed in runs.items()
    ]
    return Plot(title, "epoch", "accuracy", curves, threshold=TARGET)


def summary(accuracies: Accuracies) -> str:
    """The last accuracies of a run, and when it reached TARGET, as text."""
    character, whole = accuracies[-1]
    epoch = _first_epoch(accuracies)
    reached = f"{TARGET} not reached" if epoch is None else f"{TARGET} at epoch {epoch}"
    return f"accuracy {character:.3f} per character, {whole:.3f} whole after {len(accuracies)} epochs, {reached}"


def verdict_early(claim: str, runs: Sequence[Accuracies]) -> Verdict:
    """The verdict on a claim that TARGET is reached before epoch EARLY, by the slowest seed."""
    reached = [_first_epoch(run) for run in runs]
    slowest = None if None in reached else max(epoch for epoch in reached if epoch is not None)
    early = slowest is not None and slowest < EARLY
    return Verdict(claim, _measured(slowest, runs, "slowest"), early if early or len(runs[0]) >= EARLY else None)


def verdict_late(claim: str, runs: Sequence[Accuracies]) -> Verdict:
    """The verdict on a claim that TARGET is not reached by epoch LATE, by the fastest seed."""
    fastest = min((epoch for run in runs if (epoch := _first_epoch(run)) is not None), default=None)
    late = fastest is None
    return Verdict(claim, _measured(fastest, runs, "fastest"), late if not late or len(runs[0]) >= LATE else None)


def _measured(epoch: int | None, runs: Sequence[Accuracies], which: str) -> str:
    reached = f"not reached in {len(runs[0])} epochs" if epoch is None else f"at epoch {epoch}"
    return f"{TARGET} per character {reached} (the {which} seed)."


def _first_epoch(run: Accuracies) -> int | None:
    """The first epoch, from 1, that reaches TARGET per character."""
    return next((epoch for epoch, (character, _) in enumerate(run, start=1) if character >= TARGET), None)
