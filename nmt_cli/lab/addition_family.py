"""Addition with three systems of the family, trained and searched with the same code as translators."""

from collections.abc import Iterator, Sequence
from functools import partial

from nmt_cli.config import ModelConfig, TrainingConfig
from nmt_cli.lab.addition_task import Budget, Job, Trained, make_sums, until_converged
from nmt_cli.lab.synthetic import SIZE, CharacterTraining

ALPHABET = "0123456789+"
CELLS = 128

MODELS = {
    "fixed vector, repeated": ModelConfig.model_validate({**SIZE, "hidden_size": CELLS, "attention": "none-repeat"}),
    "state handed over": ModelConfig.model_validate({**SIZE, "hidden_size": CELLS, "attention": "none"}),
    "attention": ModelConfig.model_validate({**SIZE, "hidden_size": CELLS, "attention": "luong", "score": "general"}),
}

TRAINING = TrainingConfig(
    batch_tokens=1024, learning_rate=2e-3, schedule="constant", warmup=0, label_smoothing=0.0, ema_decay=0.0
)


def train_preset(name: str, seed: int, budget: Budget) -> Trained:
    """Train one model, and measure the accuracy of its answers after every epoch."""
    training = TRAINING.model_copy(update={"seed": seed})
    run = CharacterTraining(MODELS[name], training, ALPHABET, make_sums(budget.examples), budget.held_out)

    def train() -> Iterator[tuple[float, float]]:
        for epoch in range(budget.epochs):
            run.train(epoch, budget.epochs)
            yield run.accuracy()

    return Trained(until_converged(budget.epochs, train()))


def family_jobs(budget: Budget, seeds: Sequence[int]) -> list[Job]:
    """The three models with every seed."""
    return [Job(name, seed, partial(train_preset, name, seed, budget)) for seed in seeds for name in MODELS]
