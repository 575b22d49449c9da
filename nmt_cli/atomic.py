"""Atomic writes of files, and locks on folders."""

import errno
import os
import re
import tempfile
from collections.abc import Iterator
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
        with errors_name(path):
            yield temporary
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
            sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def errors_name(path: Path) -> Iterator[None]:
    """Make errors in the block name this file if they name none: those of writing and closing a file do not."""
    try:
        yield
    except OSError as error:
        if error.filename is None and not isinstance(error, BrokenPipeError):
            error.filename = str(path)
        raise


def target_of_partial(name: str) -> str | None:
    """The name of the file that a temporary file of `atomic_path`, left by a killed run, was to replace; None if this
    is not the name of one."""
    match = re.fullmatch(r"\.(.+)\.[a-z0-9_]{8}\.partial", name)
    return match[1] if match else None


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


def check_output_file(path: Path, overwrite: bool, option: str = "--out") -> None:
    """Check before any work is done that the file of an `option` can be written. Raises OutputError if it exists and
    may not be overwritten, and what `check_writable` raises."""
    check_writable(path)
    if path.is_file() and not overwrite:
        raise OutputError(f"{path}: already exists; choose another {option}, or use --overwrite")


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
        yield _acquire(handle, folder)
    finally:
        os.close(handle)


def _acquire(handle: int, folder: Path) -> bool | None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # the process that held the lock may have removed this folder meanwhile
        return os.path.samestat(os.fstat(handle), os.stat(folder))
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:  # this file system has no locks
        return None
