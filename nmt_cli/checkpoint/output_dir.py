"""The output folder of nmt train: existing files are not lost, and runs on one machine exclude each other."""

import glob
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nmt_cli.atomic import dir_lock
from nmt_cli.checkpoint.layout import CONFIG, METRICS, MODEL, MODEL_CARD, RESUME, WEIGHTS, read_metadata
from nmt_cli.corpus.lexicon import LEXICON
from nmt_cli.corpus.tokenizer import JOINT, SEPARATE
from nmt_cli.errors import CheckpointError, ConfigError
from nmt_cli.manifest import MANIFEST, read_kind

_OURS = (CONFIG, MODEL_CARD, METRICS, RESUME.parts[0], LEXICON, JOINT, *SEPARATE, WEIGHTS, MANIFEST)
"""Files that are moved to a backup; the manifest is last, so that an interrupted move can be repeated."""

PACKED_FILES = tuple(name for name in _OURS if name != RESUME.parts[0])
"""Files of a model to give away: all but the training state."""


def check_output_dir(out: Path, resume: bool, overwrite: bool) -> None:
    """Raise ConfigError or CheckpointError if training must not start, or resume, in this folder."""
    if resume:
        if overwrite:
            raise ConfigError("--resume and --overwrite cannot be combined")
        _check_state(out)
        return
    if out.exists() and not out.is_dir():
        raise CheckpointError(f"{out}: is a file; choose another --out")
    if not out.exists() or not any(out.iterdir()):
        return
    if read_kind(out) != MODEL.name and not backups(out):
        raise CheckpointError(f"{out}: contains something that is not a model; choose another --out")
    if overwrite:
        return
    if (out / WEIGHTS).exists() or (out / RESUME).exists():
        raise CheckpointError(
            f"{out}: contains a model; continue with --resume, replace it with --overwrite, or choose another --out"
        )
    if others := sorted({entry.name for entry in out.iterdir()} - {*_OURS, *(path.name for path in backups(out))}):
        raise CheckpointError(
            f"{out}: contains an incomplete model, and {others[0]}; use --overwrite, or choose another --out"
        )


def _check_state(out: Path) -> None:
    if (out / RESUME).exists():
        return
    if (out / MANIFEST).exists() and MODEL.read(out).packed:
        raise CheckpointError(
            f"{out}: was written by nmt pack, without the state to resume from; resume the model that it was packed "
            "from, or train a new one"
        )
    raise CheckpointError(f"{out / RESUME}: no state to resume from; train without --resume")


def is_own_launch(launch: str, out: Path) -> bool:
    """Whether the state to resume from was saved by earlier processes of this torchrun launch."""
    return (out / RESUME).exists() and read_metadata(out / RESUME).get("launch") == launch


@contextmanager
def lock_dir(out: Path) -> Iterator[None]:
    """Create the folder if needed, lock it for this run and remove partial files of killed runs.

    Raises CheckpointError if another run holds the lock; on file systems without locks this is not detected.
    """
    os.makedirs(os.path.realpath(out), exist_ok=True)  # the target of a link may not exist yet
    with dir_lock(out) as acquired:
        if acquired is False:
            raise CheckpointError(f"{out}: another nmt train is writing to it; wait for it, or choose another --out")
        for file in (*map(out.joinpath, _OURS), out / RESUME):
            for leftover in file.parent.glob(f".{glob.escape(file.name)}.*.partial"):
                leftover.unlink()
        yield


def backup(out: Path) -> None:
    """Move the files of the existing model to replaced-N in its folder; other files are not touched."""
    ours = [out / name for name in _OURS if (out / name).exists()]
    if not ours:
        return
    destination = out / f"replaced-{max([0, *map(_number, out.iterdir())]) + 1}"
    destination.mkdir()
    for entry in ours:
        entry.rename(destination / entry.name)


def backups(out: Path) -> list[Path]:
    """The backups in this folder, oldest first."""
    entries = (entry for entry in out.iterdir() if _number(entry) and not entry.is_symlink())
    return sorted((entry for entry in entries if read_kind(entry) == MODEL.name), key=_number)


def remove_backups(out: Path) -> None:
    """Remove all backups that no other process has locked."""
    for folder in backups(out):
        with dir_lock(folder) as acquired:
            if acquired is not False:
                shutil.rmtree(folder, ignore_errors=True)


def _number(entry: Path) -> int:
    """The N of replaced-N, from 1; 0 for anything else."""
    match = re.fullmatch(r"replaced-(\d+)", entry.name)
    return int(match[1]) if match else 0
