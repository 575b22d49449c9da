"""Sizes and SHA-256 hashes of files, recorded in a manifest and checked whenever a file is read."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from nmt_cli.documents import open_file, read_file
from nmt_cli.errors import NMTError
from nmt_cli.system_errors import explain

SHA256_PATTERN = r"^[0-9a-f]{64}$"
FILE_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"

LARGE = 1 << 28
"""Bytes from which a file is hashed once and then remembered (see `_Remembered`)."""


class FileRecord(BaseModel):
    """Size and hash of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=SHA256_PATTERN)]

    @classmethod
    def of(cls, content: bytes) -> "FileRecord":
        """The record of a file with this content."""
        return cls(size=len(content), sha256=hashlib.sha256(content).hexdigest())

    @classmethod
    def of_file(cls, path: Path) -> "FileRecord":
        """The record of a file on disk. Raises OSError if it cannot be read."""
        with open(path, "rb") as file:
            return cls(size=os.fstat(file.fileno()).st_size, sha256=hashlib.file_digest(file, "sha256").hexdigest())


FileRecords = dict[Annotated[str, Field(pattern=FILE_NAME_PATTERN)], FileRecord]
"""The records of the files of a folder, by name."""


@dataclass(frozen=True)
class VerifiedFolder:
    """A folder whose files are read only as its manifest records them; else `error` is raised, with the `remedy`."""

    path: Path
    files: FileRecords
    error: type[NMTError]
    remedy: str

    def __contains__(self, name: str) -> bool:
        return name in self.files

    def read(self, name: str) -> bytes:
        """The content of a file."""
        record = self._record(name)
        try:
            content = read_file(self.path / name, record.size, self.path)
        except OSError as reason:
            raise self._unreadable(name, reason) from None
        except ValueError:  # longer than recorded
            raise self._mismatch(name) from None
        if FileRecord.of(content) != record:
            raise self._mismatch(name)
        return content

    def verify(self, name: str) -> Path:
        """The path of a file, for one that is mapped into memory. A large file that has not changed since it was last
        verified is not read again."""
        record = self._record(name)
        try:
            with open_file(self.path / name, self.path) as file:
                facts = os.fstat(file.fileno())
                remembered = _Remembered(self.path / name, facts, record)
                if facts.st_size != record.size:
                    raise self._mismatch(name)
                if not remembered.exists():
                    if hashlib.file_digest(file, "sha256").hexdigest() != record.sha256:
                        raise self._mismatch(name)
                    remembered.write()
        except OSError as reason:
            raise self._unreadable(name, reason) from None
        return self.path / name

    def _record(self, name: str) -> FileRecord:
        if name not in self.files:
            raise self.error(f"{self.path / name}: the manifest does not list such a file; {self.remedy}")
        return self.files[name]

    def _unreadable(self, name: str, reason: OSError) -> NMTError:
        if isinstance(reason, FileNotFoundError):
            return self.error(f"{self.path / name}: is missing; {self.remedy}")
        return self.error(f"{self.path / name}: cannot be read: {explain(reason, self.remedy)}")

    def _mismatch(self, name: str) -> NMTError:
        return self.error(
            f"{self.path / name}: damaged or changed: it does not match its hash in the manifest; {self.remedy}"
        )


class _Remembered:
    """That a large file has been verified: an empty file in the user's cache folder, named by a hash of the path, the
    inode, the size, the time of change and the content's hash. Any change of these makes another name."""

    def __init__(self, path: Path, facts: os.stat_result, record: FileRecord) -> None:
        key = (os.path.realpath(path), facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
        name = hashlib.sha256(f"{key} {record.sha256}".encode("utf-8", "surrogateescape")).hexdigest()
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        self._path = Path(cache, "nmt", "verified", name) if facts.st_size >= LARGE else None

    def exists(self) -> bool:
        return self._path is not None and os.path.isfile(self._path)

    def write(self) -> None:
        """Best effort: without a cache folder that can be written, the file is hashed each time."""
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._path.touch()
            except OSError:
                pass
