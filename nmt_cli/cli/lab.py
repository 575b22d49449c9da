"""`nmt lab`."""

import importlib
import shlex
import sys
import tempfile
import time
from pathlib import Path

from nmt_cli.cli.messages import terminal_progress
from nmt_cli.cli.options import command
from nmt_cli.config import LabConfig
from nmt_cli.errors import ConfigError, NMTError
from nmt_cli.lab import CORPUS_EXPERIMENTS, EXPERIMENTS, QUICK_EXPERIMENTS, RUN_MINUTES
from nmt_cli.progress import logger
from nmt_cli.terminal import say

ALL = "all"


@command(LabConfig)
def run(config: LabConfig) -> None:
    """Test the claims of the attention tutorials by experiment.

    Without a name it lists the experiments; all runs them one after the other. Each experiment gives the models that it
    compares the same training budget, prints a table, curves and a verdict, and writes report.md, results.json and a
    figure.
    """
    if config.experiment is None:
        if config.model_fields_set:
            raise ConfigError(f"name an experiment, or {ALL}; without any option nmt lab lists them")
        from rich.table import Table

        from nmt_cli.report.console import SafeConsole

        table = Table.grid(padding=(0, 2, 0, 0))
        for name, claim in EXPERIMENTS.items():
            table.add_row(name, f"{RUN_MINUTES[name]} min", claim)
        SafeConsole(highlight=False).print(table)
        say(f"\nWith --quick in less than a minute: {', '.join(QUICK_EXPERIMENTS)}")
        say("About the experiments: docs/lab.md; in Korean: docs/ko/lab.md")
        return
    _check(config, config.experiment)
    failed: list[str] = []
    names = QUICK_EXPERIMENTS if config.quick else tuple(EXPERIMENTS)
    for name in names if config.experiment == ALL else [config.experiment]:
        try:
            _run(name, config)
        except NMTError as error:
            if config.experiment != ALL:
                raise
            logger.warning("%s: %s", name, error)
            failed.append(name)
    if failed:
        raise ConfigError(f"{', '.join(failed)} failed; the other experiments ran")


def _check(config: LabConfig, experiment: str) -> None:
    """Raise ConfigError for options that would otherwise fail or prove to have no effect hours later."""
    if experiment not in (*EXPERIMENTS, ALL):
        raise ConfigError(f"no experiment {experiment!r}; choose one of {', '.join(EXPERIMENTS)} or {ALL}")
    if config.quick and experiment not in (*QUICK_EXPERIMENTS, ALL):
        raise ConfigError(
            f"--quick is not offered for {experiment}, which needs about {RUN_MINUTES[experiment]} minutes to decide; "
            f"leave it out, or try {' or '.join(QUICK_EXPERIMENTS)}"
        )
    if config.minutes and (config.quick or experiment not in (*CORPUS_EXPERIMENTS, ALL)):
        trained = " and ".join(QUICK_EXPERIMENTS) if experiment == ALL else experiment
        raise ConfigError(
            f"--minutes {config.minutes:g}: the models of {trained} are trained for a number of epochs, not of "
            "minutes; leave it out"
        )
    runs_alignment = experiment in ("alignment", ALL)
    if config.prepared and experiment != ALL and experiment not in CORPUS_EXPERIMENTS:
        raise ConfigError(f"--prepared {config.prepared}: {experiment} generates its own data; leave it out")
    if config.gold_alignment and not (runs_alignment and config.prepared):
        raise ConfigError(
            f"--gold-alignment {config.gold_alignment}: applies only to the alignment experiment with --prepared"
        )
    if config.prepared and runs_alignment and not config.gold_alignment:
        raise ConfigError(
            "--prepared needs --gold-alignment FILE too: the alignment of its test split, one line per sentence"
        )


def _run(name: str, config: LabConfig) -> None:
    import torch

    from nmt_cli.kernels.device import compute_for_search, describe_machine
    from nmt_cli.lab.experiment import ExperimentConfig, check_folder, show, write
    from nmt_cli.parallel import available_cores

    experiment = importlib.import_module(f"nmt_cli.lab.{name.replace('-', '_')}")
    torch.set_num_threads(config.threads or min(getattr(experiment, "THREADS", 1), available_cores()))
    seeds = config.seeds or (1 if config.quick else experiment.SEEDS)
    folder = config.out / (f"{name}-quick" if config.quick else name)
    check_folder(folder)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="nmt-lab-") as work:
        setting = ExperimentConfig(
            config.quick,
            range(1, seeds + 1),
            terminal_progress(),
            Path(work),
            prepared=config.prepared,
            gold_alignment=config.gold_alignment,
            minutes=config.minutes,
        )
        outcome = experiment.run(setting)
    recipe = {
        "command": shlex.join(["nmt", *sys.argv[1:]]),
        "machine": f"{describe_machine()}, {compute_for_search('cpu', 'fp32', 0)}",
        "seconds": time.monotonic() - started,
    }
    show(outcome, setting)
    write(outcome, setting, folder, recipe)
    logger.info(f"\n{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
    logger.info(f"About this experiment: docs/lab/{name}.md; in Korean: docs/ko/lab/{name}.md")
