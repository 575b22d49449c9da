"""How much the loss of the last word moves the encoder's input at each step: the vanishing gradient, and the path
around it."""

import statistics

import torch
from torch import Tensor, nn

from nmt_cli.config import ModelConfig, TrainingConfig
from nmt_cli.corpus.batch import collate
from nmt_cli.lab.experiment import ExperimentConfig, ExperimentResult, Verdict, curve, spread
from nmt_cli.lab.synthetic import FIRST, SIZE, Pairs, fresh, learn_epoch
from nmt_cli.model.seq2seq import Seq2Seq, sequence_mask
from nmt_cli.report.curves import Plot

SYMBOLS = 20
LENGTH = 30
ENDS = 3
"""Steps at either end of the sentence whose mean is compared."""

QUICK, FULL = (2_000, 6), (20_000, 20)
"""Sequences and epochs to learn from."""
SEEDS = 3

CELLS = 64

MODELS = {
    "RNN": ModelConfig.model_validate({**SIZE, "hidden_size": CELLS, "cell": "rnn", "attention": "none"}),
    "LSTM": ModelConfig.model_validate({**SIZE, "hidden_size": CELLS, "cell": "lstm", "attention": "none"}),
    "LSTM + attention": ModelConfig.model_validate(
        {**SIZE, "hidden_size": CELLS, "cell": "lstm", "attention": "luong", "score": "general"}
    ),
}
TRAINING = TrainingConfig(
    batch_tokens=2048, learning_rate=3e-3, warmup=0, label_smoothing=0.0, ema_decay=0.0, schedule="constant"
)


def copies(count: int, seed: int) -> Pairs:
    """Random sequences to be copied."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(FIRST, FIRST + SYMBOLS, (count, LENGTH), generator=generator).tolist()
    return Pairs(rows, rows)


def gradient_norms(model: Seq2Seq, pairs: Pairs) -> list[float]:
    """The norm of d loss(last word) / d x_j at each source word x_j, a mean over sentences; first word first."""
    batch = collate(pairs.sources, pairs.targets)
    source, lengths, entering, leaving = map(
        torch.from_numpy, (batch.source, batch.source_lengths, batch.target_input, batch.target_output)
    )
    embedded: list[Tensor] = []

    def note(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        given[0].retain_grad()
        embedded.append(given[0])

    hook = model.embedding_dropout.register_forward_pre_hook(note)
    try:
        model.train()
        readouts, _ = model(source, sequence_mask(lengths, source.size(1)), entering)
    finally:
        hook.remove()
    last = LENGTH - 1  # the last word of the target; the end comes after it
    loss = nn.functional.cross_entropy(model.output(readouts[:, last]), leaving[:, last], reduction="sum")
    loss.backward()  # type: ignore[no-untyped-call]
    gradient = embedded[0].grad  # the source is embedded first
    assert gradient is not None
    model.zero_grad(set_to_none=True)
    norms: list[float] = gradient[:, :LENGTH].norm(dim=-1).mean(0).tolist()
    return norms


def run(setting: ExperimentConfig) -> ExperimentResult:
    """Measure the gradient before and after learning to copy."""
    sentences, epochs = QUICK if setting.quick else FULL
    probe = copies(100, 99)
    norms: dict[str, dict[str, list[list[float]]]] = {"untrained": {}, "trained": {}}
    losses: dict[str, list[float]] = {}
    for name, config in MODELS.items():
        for seed in setting.seeds:
            train_step = fresh(config, FIRST + SYMBOLS, seed, TRAINING.model_copy(update={"seed": seed}))
            norms["untrained"].setdefault(name, []).append(gradient_norms(train_step.model, probe))
            loss = float("nan")
            for epoch in range(epochs):
                loss = learn_epoch(train_step, copies(sentences, seed), epoch, epochs)
            setting.say(f"seed {seed}, {name}: loss {loss:.3f} after {epochs} epochs")
            losses.setdefault(name, []).append(loss)
            norms["trained"].setdefault(name, []).append(gradient_norms(train_step.model, probe))
    return _outcome(norms, losses, sentences, epochs)


def reach(run: list[float]) -> float:
    """What of the gradient at the last words arrives at the first: the mean norm over either end, as a ratio."""
    near = statistics.fmean(run[-ENDS:])
    return statistics.fmean(run[:ENDS]) / near if near else 0.0


def _outcome(
    norms: dict[str, dict[str, list[list[float]]]], losses: dict[str, list[float]], sentences: int, epochs: int
) -> ExperimentResult:
    x = [LENGTH - 1 - j for j in range(LENGTH)]
    reaches = {when: {name: [reach(run) for run in runs] for name, runs in by.items()} for when, by in norms.items()}
    untrained = {name: statistics.median(values) for name, values in reaches["untrained"].items()}
    measured = "; ".join(
        f"reach {when} " + ", ".join(f"{name} {statistics.median(values):.2g}" for name, values in by.items())
        for when, by in reaches.items()
    )
    return ExperimentResult(
        title="Gradient: what of the last word's loss arrives at each word of the source",
        method=(
            f"Sequences of {LENGTH} random symbols are to be copied; one layer of 64 cells, one direction. Measured is "
            "the norm of the gradient of the last target word's loss at each embedded source word, a mean over 100 "
            f"sequences, before any learning and after {epochs} epochs of {sentences:,} sequences. `reach` is the norm "
            f"at the first {ENDS} words over that at the last {ENDS}. Medians of the runs, and their span."
        ),
        columns=["model", "reach, untrained", "reach, trained", "loss at the end"],
        rows=[
            [
                name,
                spread(reaches["untrained"][name], ".2g", statistics.median),
                spread(reaches["trained"][name], ".2g", statistics.median),
                spread(losses[name], ".2f", statistics.median),
            ]
            for name in MODELS
        ],
        plots=[
            Plot(
                when,
                "words from the end",
                "norm",
                [curve(name, x, runs, statistics.median) for name, runs in by.items()],
                log=True,
            )
            for when, by in norms.items()
        ],
        verdicts=[
            Verdict(
                "The gradient vanishes with distance in an untrained recurrent network (to less than a hundredth over "
                f"{LENGTH} words).",
                f"{measured}.",
                untrained["RNN"] < 0.01,
            ),
            Verdict(
                "Attention is a path around: it keeps at least ten times as much of the gradient as the LSTM alone.",
                f"{measured}.",
                untrained["LSTM + attention"] >= 10 * untrained["LSTM"],
            ),
        ],
        numbers={"norms": norms, "reach": reaches, "losses": losses},
    )
