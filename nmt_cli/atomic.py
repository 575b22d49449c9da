"""Atomic writes of files, and locks on folders."""

import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from nmt_cli.errors import OutputError
from nmt_cli.system_errors import best_effort

MAX_NAME = 255 - len("..abcdefgh.partial")
"""Bytes of the name of a file to write: file systems allow 255, also for the temporary file."""


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
    with errors_name(path):
        path = Path(os.path.realpath(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        with _temporary_file(path) as temporary:
            yield temporary
            sync_file(temporary)
            with best_effort():  # file systems without permissions
                os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
            sync_folder(path.parent)


@contextmanager
def _temporary_file(path: Path) -> Iterator[Path]:
    """An empty file beside `path`, locked so that `remove_partials` of another run does not remove it."""
    handle, name = _create_locked(path)
    temporary = Path(name)
    if fcntl is None:  # Windows does not rename files that are open
        os.close(handle)
    try:
        yield temporary
    finally:
        if fcntl is not None:
            os.close(handle)
        temporary.unlink(missing_ok=True)


def _create_locked(path: Path) -> tuple[int, str]:
    """Create a temporary file for `path`; returns its handle and its name. Another run may remove it before it is
    locked, though hardly twice."""
    for attempt in range(2):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
        if attempt or fcntl is None or _acquire(handle, Path(name)) is not False:
            break
        os.close(handle)
    return handle, name


def remove_partials(path: Path) -> None:
    """Remove the temporary files for `path` that killed runs left; those that a run holds are kept. Best effort: where
    there are no locks, or the folder cannot be read, nothing is removed."""
    path = Path(os.path.realpath(path))
    with suppress(OSError):
        for entry in list(path.parent.iterdir()):
            if fcntl is None or target_of_partial(entry.name) != path.name or not _is_regular(entry):
                continue
            handle = os.open(entry, os.O_RDWR | os.O_NOFOLLOW)
            try:
                if _acquire(handle, entry):
                    entry.unlink()
            finally:
                os.close(handle)


def _is_regular(entry: Path) -> bool:
    return stat.S_ISREG(entry.lstat().st_mode)


@contextmanager
def errors_name(path: Path) -> Iterator[None]:
    """Make errors in the block name this file if they name none, as those of writing and closing a file do, or the
    temporary file for it."""
    try:
        yield
    except OSError as error:
        named = os.path.basename(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
        temporary = named is not None and target_of_partial(named) == os.path.basename(os.path.realpath(path))
        if (named is None or temporary) and not isinstance(error, BrokenPipeError):
            error.filename, error.filename2 = str(path), None
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
    folder = next(parent for parent in real.parents if os.path.exists(parent))
    if os.path.isdir(real):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    if len(os.fsencode(real.name)) > MAX_NAME:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), str(path))
    if not os.access(folder, os.X_OK) or not os.access(real if is_special(real) else folder, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    for handle, name in enumerate(("input", "output", "error")):
        if real.is_file() and os.path.samestat(os.fstat(handle), real.stat()):
            raise OutputError(f"{path}: is already used as standard {name}; choose another file")


def is_special(path: Path) -> bool:
    """Whether this is a device or a pipe."""
    return os.path.exists(path) and not os.path.isfile(path)


def check_output_file(path: Path, overwrite: bool, option: str = "--out") -> None:
    """Check before any work is done that the file of an `option` can be written, and remove what killed runs left
    beside it. Raises OutputError if it exists and may not be overwritten, and what `check_writable` raises."""
    check_writable(path)
    if path.is_file() and not overwrite:
        raise OutputError(f"{path}: already exists; choose another {option}, or use --overwrite")
    remove_partials(path)


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a small file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def sync_file(path: Path) -> None:
    """Sync a file's content to disk, where the file system can."""
    with open(path, "rb+") as file, best_effort():  # Windows syncs only files that are open for writing
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Sync a folder's entries to disk, where the file system can and the folder may be opened."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    with best_effort():
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
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:  # it may be written but not read
        yield None
        return
    try:
        yield _acquire(handle, folder)
    finally:
        os.close(handle)


def _acquire(handle: int, path: Path) -> bool | None:
    """Lock an open file or folder; results as of `dir_lock`."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # the process that held the lock may have removed it meanwhile
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:  # this file system has no locks
        return None
