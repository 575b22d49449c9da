"""The gradient of the last word's loss at each encoder input: how it vanishes with distance, what the initial recurrent
weights have to do with it, and attention as a shortcut.

Each step back in time of an RNN, h_t = tanh(W x_t + U h_t-1), multiplies the gradient by U^T diag(1 - h_t^2). If the
entries of U (H, H) are independent with variance v, a product with U^T changes the norm by a factor of sqrt(H v) on
average, which is also about the spectral radius of U:

    uniform      U(-1/sqrt(H), 1/sqrt(H)), torch's default    v = 1 / (3 H), factor 0.58
    Xavier       uniform, Glorot and Bengio 2010              v = 1 / H, factor 1
    orthogonal   Saxe et al. 2013; the models of nmt          factor 1, exactly
"""

import statistics
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from nmt_cli.config import ModelConfig, TrainingConfig
from nmt_cli.corpus.batch import collate
from nmt_cli.lab.experiment import ExperimentConfig, ExperimentResult, Verdict, curve, spread
from nmt_cli.lab.synthetic import FIRST_SYMBOL, SIZE, Pairs, new_train_step, train_epoch
from nmt_cli.model.seq2seq import Seq2Seq, sequence_mask
from nmt_cli.report.curves import Plot
from nmt_cli.training.step import TrainStep

SYMBOLS = 20
LENGTH = 30
ENDS = 3
"""Steps at each end of the sentence whose mean norms are compared."""

QUICK, FULL = (2_000, 6), (20_000, 20)
"""Training sequences, and epochs."""
SEEDS = 3

CELLS = 64
RNN, UNIFORM = "RNN, orthogonal", "RNN, uniform"

MODELS = {
    RNN: ModelConfig.model_validate({**SIZE, "hidden_size": CELLS, "cell": "rnn", "attention": "none"}),
    "LSTM": ModelConfig.model_validate({**SIZE, "hidden_size": CELLS, "cell": "lstm", "attention": "none"}),
    "LSTM + attention": ModelConfig.model_validate(
        {**SIZE, "hidden_size": CELLS, "cell": "lstm", "attention": "luong", "score": "general"}
    ),
}
"""These are measured before and after training."""

PLAIN: dict[str, Callable[[Tensor], object]] = {
    UNIFORM: lambda weight: nn.init.uniform_(weight, -(CELLS**-0.5), CELLS**-0.5),
    "RNN, Xavier": nn.init.xavier_uniform_,
}
"""The same RNN with other initial recurrent weights, measured before training only."""

VANISHED = 0.01
"""The gradient has vanished if less than this share of it is left."""

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


def new_model(name: str, seed: int) -> TrainStep:
    """An untrained model of MODELS, or the RNN with the recurrent weights of PLAIN, all other weights equal."""
    model = MODELS.get(name, MODELS[RNN])
    train_step = new_train_step(model, FIRST_SYMBOL + SYMBOLS, seed, TRAINING.model_copy(update={"seed": seed}))
    if name in PLAIN:
        for weight in recurrent_weights(train_step.model):
            PLAIN[name](weight)
    return train_step


def recurrent_weights(model: Seq2Seq) -> Iterator[Tensor]:
    """The recurrent weights (H, H) of each RNN layer, those of the encoder first; an LSTM's are of its four gates
    (4 H, H)."""
    for module in model.modules():
        if isinstance(module, nn.RNNBase):
            yield module.get_parameter("weight_hh_l0").data


def spectrum(weight: Tensor) -> tuple[float, float]:
    """The largest singular value and the spectral radius, the largest absolute eigenvalue, of recurrent weights
    (H, H)."""
    return float(torch.linalg.matrix_norm(weight, 2)), float(torch.linalg.eigvals(weight).abs().max())


def run(config: ExperimentConfig) -> ExperimentResult:
    """Measure the gradient in untrained models, and after training some of them to copy."""
    sentences, epochs = QUICK if config.quick else FULL
    probe = copy_pairs(100, 99)
    norms: dict[str, dict[str, list[list[float]]]] = {"untrained": {}, "trained": {}}
    losses: dict[str, list[float]] = {}
    spectra: dict[str, list[tuple[float, float]]] = {}
    for name in (*PLAIN, *MODELS):
        for seed in config.seeds:
            train_step = new_model(name, seed)
            norms["untrained"].setdefault(name, []).append(gradient_norms(train_step.model, probe))
            if name in PLAIN or name == RNN:
                spectra.setdefault(name, []).append(spectrum(next(recurrent_weights(train_step.model))))
            if name in PLAIN:
                continue
            loss = float("nan")
            for epoch in range(epochs):
                loss = train_epoch(train_step, copy_pairs(sentences, seed), epoch, epochs)
            config.progress.message(f"seed {seed}, {name}: loss {loss:.3f} after {epochs} epochs")
            losses.setdefault(name, []).append(loss)
            norms["trained"].setdefault(name, []).append(gradient_norms(train_step.model, probe))
    return _result(norms, losses, spectra, _method(sentences, epochs))


def gradient_reach(run: list[float]) -> float:
    """The share of the gradient at the last words that reaches the first words: the ratio of the mean norms there."""
    near = statistics.fmean(run[-ENDS:])
    return statistics.fmean(run[:ENDS]) / near if near else 0.0


def _method(sentences: int, epochs: int) -> str:
    return (
        f"The task is to copy sequences of {LENGTH} random symbols, by one unidirectional layer of {CELLS} cells. "
        "The norm of the gradient of the last target word's loss at each embedded source word is averaged over "
        f"100 sequences, before training and after {epochs} epochs of {sentences:,} sequences. `reach` is the norm "
        f"at the first {ENDS} words divided by that at the last {ENDS}. Uniform (between -1/sqrt({CELLS}) and "
        f"1/sqrt({CELLS})), Xavier and orthogonal are the initial recurrent weights, all else equal; the singular "
        "value and the spectral radius, the largest of each, are those of the encoder's. Figures are medians of the "
        "runs, with the minimum and the maximum."
    )


def _result(
    norms: dict[str, dict[str, list[list[float]]]],
    losses: dict[str, list[float]],
    spectra: dict[str, list[tuple[float, float]]],
    method: str,
) -> ExperimentResult:
    x = [LENGTH - 1 - j for j in range(LENGTH)]
    reaches = {
        when: {name: [gradient_reach(run) for run in runs] for name, runs in by.items()} for when, by in norms.items()
    }

    def cell(runs: list[float] | None, form: str) -> str:
        return spread(runs, form, statistics.median) if runs else ""

    return ExperimentResult(
        title="Gradient: how much of the last word's loss reaches each source word",
        method=method,
        columns=["model", "singular value", "spectral radius", "reach, untrained", "reach, trained", "loss at the end"],
        rows=[
            [
                name,
                cell([singular for singular, _ in spectra.get(name, [])], ".2f"),
                cell([radius for _, radius in spectra.get(name, [])], ".2f"),
                cell(runs, ".2g"),
                cell(reaches["trained"].get(name), ".2g"),
                cell(losses.get(name), ".2f"),
            ]
            for name, runs in reaches["untrained"].items()
        ],
        plots=[
            Plot(
                when,
                "words from the end",
                "norm",
                [curve(name, x, by[name], statistics.median) for name in (*MODELS, *PLAIN) if name in by],
                log=True,
            )
            for when, by in norms.items()
        ],
        verdicts=_verdicts(reaches),
        numbers={"norms": norms, "reach": reaches, "losses": losses, "spectra": spectra},
    )


def _verdicts(reaches: dict[str, dict[str, list[float]]]) -> list[Verdict]:
    untrained = {name: statistics.median(values) for name, values in reaches["untrained"].items()}
    before = "reach untrained " + ", ".join(f"{name} {value:.2g}" for name, value in untrained.items())
    after = "reach trained " + ", ".join(
        f"{name} {statistics.median(values):.2g}" for name, values in reaches["trained"].items()
    )
    return [
        Verdict(
            "In plain (uniform) initialization the gradient vanishes with distance in an untrained recurrent network "
            f"(to less than a hundredth over {LENGTH} words).",
            f"{before}.",
            untrained[UNIFORM] < VANISHED,
        ),
        Verdict(
            "Orthogonal recurrent weights keep the gradient from vanishing (more than a hundredth is left).",
            f"{before}.",
            untrained[RNN] >= VANISHED,
        ),
        Verdict(
            "Attention is a shortcut: it keeps at least ten times as much of the gradient as the LSTM alone.",
            f"{before}; {after}.",
            untrained["LSTM + attention"] >= 10 * untrained["LSTM"],
        ),
    ]
