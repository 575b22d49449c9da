"""A many-to-one LSTM with attention, where one step of the input holds the answer.

    before   the weights multiply the inputs, x'_t = a_t * x_t, and the LSTM's last state predicts the answer
    after    the weights multiply the LSTM's outputs, h'_t = a_t * h_t, and their concatenation predicts the answer

The weights are a softmax over time, either for each dimension on its own or shared by all dimensions (their mean).
"""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from nmt_cli.lab.experiment import ExperimentConfig, ExperimentResult, Verdict, curve, spread
from nmt_cli.lab.keras_seq2seq import LSTM, keras_init_
from nmt_cli.report.curves import Plot

PLANTED = 15
"""The step that holds the answer, counted from 0 as the tutorials' code does."""
DIMENSIONS = 2
CELLS = 32
BATCH = 64


@dataclass(frozen=True)
class Form:
    """A form of the experiment. `keras` gives the LSTM the gates, and all layers the initial weights, of Keras before
    2.3, instead of torch's."""

    steps: int
    examples: int
    epochs: int
    learning_rate: float
    keras: bool


OURS, PUBLIC = "30 steps", "public example"
FULL = {
    OURS: Form(30, 100_000, 3, 2e-3, False),
    PUBLIC: Form(20, 270_000, 1, 1e-3, True),
}
"""The public example is the one that the tutorials used, keras-attention-mechanism of 2017. Of its 300,000 sequences it
holds out a tenth."""
QUICK = {
    OURS: replace(FULL[OURS], examples=20_000, epochs=3),
    PUBLIC: replace(FULL[PUBLIC], examples=20_000),
}
SEEDS = 3

PLACEMENTS = ("before", "after")
SHARING = ("per dimension", "shared")


class AttentiveLSTM(nn.Module):
    """Inputs (B, steps, DIMENSIONS) -> the logit (B,) of a binary answer, and weights (B, steps), a mean over the
    dimensions."""

    def __init__(self, form: Form, place: str, shared: bool) -> None:
        super().__init__()
        self.place, self.shared = place, shared
        self.lstm = LSTM(DIMENSIONS, CELLS) if form.keras else nn.LSTM(DIMENSIONS, CELLS, batch_first=True)
        self.scores = nn.Linear(form.steps, form.steps)
        self.answer = nn.Linear(CELLS if place == "before" else CELLS * form.steps, 1)
        if form.keras:
            keras_init_(self, unit_forget_bias=True)

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
        """States (B, steps, D) -> states times their weights, and the mean weights (B, steps). A dense layer over time
        scores each step from all steps."""
        weights = self.scores(states.transpose(1, 2)).softmax(-1).transpose(1, 2)  # (B, steps, D)
        if self.shared:
            weights = weights.mean(-1, keepdim=True).expand_as(states)
        return states * weights, weights.mean(-1)


def planted(count: int, steps: int, seed: int) -> tuple[Tensor, Tensor]:
    """Random inputs with a binary answer in every dimension of step PLANTED, and the answers."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, steps, DIMENSIONS, generator=generator)
    answers = torch.randint(0, 2, (count,), generator=generator).float()
    inputs[:, PLANTED] = answers[:, None]
    return inputs, answers


def train(form: Form, place: str, shared: bool, seed: int) -> tuple[float, list[float]]:
    """Train one model -> its accuracy on unseen inputs, and the mean weight of each step there."""
    torch.manual_seed(seed)
    model = AttentiveLSTM(form, place, shared)
    optimizer = torch.optim.Adam(model.parameters(), lr=form.learning_rate)
    inputs, answers = planted(form.examples, form.steps, seed)
    for _ in range(form.epochs):
        for rows in torch.split(torch.randperm(form.examples), BATCH):
            logits, _ = model(inputs[rows])
            loss = nn.functional.binary_cross_entropy_with_logits(logits, answers[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    unseen, truth = planted(2_000, form.steps, 1_000_003)
    with torch.no_grad():
        logits, weights = model(unseen)
    return float(((logits > 0) == (truth > 0.5)).float().mean()), weights.mean(0).tolist()


Key = tuple[str, str, str]
"""The form, the place and the sharing of a model."""


def run(config: ExperimentConfig) -> ExperimentResult:
    """Train the four variants in both forms, and compare their weights."""
    forms = QUICK if config.quick else FULL
    weights: dict[Key, list[list[float]]] = {}
    accuracies: dict[Key, list[float]] = {}
    for key in itertools.product(forms, PLACEMENTS, SHARING):
        form, place, sharing = key
        for seed in config.seeds:
            accuracy, step_weights = train(forms[form], place, sharing == "shared", seed)
            weights.setdefault(key, []).append(step_weights)
            accuracies.setdefault(key, []).append(accuracy)
            config.progress.message(
                f"seed {seed}, {_name(key)}: accuracy {accuracy:.3f}, weight of step {PLANTED} "
                f"{step_weights[PLANTED]:.3f}"
            )
    return _result(forms, weights, accuracies)


def _name(key: Key) -> str:
    form, place, sharing = key
    return f"{form}: {place}, {sharing}"


def _peak(run: Sequence[float]) -> int:
    return max(range(len(run)), key=run.__getitem__)


def _method(forms: Mapping[str, Form]) -> str:
    ours, public = forms[OURS], forms[PUBLIC]
    return (
        f"Sequences of random numbers, {DIMENSIONS} a step, with the answer, 0 or 1, at step {PLANTED} (counted from "
        f"0); {CELLS} cells, Adam, batches of {BATCH}. Our form: {ours.steps} steps, {ours.epochs} epochs of "
        f"{ours.examples:,} sequences, a learning rate of {ours.learning_rate:g}. The form of the public example that "
        f"the tutorials used: {public.steps} steps, {public.examples:,} sequences, once each, a learning rate of "
        f"{public.learning_rate:g}, the LSTM and the initial weights of Keras before 2.3. The weights are means over "
        "2,000 unseen sequences."
    )


def _result(
    forms: Mapping[str, Form], weights: dict[Key, list[list[float]]], accuracies: dict[Key, list[float]]
) -> ExperimentResult:
    return ExperimentResult(
        title="Attention on an LSTM: before it and after it",
        method=_method(forms),
        columns=["attention", "accuracy", f"weight of step {PLANTED}", f"of step {PLANTED + 1}", "peak at"],
        rows=[
            [
                _name(key),
                spread(accuracies[key]),
                spread([run[PLANTED] for run in runs]),
                spread([run[PLANTED + 1] for run in runs]),
                ", ".join(str(_peak(run)) for run in runs),
            ]
            for key, runs in weights.items()
        ],
        plots=[
            Plot(
                f"{place} the LSTM",
                "step",
                "weight",
                [
                    curve(f"{form}, {sharing}", range(forms[form].steps), weights[form, place, sharing])
                    for form in forms
                    for sharing in SHARING
                ],
            )
            for place in PLACEMENTS
        ],
        verdicts=[*_verdicts(OURS, "", weights), *_verdicts(PUBLIC, " in the public example's form", weights)],
        numbers={
            "weights": {_name(key): runs for key, runs in weights.items()},
            "accuracy": {_name(key): values for key, values in accuracies.items()},
        },
    )


def _verdicts(form: str, where: str, weights: Mapping[Key, list[list[float]]]) -> list[Verdict]:
    before = [_peak(run) for sharing in SHARING for run in weights[form, "before", sharing]]
    after = [run for sharing in SHARING for run in weights[form, "after", sharing]]
    others = [statistics.fmean(run[:PLANTED] + run[PLANTED + 2 :]) for run in after]
    next_step = [run[PLANTED + 1] for run in after]
    return [
        Verdict(
            f"Before the LSTM, attention peaks at the planted step {PLANTED}{where}.",
            f"peaks at {', '.join(map(str, before))}.",
            all(step == PLANTED for step in before),
        ),
        Verdict(
            f"After the LSTM, step {PLANTED + 1} gets weight too{where}: at least twice the mean weight of the "
            "remaining steps.",
            f"step {PLANTED + 1} has weight {spread(next_step)}, the others {spread(others)} on average.",
            all(step >= 2 * other for step, other in zip(next_step, others, strict=True)),
        ),
    ]
