"""Atomic writes of folders: filled under a temporary name, then renamed."""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nmt_cli.atomic import dir_lock, sync_file, sync_folder, target_of_partial
from nmt_cli.errors import OutputError
from nmt_cli.system_errors import explain, reason

MARK = "written-by-nmt"
"""An empty file in each temporary folder. Only a folder that holds it is removed as the remains of a killed run."""


@contextmanager
def atomic_directory(out: Path, content: str, check: Callable[[], object]) -> Iterator[tuple[Path, Path]]:
    """Yield an empty folder to fill and a working folder, both beside `out`; if the block succeeds, the first becomes
    `out` unless it is empty. If `out` is a link, the folder that it leads to is written.

    It replaces an existing `out` if `check`, which raises an error if `out` must not be replaced, allows it. However
    the block ends, no partial output is left. Raises OutputError, which names the `content`, if the folder cannot be
    written; before the block, if an existing `out` cannot be replaced.
    """
    place = Path(os.path.realpath(out))
    try:
        if place.is_symlink():  # it leads to itself
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        place.parent.mkdir(parents=True, exist_ok=True)
        _sweep(place)
        with _temporary_folder(place) as temporary:
            if place.is_dir():
                _check_movable(out, place, temporary)
            fresh, work = temporary / "fresh", temporary / "work"
            fresh.mkdir()
            work.mkdir()
            yield fresh, work
            if any(fresh.iterdir()):
                if place.is_dir():
                    check()  # it may have appeared since
                _publish(fresh, place, temporary / "old")
    except BrokenPipeError:  # of a message, not of the folder
        raise
    except OSError as error:
        if not _concerns(error, place):
            raise
        why = explain(error, "fix this or choose another folder")
        raise OutputError(f"{out}: cannot write {content}: {why}") from None


def _concerns(error: OSError, place: Path) -> bool:
    """Whether an error is of this folder, its temporary folder or a folder that it lies in. Errors of writing name no
    file."""
    if not isinstance(error.filename, str):
        return True
    named = Path(os.path.realpath(error.filename))
    if place.is_relative_to(named) or named.is_relative_to(place):
        return True
    return named.is_relative_to(place.parent) and (
        target_of_partial(named.relative_to(place.parent).parts[0]) == place.name
    )


@contextmanager
def _temporary_folder(place: Path) -> Iterator[Path]:
    temporary = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".partial", dir=place.parent))
    try:
        (temporary / MARK).touch()
        with dir_lock(temporary):
            yield temporary
    finally:
        _remove(temporary)


def _remove(temporary: Path) -> None:
    """Remove a temporary folder, and its mark last: if this is interrupted, the next run can go on."""
    for entry in temporary.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != MARK:
            entry.unlink()
    with suppress(OSError):  # it was not marked yet; or a file cannot be removed
        (temporary / MARK).unlink()
    with suppress(OSError):
        temporary.rmdir()


def _sweep(place: Path) -> None:
    """Remove temporary folders that a killed run left beside `place`, and restore a folder that it had moved there."""
    for leftover in list(place.parent.iterdir()):
        if target_of_partial(leftover.name) != place.name or leftover.is_symlink() or not leftover.is_dir():
            continue
        with dir_lock(leftover) as acquired:
            if acquired is False:
                continue  # in use by another run
            if not (leftover / MARK).exists():
                with suppress(OSError):  # ours if it is empty: killed before it was marked
                    leftover.rmdir()
                continue
            if (leftover / "old").is_dir() and not place.exists():
                os.rename(leftover / "old", place)
            _remove(leftover)


def _check_movable(out: Path, place: Path, temporary: Path) -> None:
    """Raise OutputError unless the system would let the folder be moved away, which replaces it.

    It is asked to move it over a folder that is not empty, which it always refuses: for this reason, ENOTEMPTY or
    EEXIST, only if there is no other.
    """
    full = temporary / "full"
    full.mkdir()
    (full / "file").touch()
    try:
        os.rename(place, full)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return
        why = "is a mount point" if os.path.ismount(place) else reason(error)
        raise OutputError(f"{out}: cannot be replaced: {why}; choose a new folder, for example within it") from None


def _publish(fresh: Path, place: Path, old: Path) -> None:
    for path in fresh.iterdir():
        sync_file(path)
    sync_folder(fresh)
    if place.is_dir():
        os.rename(place, old)
    try:
        os.rename(fresh, place)
    except BaseException:
        if old.exists():
            os.rename(old, place)
        raise
    sync_folder(place.parent)
