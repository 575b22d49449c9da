"""The folder that a training writes to: nothing in it is lost, and no other run of this machine writes there."""

import glob
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nmt_cli.atomic import dir_lock
from nmt_cli.checkpoint.layout import CARD, CONFIG, METRICS, MODEL, RESUME, WEIGHTS, read_metadata
from nmt_cli.corpus.lexicon import LEXICON
from nmt_cli.corpus.tokenizer import JOINT, SEPARATE
from nmt_cli.errors import CheckpointError, ConfigError
from nmt_cli.manifest import MANIFEST, kind_of

_OURS = (CONFIG, CARD, METRICS, RESUME.parts[0], LEXICON, JOINT, *SEPARATE, WEIGHTS, MANIFEST)
"""What is moved, the manifest last, so that a move cut short can be begun again."""


def check_output_dir(out: Path, resume: bool, overwrite: bool) -> None:
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
    if kind_of(out) != MODEL.name and not backups(out):
        raise CheckpointError(f"{out}: holds something that is not a model; choose another --out")
    if overwrite:
        return
    if (out / WEIGHTS).exists() or (out / RESUME).exists():
        raise CheckpointError(
            f"{out}: there is already a model; go on with --resume, replace it with --overwrite, or choose an --out"
        )
    if others := sorted({entry.name for entry in out.iterdir()} - {*_OURS, *(path.name for path in backups(out))}):
        raise CheckpointError(
            f"{out}: holds half a model, and {others[0]}; replace the model with --overwrite, or choose an --out"
        )


def saved_by_launch(launch: str, out: Path) -> bool:
    """Whether what lies here, to resume from, was saved by processes that this same launch had started before."""
    return (out / RESUME).exists() and read_metadata(out / RESUME).get("launch") == launch


@contextmanager
def lock_dir(out: Path) -> Iterator[None]:
    """Have a folder, made if need be, for this run alone, without what a killed one left half written.

    Raises CheckpointError if another run has it, as far as the file system has locks to tell that by.
    """
    os.makedirs(os.path.realpath(out), exist_ok=True)  # a link may lead to a folder that is not there yet
    with dir_lock(out) as alone:
        if alone is False:
            raise CheckpointError(f"{out}: another nmt train is writing to it; wait for it, or choose another --out")
        for file in (*map(out.joinpath, _OURS), out / RESUME):
            for left in file.parent.glob(f".{glob.escape(file.name)}.*.partial"):
                left.unlink()
        yield


def backup(out: Path) -> None:
    """Make room for a new model: what there is of one goes to replaced-N in its folder, and what is not ours stays."""
    ours = [out / name for name in _OURS if (out / name).exists()]
    if not ours:
        return
    aside = out / f"replaced-{max([0, *map(_number, out.iterdir())]) + 1}"
    aside.mkdir()
    for entry in ours:
        entry.rename(aside / entry.name)


def backups(out: Path) -> list[Path]:
    """The models that were set aside in this folder, the oldest first."""
    there = (entry for entry in out.iterdir() if _number(entry) and not entry.is_symlink())
    return sorted((entry for entry in there if kind_of(entry) == MODEL.name), key=_number)


def remove_backups(out: Path) -> None:
    """Remove them, but for one that is in use."""
    for before in backups(out):
        with dir_lock(before) as alone:
            if alone is not False:
                shutil.rmtree(before, ignore_errors=True)


def _number(entry: Path) -> int:
    """The N of replaced-N, from 1; 0 for anything else."""
    found = re.fullmatch(r"replaced-(\d+)", entry.name)
    return int(found[1]) if found else 0
