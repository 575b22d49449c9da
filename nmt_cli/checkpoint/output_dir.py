"""The output folder of nmt train: existing files are not lost, and runs on one machine exclude each other."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nmt_cli.atomic import dir_lock, target_of_partial, write_atomic
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
"""Files that are moved to a backup; the manifest is last, so that an interrupted move can be repeated."""

PACKED_FILES = tuple(name for name in _OURS if name != RESUME.parts[0])
"""Files of a model to give away: all but the training state."""


def check_output_dir(out: Path, resume: bool, overwrite: bool) -> None:
    """Raise ConfigError or CheckpointError if training must not start, or resume, in this folder."""
    check_utf8(out, CheckpointError)
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
    allowed = [*backups(out), *_interrupted(out)]
    if others := sorted(entry.name for entry in out.iterdir() if not (_is_ours(entry) or entry in allowed)):
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
    set the existing model aside. `end_beginning` removes them."""
    write_atomic(out / UNFINISHED, options)
    _set_aside(out)


def end_beginning(out: Path) -> None:
    """Remove what `begin_run` saved, when the folder has its manifest and its config.toml."""
    (out / UNFINISHED).unlink()


def _set_aside(out: Path) -> None:
    """Move the files of the existing model to replaced-N in its folder; other files are not touched. A move that was
    interrupted is continued. What a run left that was killed before it had saved a state is removed instead."""
    interrupted = _interrupted(out)
    if not interrupted and not (out / WEIGHTS).exists() and not (out / RESUME).exists():
        _remove_ours(out)
        return
    ours = [out / name for name in _OURS if (out / name).exists()]
    if not ours:
        return
    number = max([0, *map(_number, out.iterdir())]) + 1
    destination = interrupted[-1] if interrupted else out / f"replaced-{number}"
    destination.mkdir(exist_ok=True)
    for entry in ours:
        entry.rename(destination / entry.name)


def backups(out: Path) -> list[Path]:
    """The backups in this folder, oldest first."""
    return [folder for folder in _replaced(out) if read_kind(folder) == MODEL.name]


def remove_backups(out: Path) -> None:
    """Remove all backups that no other process has locked; files in them that nmt train did not write are kept."""
    for folder in backups(out):
        with dir_lock(folder) as acquired:
            if acquired is not False:
                _remove_ours(folder)
                with suppress(OSError):  # it holds something else
                    folder.rmdir()


def _remove_ours(folder: Path) -> None:
    """Remove the files of a model, the manifest last."""
    for name in (RESUME, *_OURS):
        if (folder / name).is_file():
            (folder / name).unlink()
    with suppress(OSError):  # it holds something else, or does not exist
        (folder / RESUME.parent).rmdir()


def _interrupted(out: Path) -> list[Path]:
    """The backups that a killed run had not moved completely: their manifest would have been the last."""
    return [
        folder
        for folder in _replaced(out)
        if {entry.name for entry in folder.iterdir()} & {*_OURS} and not (folder / MANIFEST).exists()
    ]


def _replaced(out: Path) -> list[Path]:
    """The folders replaced-N, by number."""
    entries = (entry for entry in out.iterdir() if _number(entry) and entry.is_dir() and not entry.is_symlink())
    return sorted(entries, key=_number)


def _number(entry: Path) -> int:
    """The N of replaced-N, from 1; 0 for anything else."""
    match = re.fullmatch(r"replaced-(\d+)", entry.name)
    return int(match[1]) if match else 0
