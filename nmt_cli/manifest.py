"""`manifest.json`: what a folder of this program is, read without trusting it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from nmt_cli.atomic import write_atomic
from nmt_cli.errors import NMTError

MANIFEST = "manifest.json"


class ManifestBase(BaseModel):
    """What a manifest holds: exactly its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


R = TypeVar("R", bound=ManifestBase)


@dataclass(frozen=True)
class FolderType(Generic[R]):
    """A kind of folder: what its manifest says it is, and how to speak of it."""

    name: str
    """As in the manifest: prepared."""
    called: str
    """As in a sentence: prepared corpus."""
    command: str
    """What makes one: nmt preprocess."""
    format: int
    """The version that this program writes and reads."""
    record: type[R]
    error: type[NMTError]

    def write(self, folder: Path, record: R) -> None:
        """Write the manifest, readable and with a final newline."""
        write_atomic(folder / MANIFEST, json.dumps(record.model_dump(), ensure_ascii=False, indent=2) + "\n")

    def read(self, folder: Path) -> R:
        """The manifest of a folder. Raises this kind's error if it is missing, foreign, damaged or of another
        format."""
        path = folder / MANIFEST
        try:
            content = manifest_of(folder)
        except (FileNotFoundError, NotADirectoryError):
            raise self.error(f"{folder}: no {self.called} here; make one with {self.command} --out {folder}") from None
        except (OSError, ValueError) as error:
            raise self.error(f"{path}: cannot be read: {error}; run {self.command} again") from None
        if content.get("kind") != self.name:
            raise self.error(f"{folder}: not a {self.called}; make one with {self.command}")
        version = content.get("format")
        if isinstance(version, int) and version > self.format:
            raise self.error(f"{path}: format {version} is newer than this program's {self.format}; upgrade nmt-cli")
        if isinstance(version, int) and version < self.format:
            raise self.error(f"{path}: format {version} is of an older nmt-cli; make it again with {self.command}")
        try:
            return self.record.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise self.error(f"{path}: damaged at {where}: {first['msg']}; run {self.command} again") from None


def manifest_of(folder: Path) -> dict[str, Any]:
    """The content of a folder's manifest, whatever its kind. Raises OSError or ValueError if there is none to read."""
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return content if isinstance(content, dict) else {}


def kind_of(folder: Path) -> Any:
    """The kind that the manifest of a folder states; None if it cannot be read."""
    try:
        return manifest_of(folder).get("kind")
    except (OSError, ValueError):
        return None
