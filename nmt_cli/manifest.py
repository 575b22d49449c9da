"""`manifest.json`: the type and metadata of a folder that nmt wrote, validated when read."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from nmt_cli.atomic import write_atomic
from nmt_cli.errors import NMTError

MANIFEST = "manifest.json"


class ManifestBase(BaseModel):
    """Base class of manifests; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


R = TypeVar("R", bound=ManifestBase)


@dataclass(frozen=True)
class FolderType(Generic[R]):
    """A type of folder: its manifest class, its format version, and its name in error messages."""

    name: str
    """`kind` in the manifest, such as prepared."""
    label: str
    """Name in messages, such as prepared corpus."""
    command: str
    """The command that writes such a folder, such as nmt preprocess."""
    format: int
    """The format version that this nmt writes and reads."""
    manifest_class: type[R]
    """The class of its manifest."""
    error: type[NMTError]
    """Raised if the manifest cannot be used."""

    def text(self, record: R) -> str:
        """The manifest as indented JSON with a final newline."""
        return json.dumps(record.model_dump(), ensure_ascii=False, indent=2) + "\n"

    def write(self, folder: Path, record: R) -> None:
        """Write the manifest of a folder."""
        write_atomic(folder / MANIFEST, self.text(record))

    def read(self, folder: Path) -> R:
        """Read the manifest of a folder. Raises `error` if it is missing, damaged, of another kind or of another format
        version."""
        path = folder / MANIFEST
        try:
            content = read_raw_manifest(folder)
        except (FileNotFoundError, NotADirectoryError):
            if zipfile.is_zipfile(folder):
                raise self.error(f"{folder}: is a zip file; unpack it and name the folder that was in it") from None
            raise self.error(f"{folder}: no {self.label} here; make one with {self.command} --out {folder}") from None
        except (OSError, ValueError) as error:
            raise self.error(f"{path}: cannot be read: {error}; run {self.command} again") from None
        if content.get("kind") != self.name:
            raise self.error(f"{folder}: not a {self.label}; make one with {self.command}")
        version = content.get("format")
        if isinstance(version, int) and version > self.format:
            raise self.error(f"{path}: format {version} is newer than the supported {self.format}; upgrade nmt-cli")
        if isinstance(version, int) and version < self.format:
            raise self.error(f"{path}: format {version} is from an older nmt-cli; run {self.command} again")
        try:
            return self.manifest_class.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise self.error(f"{path}: damaged at {where}: {first['msg']}; run {self.command} again") from None


def read_raw_manifest(folder: Path) -> dict[str, Any]:
    """The content of a folder's manifest, of any kind; empty if it is not a JSON object.

    Raises OSError or ValueError if it cannot be read.
    """
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return content if isinstance(content, dict) else {}


def read_kind(folder: Path) -> Any:
    """The `kind` in the manifest of a folder; None if it cannot be read."""
    try:
        return read_raw_manifest(folder).get("kind")
    except (OSError, ValueError):
        return None
