"""Atomic writes of files and folders, and locks on folders."""

import errno
import glob
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from nmt_cli.errors import OutputError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which atomically replaces `path` if the block succeeds.

    The data is synced to disk before the rename. If the block fails, `path` is unchanged. If `path` is a symbolic link,
    its target is replaced; if it is a device or a pipe, `path` itself is yielded. Raises as `check_writable`.
    """
    check_writable(path)
    if path.exists() and not path.is_file():
        yield path
        return
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_open(path: Path) -> Iterator[IO[str]]:
    """Open a UTF-8 text file that atomically replaces `path` if the block succeeds (see `atomic_path`)."""
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        yield file


def check_writable(path: Path) -> None:
    """Check before any work is done that `path` can be written; raise the OSError that writing it would raise.

    Raises OutputError if standard input, output or error is this file, because replacing it would lose that data.
    """
    real = Path(os.path.realpath(path))
    folder = next(parent for parent in real.parents if parent.exists())
    if real.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    if not os.access(real if real.exists() and not real.is_file() else folder, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    for handle, name in enumerate(("input", "output", "error")):
        if real.is_file() and os.path.samestat(os.fstat(handle), real.stat()):
            raise OutputError(f"{path}: is already used as standard {name}; choose another file")


def check_output_file(path: Path, overwrite: bool) -> None:
    """Check before any work is done that a result can be written to `path`. Raises OutputError if it exists and may not
    be overwritten, and what `check_writable` raises."""
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: already exists; choose another --out, or use --overwrite")
    check_writable(path)


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a small file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def sync_folder(path: Path) -> None:
    """Sync a folder's entries to disk."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def dir_lock(folder: Path) -> Iterator[bool | None]:
    """Hold a lock on a folder during the block. Yields True if it was acquired, False if another process holds it, None
    if the system has no such locks."""
    if fcntl is None:
        yield None
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield _acquire(handle)
    finally:
        os.close(handle)


def _acquire(handle: int) -> bool | None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # this file system has no locks
        return None
    return True


@contextmanager
def atomic_directory(out: Path, content: str, check: Callable[[], object]) -> Iterator[tuple[Path, Path]]:
    """Yield an empty folder to fill and a working folder, both beside `out`; if the block succeeds, the first becomes
    `out` unless it is empty.

    It replaces an existing `out` if `check`, which raises an error if `out` must not be replaced, allows it. However
    the block ends, no partial output is left. Raises OutputError, which names the `content`, if the folder cannot be
    written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _sweep(out)
        temporary = tempfile.TemporaryDirectory(prefix=f".{out.name}.", suffix=".partial", dir=out.parent)
        with temporary as name, dir_lock(Path(name)):
            fresh, work = Path(name) / "fresh", Path(name) / "work"
            fresh.mkdir()
            work.mkdir()
            yield fresh, work
            if any(fresh.iterdir()):
                if out.is_dir():
                    check()  # it may have appeared since
                _publish(fresh, out, Path(name) / "old")
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OutputError(f"{out}: cannot write {content}: {reason}; fix this or choose another folder") from None


def _sweep(out: Path) -> None:
    """Remove temporary folders that a killed run left beside `out`, and restore a folder that it had moved there."""
    for leftover in out.parent.glob(f".{glob.escape(out.name)}.*.partial"):
        with dir_lock(leftover) as acquired:
            if not acquired:
                continue  # in use by another run
            if (leftover / "old").is_dir() and not out.exists():
                os.rename(leftover / "old", out)
            shutil.rmtree(leftover, ignore_errors=True)


def _publish(fresh: Path, out: Path, old: Path) -> None:
    for path in fresh.iterdir():
        with open(path, "rb+") as file:  # Windows syncs only files that are open for writing
            os.fsync(file.fileno())
    sync_folder(fresh)
    if out.is_dir():
        os.rename(out, old)
    try:
        os.rename(fresh, out)
    except BaseException:
        if old.exists():
            os.rename(old, out)
        raise
    sync_folder(out.parent)
    shutil.rmtree(old, ignore_errors=True)
