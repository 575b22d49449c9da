"""`nmt train`."""

import sys
from collections.abc import Mapping
from typing import Any

from nmt_cli.checkpoint.layout import architecture_options, resumed_options
from nmt_cli.cli.messages import draws_bars
from nmt_cli.cli.options import command
from nmt_cli.config import TrainConfig, TrainingConfig
from nmt_cli.presets import PRESETS
from nmt_cli.signals import graceful_stop
from nmt_cli.startup import START_TIME
from nmt_cli.terminal import say_error


def saved_options(values: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """The file with the options of the run to resume, or with those of the model to start from, and these options;
    None for a run from random weights."""
    saved = resumed_options(values["out"] or TrainConfig().out) if values["resume"] else None
    parent = values["from_"]
    return architecture_options(parent) if saved is None and parent is not None else saved


@command(TrainConfig, presets=PRESETS, saved=saved_options)
def run(config: TrainConfig) -> None:
    """Train a model on a prepared corpus and write a self-contained model folder.

    Without a limit (--max-steps, --max-epochs, --max-minutes) it trains for 15 minutes; the learning-rate schedule
    ends at the limit that is reached first. Ctrl-C saves the state; --resume continues with the options of the
    interrupted run, unless they are set again. --from starts a new run from the weights of another model.
    """
    from nmt_cli.cli.display import TrainingDisplay
    from nmt_cli.training.callbacks import LogCallback
    from nmt_cli.training.train import train

    with graceful_stop() as stop:
        outcome = train(config, [TrainingDisplay() if draws_bars() else LogCallback()], started=START_TIME, stop=stop)
    if not outcome.is_main:
        return
    say_error(f"Stopped: {outcome.reason}.")
    if (best := outcome.metadata) is not None:
        say_error(
            f"Best model by {best.get('metric', 'bleu')}, update {best['step']:,}: dev BLEU {best['dev_bleu']:.2f}, "
            f"chrF {best['dev_chrf']:.2f}, perplexity {best['dev_perplexity']:.2f} -> {config.out}"
        )
    if outcome.verdict is not None:
        say_error(f"The model is {outcome.verdict}.")
    if outcome.interrupted:
        say_error(f"Continue with: nmt train --out {config.out} --resume")
        sys.exit(130)
    if outcome.verdict is not None and outcome.verdict.rising and config.training.max_steps != 0:
        say_error(f"To train longer: nmt train --out {config.out} --resume {_longer(config.training)}")
    say_error(f"Next: nmt translate --model {config.out} < in > out, or nmt eval --model {config.out}")


def _longer(training: TrainingConfig) -> str:
    """The options that double the limits of a run."""
    from nmt_cli.training.schedule import StoppingCriteria

    criteria = StoppingCriteria.of(training)
    minutes = None if criteria.seconds is None else criteria.seconds / 60
    limits = (("--max-steps", criteria.steps), ("--max-epochs", criteria.epochs), ("--max-minutes", minutes))
    return " ".join(f"{flag} {round(2 * limit, 2)}" for flag, limit in limits if limit is not None)
