"""The folder that a training writes to: nothing in it is lost, and no other run writes there."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nmt_cli.atomic import held
from nmt_cli.checkpoint.layout import CARD, CONFIG, METRICS, MODEL, RESUME, WEIGHTS
from nmt_cli.errors import CheckpointError, ConfigError
from nmt_cli.manifest import MANIFEST, kind_of

_OURS = re.compile(
    r"tokenizer(\.\w+)?\.model|" + "|".join(re.escape(name) for name in (CONFIG, CARD, METRICS, RESUME.parts[0]))
)
"""What is moved first; the manifest follows, and the weights last, so that what is cut short is still a model."""


def check_place(out: Path, resume: bool, overwrite: bool) -> None:
    """Raise ConfigError or CheckpointError if a training may not begin, or go on, in this folder."""
    if resume:
        if overwrite:
            raise ConfigError("--resume and --overwrite contradict each other")
        if not (out / RESUME).exists():
            raise CheckpointError(f"{out / RESUME}: no state to resume from; train without --resume")
        return
    if out.exists() and not out.is_dir():
        raise CheckpointError(f"{out}: is a file; choose another --out")
    if not out.exists() or not any(out.iterdir()):
        return
    if kind_of(out) != MODEL.name:
        raise CheckpointError(f"{out}: holds something that is not a model; choose another --out")
    if not overwrite and ((out / WEIGHTS).exists() or (out / RESUME).exists()):
        raise CheckpointError(
            f"{out}: there is already a model; go on with --resume, replace it with --overwrite, or choose an --out"
        )


@contextmanager
def occupied(out: Path) -> Iterator[None]:
    """Have a folder, made if need be, for this run alone, without what a killed one left half written.

    Raises CheckpointError if another run has it.
    """
    out.resolve().mkdir(parents=True, exist_ok=True)  # a link may lead to a folder that is not there yet
    with held(out) as alone:
        if alone is False:
            raise CheckpointError(f"{out}: another nmt train is writing to it; wait for it, or choose another --out")
        for folder in (out, (out / RESUME).parent):
            for left in folder.glob(".*.partial"):
                left.unlink()
        yield


def set_aside(out: Path) -> None:
    """Make room for a new model: one that is there goes to replaced-N in its folder, half of one away, and what is not
    ours stays."""
    ours = [entry for entry in out.iterdir() if _OURS.fullmatch(entry.name)]
    ours += [out / name for name in (MANIFEST, WEIGHTS) if (out / name).exists()]
    if (out / WEIGHTS).exists():
        aside = out / f"replaced-{max([0, *map(_number, replaced(out))]) + 1}"
        aside.mkdir()
        for entry in ours:
            entry.rename(aside / entry.name)
        return
    for entry in ours:
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def replaced(out: Path) -> list[Path]:
    """The models that were set aside in this folder, the oldest first."""
    return sorted((entry for entry in out.iterdir() if _number(entry)), key=_number)


def _number(entry: Path) -> int:
    """The N of replaced-N, from 1; 0 for anything else."""
    found = re.fullmatch(r"replaced-(\d+)", entry.name)
    return int(found[1]) if found else 0
