"""Writing so that no reader ever meets half a file, and no other run the same folder."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

from nmt_cli.errors import OutputError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well, it becomes `path` in one step.

    The data is on the disk before the name changes. If the block fails, `path` stays as it was. A link stays a link,
    to what is written; a device or a pipe is given as it is, to be written to.

    Raises what `check_writable` raises.
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
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_open(path: Path) -> Iterator[IO[str]]:
    """Give a text file to write, which becomes `path` in one step when the block ends well (see `atomic_path`)."""
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        yield file


def check_writable(path: Path) -> None:
    """Raise, before any work is done for it, the OSError that writing `path` would end in.

    Raises OutputError if it is a file that standard input, output or error already is: replacing it would lose that.
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
            raise OutputError(f"{path}: is standard {name} already; name another file")


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a whole small file in one step."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def sync_folder(path: Path) -> None:
    """Make the names in a folder as durable as its files."""
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
    """Lock a folder against other runs for as long as this one lives: True, False if another has it, None where there
    are no such locks."""
    if fcntl is None:
        yield None
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield _locked(handle)
    finally:
        os.close(handle)


def _locked(handle: int) -> bool | None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without them
        return None
    return True
