"""Options of `nmt info`, `pack` and `lab`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from nmt_cli.config.values import Count, Device, Threads
from nmt_cli.settings import CliOption, Settings


class InfoConfig(Settings):
    """Show what a prepared corpus or a model contains and how it was made."""

    path: Annotated[Path | None, CliOption(argument=True, path="input")] = None
    """Prepared corpus or model folder (default: the folders prepared and model, if they exist)."""
    all_: Annotated[bool, CliOption("Output")] = Field(default=False, alias="all")
    """Show every recorded value, options and hashes included."""
    json_: Annotated[bool, CliOption("Output")] = Field(default=False, alias="json")
    """Print one JSON object instead of text."""


class PackConfig(Settings):
    """Write a copy of a model to give away."""

    model: Annotated[Path | None, CliOption(argument=True, path="input")] = None
    """Model folder."""
    out: Annotated[Path | None, CliOption(argument=True, path="folder")] = None
    """Folder to write, or zip file if its name ends in .zip."""
    licence: Annotated[str | None, CliOption("Card")] = None
    """Licence of the model, for its card, such as "CC BY 4.0". The terms of the training text may restrict it."""
    prepared: Annotated[Path | None, CliOption("Card", path="input")] = None
    """Prepared corpus whose test split is scored for the card; by default the one that the model was trained on."""
    overwrite: Annotated[bool, CliOption("Run")] = False
    """Replace what an earlier nmt pack wrote there."""
    device: Annotated[Device, CliOption("Run")] = "auto"
    """Where to compute; auto uses a GPU if there is one."""
    threads: Annotated[Threads, CliOption("Run")] = 0
    """CPU threads; 0 uses all."""


class LabConfig(Settings):
    """Experiments that test the claims of the attention tutorials, each with a verdict."""

    experiment: Annotated[str | None, CliOption(argument=True)] = None
    """Experiment to run, or all for every experiment; without it they are listed."""
    quick: Annotated[bool, CliOption("Run")] = False
    """Run a smaller version that takes less than a minute (gradient and attention-lstm only); its verdicts are only
    indicative. With all it runs these two."""
    seeds: Annotated[Count, CliOption("Run")] = 0
    """Number of random seeds that every model is trained with; 0 uses one to three, or one with --quick."""
    prepared: Annotated[Path | None, CliOption("Run", path="input")] = None
    """Prepared corpus that translation models train on; by default the bundled sample."""
    gold_alignment: Annotated[Path | None, CliOption("Run", path="input")] = None
    """Gold word alignment of the corpus's test split (i-j sure, ipj possible, from 0; or in NAACL's form), for the
    alignment experiment."""
    minutes: Annotated[float | None, Field(gt=0), CliOption("Run")] = None
    """Minutes of training for each translation model; by default as many as fit into a run of half an hour."""
    out: Annotated[Path, CliOption("Run", path="output")] = Path("lab")
    """Folder to write to, with a subfolder for each experiment."""
    threads: Annotated[Threads, CliOption("Run")] = 0
    """CPU threads; 0 uses one, or two for an experiment that trains for a number of epochs rather than minutes. More
    threads seldom help, because the models are small."""
