"""A many-to-one LSTM with attention, where one step of the input holds the answer.

    before   the weights multiply the inputs, x'_t = a_t * x_t, and the LSTM's last state predicts the answer
    after    the weights multiply the LSTM's outputs, h'_t = a_t * h_t, and their concatenation predicts the answer

The weights are a softmax over time, either for each dimension on its own or shared by all dimensions (their mean).
"""

import itertools
import statistics

import torch
from torch import Tensor, nn

from nmt_cli.lab.experiment import ExperimentConfig, ExperimentResult, Verdict, curve, spread
from nmt_cli.report.curves import Plot

STEPS = 30
PLANTED = 15
"""The step that holds the answer, counted from 0 as the tutorials' code does."""
DIMENSIONS = 2
CELLS = 32

QUICK, FULL = (20_000, 4), (100_000, 3)
"""Training sequences, and epochs."""
SEEDS = 3

PLACEMENTS = ("before", "after")
SHARING = ("per dimension", "shared")


class AttentiveLSTM(nn.Module):
    """Inputs (B, STEPS, DIMENSIONS) -> the logit (B,) of a binary answer, and weights (B, STEPS), a mean over the
    dimensions."""

    def __init__(self, place: str, shared: bool) -> None:
        super().__init__()
        self.place, self.shared = place, shared
        self.lstm = nn.LSTM(DIMENSIONS, CELLS, batch_first=True)
        self.scores = nn.Linear(STEPS, STEPS)
        self.answer = nn.Linear(CELLS if place == "before" else CELLS * STEPS, 1)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        if self.place == "before":
            weighed, weights = self._weigh(inputs)
            outputs, _ = self.lstm(weighed)
            summary = outputs[:, -1]
        else:
            weighed, weights = self._weigh(self.lstm(inputs)[0])
            summary = weighed.flatten(1)
        return self.answer(summary).squeeze(1), weights

    def _weigh(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """States (B, STEPS, D) -> states times their weights, and the mean weights (B, STEPS). A dense layer over time
        scores each step from all steps."""
        weights = self.scores(states.transpose(1, 2)).softmax(-1).transpose(1, 2)  # (B, STEPS, D)
        if self.shared:
            weights = weights.mean(-1, keepdim=True).expand_as(states)
        return states * weights, weights.mean(-1)


def planted(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Random inputs with a binary answer in every dimension of step PLANTED, and the answers."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, STEPS, DIMENSIONS, generator=generator)
    answers = torch.randint(0, 2, (count,), generator=generator).float()
    inputs[:, PLANTED] = answers[:, None]
    return inputs, answers


def train(place: str, shared: bool, seed: int, examples: int, epochs: int) -> tuple[float, list[float]]:
    """Train one model -> its accuracy on unseen inputs, and the mean weight of each step there."""
    torch.manual_seed(seed)
    model = AttentiveLSTM(place, shared)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    inputs, answers = planted(examples, seed)
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(examples), 64):
            logits, _ = model(inputs[rows])
            loss = nn.functional.binary_cross_entropy_with_logits(logits, answers[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    unseen, truth = planted(2_000, 1_000_003)
    with torch.no_grad():
        logits, weights = model(unseen)
    return float(((logits > 0) == (truth > 0.5)).float().mean()), weights.mean(0).tolist()


def run(config: ExperimentConfig) -> ExperimentResult:
    """Train the four variants, and compare their weights."""
    examples, epochs = QUICK if config.quick else FULL
    weights: dict[str, list[list[float]]] = {}
    accuracies: dict[str, list[float]] = {}
    for place, sharing, seed in itertools.product(PLACEMENTS, SHARING, config.seeds):
        name = f"{place}, {sharing}"
        accuracy, step_weights = train(place, sharing == "shared", seed, examples, epochs)
        weights.setdefault(name, []).append(step_weights)
        accuracies.setdefault(name, []).append(accuracy)
        weight = step_weights[PLANTED]
        config.progress.message(f"seed {seed}, {name}: accuracy {accuracy:.3f}, weight of step {PLANTED} {weight:.3f}")
    return _result(weights, accuracies, examples, epochs)


def _result(
    weights: dict[str, list[list[float]]], accuracies: dict[str, list[float]], examples: int, epochs: int
) -> ExperimentResult:
    def peak(run: list[float]) -> int:
        return max(range(STEPS), key=run.__getitem__)

    before = [peak(run) for name, runs in weights.items() if name.startswith("before") for run in runs]
    after = [run for name, runs in weights.items() if name.startswith("after") for run in runs]
    others = [statistics.fmean(run[:PLANTED] + run[PLANTED + 2 :]) for run in after]
    next_step = [run[PLANTED + 1] for run in after]
    return ExperimentResult(
        title="Attention on an LSTM: before it and after it",
        method=(
            f"{examples:,} sequences of {STEPS} steps of {DIMENSIONS} random numbers, with the answer, 0 or 1, at "
            f"step {PLANTED} (counted from 0); {CELLS} cells, {epochs} epochs of Adam at 0.002. The weights are "
            "means over 2,000 unseen sequences."
        ),
        columns=["attention", "accuracy", f"weight of step {PLANTED}", f"of step {PLANTED + 1}", "peak at"],
        rows=[
            [
                name,
                spread(accuracies[name]),
                spread([run[PLANTED] for run in runs]),
                spread([run[PLANTED + 1] for run in runs]),
                ", ".join(str(peak(run)) for run in runs),
            ]
            for name, runs in weights.items()
        ],
        plots=[
            Plot(
                f"{place} the LSTM",
                "step",
                "weight",
                [curve(sharing, range(STEPS), weights[f"{place}, {sharing}"]) for sharing in SHARING],
            )
            for place in PLACEMENTS
        ],
        verdicts=[
            Verdict(
                f"Before the LSTM, attention peaks at the planted step {PLANTED}.",
                f"peaks at {', '.join(map(str, before))}.",
                all(step == PLANTED for step in before),
            ),
            Verdict(
                f"After the LSTM, step {PLANTED + 1} gets weight too: at least twice the mean weight of the "
                "remaining steps.",
                f"step {PLANTED + 1} has weight {spread(next_step)}, the others {spread(others)} on average.",
                all(step >= 2 * other for step, other in zip(next_step, others, strict=True)),
            ),
        ],
        numbers={"weights": weights, "accuracy": accuracies},
    )
