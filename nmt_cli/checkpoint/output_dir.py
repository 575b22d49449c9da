"""The output folder of nmt train: existing files are not lost, and runs on one machine exclude each other."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nmt_cli.atomic import dir_lock, sync_folder, target_of_partial, write_atomic
from nmt_cli.checkpoint.layout import (
    CONFIG,
    METRICS,
    MODEL,
    MODEL_CARD,
    RESUME,
    UNFINISHED,
    WEIGHTS,
    has_only_begun,
    read_metadata,
)
from nmt_cli.corpus.lexicon import LEXICON
from nmt_cli.corpus.tokenizer import JOINT, SEPARATE
from nmt_cli.errors import CheckpointError, ConfigError
from nmt_cli.file_names import check_utf8
from nmt_cli.manifest import MANIFEST, read_kind

_OURS = (CONFIG, MODEL_CARD, METRICS, RESUME.parts[0], LEXICON, JOINT, *SEPARATE, WEIGHTS, MANIFEST)
"""Files of a model, which are moved to a backup."""

MOVING = ".moving"
"""Suffix of a backup that is not complete yet: if it stays, its files still belong into the folder."""
REMOVING = ".removing"
"""Suffix of a backup that is being removed."""

PACKED_FILES = tuple(name for name in _OURS if name != RESUME.parts[0])
"""Files of a model to give away: all but the training state."""


def check_output_dir(out: Path, resume: bool, overwrite: bool) -> None:
    """Raise ConfigError or CheckpointError if training must not start, or resume, in this folder."""
    check_utf8(out, CheckpointError)
    restore_interrupted(out)
    if resume:
        if overwrite:
            raise ConfigError("--resume and --overwrite cannot be combined")
        _check_state(out)
        return
    if out.exists() and not out.is_dir():
        raise CheckpointError(f"{out}: is a file; choose another --out")
    if not out.exists() or not any(out.iterdir()):
        return
    if read_kind(out) != MODEL.name and not backups(out) and not has_only_begun(out):
        raise CheckpointError(f"{out}: contains something that is not a model; choose another --out")
    if overwrite:
        return
    if not has_only_begun(out) and ((out / WEIGHTS).exists() or (out / RESUME).exists()):
        raise CheckpointError(
            f"{out}: contains a model; continue with --resume, replace it with --overwrite, or choose another --out"
        )
    if others := sorted(entry.name for entry in out.iterdir() if not (_is_ours(entry) or _number(entry))):
        raise CheckpointError(
            f"{out}: contains an incomplete model, and {others[0]}; use --overwrite, or choose another --out"
        )


def _check_state(out: Path) -> None:
    if (out / RESUME).exists() or has_only_begun(out):
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
        _remove_partials(out)
        for leftover in _with_suffix(out, REMOVING):
            _discard(leftover)
        yield


def _remove_partials(folder: Path) -> None:
    """Remove the temporary files that killed runs left in a model folder."""
    for place in (folder, folder / RESUME.parent):
        for entry in list(place.iterdir()) if place.is_dir() else []:
            if _is_ours(entry) and target_of_partial(entry.name) and entry.is_file():
                entry.unlink()


def _is_ours(entry: Path) -> bool:
    """Whether a file of a model folder has a name that nmt train gives, or is a temporary file for one."""
    name = target_of_partial(entry.name) or entry.name
    return name in (*_OURS, UNFINISHED, RESUME.name)


def begin_run(out: Path, options: str) -> None:
    """Save the options of a new run, as TOML, so that it can begin again if it is killed before it saves a state; then
    set the existing model aside. `end_beginning` removes the options."""
    write_atomic(out / UNFINISHED, options)
    if (out / WEIGHTS).exists() or (out / RESUME).exists():
        backup(out)
    else:
        _remove_ours(out)


def end_beginning(out: Path) -> None:
    """Remove what `begin_run` saved, when the folder has its manifest and its config.toml."""
    (out / UNFINISHED).unlink()


def backup(out: Path) -> None:
    """Move the files of the existing model to replaced-N in its folder; other files are not touched.

    Until all are moved, it is called replaced-N.moving: if this is interrupted, `restore_interrupted` moves them back.
    """
    destination = out / f"replaced-{max([0, *map(_number, out.iterdir())]) + 1}"
    moving = destination.with_name(destination.name + MOVING)
    moving.mkdir()
    for name in _OURS:
        if (out / name).exists():
            (out / name).rename(moving / name)
    sync_folder(moving)
    moving.rename(destination)
    sync_folder(out)


def restore_interrupted(out: Path) -> None:
    """Move the files back that an interrupted `backup` had moved. Raises CheckpointError if another run holds the lock,
    or a file has appeared in their place."""
    if not _with_suffix(out, MOVING):
        return
    with dir_lock(out) as acquired:
        if acquired is False:
            raise CheckpointError(f"{out}: another nmt train is writing to it; wait for it, or choose another --out")
        for moving in _with_suffix(out, MOVING):
            for name in _OURS:
                if not (moving / name).exists():
                    continue
                if (out / name).exists():
                    raise CheckpointError(
                        f"{moving}: holds a part of the previous model, whose replacement was interrupted, but "
                        f"{name} stands beside it too; move one of the two away"
                    )
                (moving / name).rename(out / name)
            with suppress(OSError):  # it holds something else
                moving.rmdir()


def _with_suffix(out: Path, suffix: str) -> list[Path]:
    """The backups in this folder that are not complete, or that are being removed."""
    if not out.is_dir():
        return []
    return [entry for entry in sorted(out.iterdir()) if entry.suffix == suffix and _is_backup_folder(entry)]


def backups(out: Path) -> list[Path]:
    """The backups in this folder, oldest first."""
    entries = (entry for entry in out.iterdir() if not entry.suffix and _is_backup_folder(entry))
    return sorted((entry for entry in entries if read_kind(entry) == MODEL.name), key=_number)


def _is_backup_folder(entry: Path) -> bool:
    return bool(_number(entry)) and entry.is_dir() and not entry.is_symlink()


def remove_backups(out: Path) -> None:
    """Remove all backups that no other process has locked; files in them that nmt train did not write are kept."""
    for folder in backups(out):
        with dir_lock(folder) as acquired:
            if acquired is not False:  # renamed first, so that no half of a backup stays
                _discard(folder.rename(folder.with_name(folder.name + REMOVING)))


def _discard(folder: Path) -> None:
    _remove_ours(folder)
    with suppress(OSError):  # it holds something else
        folder.rmdir()


def _remove_ours(folder: Path) -> None:
    """Remove the files of a model."""
    for name in (RESUME, *_OURS):
        if (folder / name).is_file():
            (folder / name).unlink()
    with suppress(OSError):  # it holds something else, or does not exist
        (folder / RESUME.parent).rmdir()


def _number(entry: Path) -> int:
    """The N of replaced-N, from 1, also while it is moved or removed; 0 for anything else."""
    match = re.fullmatch(r"replaced-(\d{1,9})(\.moving|\.removing)?", entry.name)
    return int(match[1]) if match else 0
