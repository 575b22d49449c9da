"""The gradient of the last word's loss at each encoder input: how it vanishes with distance, and attention as a
shortcut."""

import statistics

import torch
from torch import Tensor, nn

from nmt_cli.config import ModelConfig, TrainingConfig
from nmt_cli.corpus.batch import collate
from nmt_cli.lab.experiment import ExperimentConfig, ExperimentResult, Verdict, curve, spread
from nmt_cli.lab.synthetic import FIRST_SYMBOL, SIZE, Pairs, new_train_step, train_epoch
from nmt_cli.model.seq2seq import Seq2Seq, sequence_mask
from nmt_cli.report.curves import Plot

SYMBOLS = 20
LENGTH = 30
ENDS = 3
"""Steps at each end of the sentence whose mean norms are compared."""

QUICK, FULL = (2_000, 6), (20_000, 20)
"""Training sequences, and epochs."""
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


def copy_pairs(count: int, seed: int) -> Pairs:
    """Random sequences, each with itself as the target."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(FIRST_SYMBOL, FIRST_SYMBOL + SYMBOLS, (count, LENGTH), generator=generator).tolist()
    return Pairs(rows, rows)


def gradient_norms(model: Seq2Seq, pairs: Pairs) -> list[float]:
    """The norm of d loss(last word) / d x_j for each source word x_j from the first on, averaged over sentences."""
    batch = collate(pairs.sources, pairs.targets)
    source, lengths, target_input, target_output = map(
        torch.from_numpy, (batch.source, batch.source_lengths, batch.target_input, batch.target_output)
    )
    embedded: list[Tensor] = []

    def record(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        inputs[0].retain_grad()
        embedded.append(inputs[0])

    hook = model.embedding_dropout.register_forward_pre_hook(record)
    try:
        model.train()
        readouts, _ = model(source, sequence_mask(lengths, source.size(1)), target_input)
    finally:
        hook.remove()
    last = LENGTH - 1  # the last word of the target, before the end of sentence
    loss = nn.functional.cross_entropy(model.output(readouts[:, last]), target_output[:, last], reduction="sum")
    loss.backward()  # type: ignore[no-untyped-call]
    gradient = embedded[0].grad  # the source is embedded first
    assert gradient is not None
    model.zero_grad(set_to_none=True)
    norms: list[float] = gradient[:, :LENGTH].norm(dim=-1).mean(0).tolist()
    return norms


def run(config: ExperimentConfig) -> ExperimentResult:
    """Measure the gradient before and after training models to copy."""
    sentences, epochs = QUICK if config.quick else FULL
    probe = copy_pairs(100, 99)
    norms: dict[str, dict[str, list[list[float]]]] = {"untrained": {}, "trained": {}}
    losses: dict[str, list[float]] = {}
    for name, model in MODELS.items():
        for seed in config.seeds:
            train_step = new_train_step(model, FIRST_SYMBOL + SYMBOLS, seed, TRAINING.model_copy(update={"seed": seed}))
            norms["untrained"].setdefault(name, []).append(gradient_norms(train_step.model, probe))
            loss = float("nan")
            for epoch in range(epochs):
                loss = train_epoch(train_step, copy_pairs(sentences, seed), epoch, epochs)
            config.progress.message(f"seed {seed}, {name}: loss {loss:.3f} after {epochs} epochs")
            losses.setdefault(name, []).append(loss)
            norms["trained"].setdefault(name, []).append(gradient_norms(train_step.model, probe))
    return _result(norms, losses, sentences, epochs)


def gradient_reach(run: list[float]) -> float:
    """The share of the gradient at the last words that reaches the first words: the ratio of the mean norms there."""
    near = statistics.fmean(run[-ENDS:])
    return statistics.fmean(run[:ENDS]) / near if near else 0.0


def _result(
    norms: dict[str, dict[str, list[list[float]]]], losses: dict[str, list[float]], sentences: int, epochs: int
) -> ExperimentResult:
    x = [LENGTH - 1 - j for j in range(LENGTH)]
    reaches = {
        when: {name: [gradient_reach(run) for run in runs] for name, runs in by.items()} for when, by in norms.items()
    }
    untrained = {name: statistics.median(values) for name, values in reaches["untrained"].items()}
    measured = "; ".join(
        f"reach {when} " + ", ".join(f"{name} {statistics.median(values):.2g}" for name, values in by.items())
        for when, by in reaches.items()
    )
    return ExperimentResult(
        title="Gradient: how much of the last word's loss reaches each source word",
        method=(
            f"The task is to copy sequences of {LENGTH} random symbols, by one unidirectional layer of {CELLS} cells. "
            "The norm of the gradient of the last target word's loss at each embedded source word is averaged over "
            f"100 sequences, before training and after {epochs} epochs of {sentences:,} sequences. `reach` is the norm "
            f"at the first {ENDS} words divided by that at the last {ENDS}. Figures are medians of the runs, with "
            "the minimum and the maximum."
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
                "Attention is a shortcut: it keeps at least ten times as much of the gradient as the LSTM alone.",
                f"{measured}.",
                untrained["LSTM + attention"] >= 10 * untrained["LSTM"],
            ),
        ],
        numbers={"norms": norms, "reach": reaches, "losses": losses},
    )
