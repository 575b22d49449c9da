"""`manifest.json`: the type and metadata of a folder that nmt wrote, validated when read.

It holds a hash of its own content, so that a changed digit is noticed.
"""

import hashlib
import json
import os
import zipfile
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from nmt_cli.atomic import write_atomic
from nmt_cli.documents import MAX_MANIFEST, first_problem, parse_json, read_file
from nmt_cli.errors import NMTError
from nmt_cli.system_errors import explain

MANIFEST = "manifest.json"
OWN_HASH = "sha256"
"""Key of the manifest's hash of its own content."""

ANY_FORMAT = 0
"""The format of a folder type whose manifest class has only fields that every version has."""


KINDS = {"prepared": "a prepared corpus", "model": "a model", "shards": "unfinished work of nmt bulk, augment or score"}
"""What a folder is, by the `kind` in its manifest."""


class ManifestBase(BaseModel):
    """Base class of manifests; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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
    """The format version that this nmt writes and reads, or ANY_FORMAT."""
    manifest_class: type[R]
    """The class of its manifest."""
    error: type[NMTError]
    """Raised if the manifest cannot be used."""
    text_option: str = ""
    """The option of its command that names text, if it is made from text."""
    backups: str = ""
    """Pattern of the names of the folders within it that hold what it held before, if its command keeps that."""

    def text(self, record: R) -> str:
        """The manifest as indented JSON with a final newline."""
        content = record.model_dump(mode="json")
        return json.dumps({**content, OWN_HASH: _hash(content)}, ensure_ascii=False, indent=2) + "\n"

    def write(self, folder: Path, record: R) -> None:
        """Write the manifest of a folder."""
        write_atomic(folder / MANIFEST, self.text(record))

    def read(self, folder: Path) -> R:
        """Read the manifest of a folder. Raises `error` if it is missing, damaged, of another kind or of another format
        version."""
        path = folder / MANIFEST
        try:
            content = _read_object(path)
        except (FileNotFoundError, NotADirectoryError):
            raise self.error(self._missing(folder)) from None
        except OSError as error:
            raise self.error(f"{path}: cannot be read: {explain(error, f'run {self.command} again')}") from None
        except ValueError as error:
            raise self.error(f"{path}: cannot be read: {error}; run {self.command} again") from None
        return self._check(folder, path, content)

    def read_file(self, path: Path) -> R:
        """Read a manifest that describes files beside it, and not a folder of its own. Raises `error` as `read`, and
        FileNotFoundError if there is none."""
        try:
            content = _read_object(path)
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            raise self.error(f"{path}: cannot be read: {error}; run {self.command} again") from None
        return self._check(path, path, content)

    def _check(self, place: Path, path: Path, content: dict[str, Any]) -> R:
        """The manifest with this content, which was read from `path`, of what is at `place`."""
        if content.get("kind") != self.name:
            other = KINDS.get(str(content.get("kind")))
            what = f"is {other}, not a {self.label}" if other else f"not a {self.label}"
            raise self.error(f"{place}: {what}; make one with {self.command}")
        version = content.get("format")
        if isinstance(version, int) and self.format != ANY_FORMAT and version > self.format:
            raise self.error(f"{path}: format {version} is newer than the supported {self.format}; upgrade nmt-cli")
        if isinstance(version, int) and version < self.format:
            raise self.error(f"{path}: format {version} is from an older nmt-cli; run {self.command} again")
        return self._validate(path, content)

    def _missing(self, folder: Path) -> str:
        if os.path.isfile(folder):
            return f"{folder}: {explain_file(folder)}{self._how_to_read_text(folder.with_suffix(''))}"
        found = sorted(folder.glob(f"{self.backups}/{MANIFEST}")) if self.backups else []
        if found:
            return f"{folder}: no {self.label} here, but the one that was here before is whole in {found[-1].parent}"
        if how := self._how_to_read_text(folder):
            return f"{folder}: no {self.label} here{how}"
        return f"{folder}: no {self.label} here; make one with {self.command} --out {folder}"

    def _how_to_read_text(self, prefix: Path) -> str:
        """How to make such a folder from the files of which the path is the prefix; empty if there are none."""
        files = sorted(path.name for path in prefix.parent.glob(f"{escape(prefix.name)}.*")) if self.text_option else []
        if len(files) < 2 or read_kind(prefix.parent) is not None:
            return ""
        return f"; prepare the text in {files[0]} and {files[1]} with {self.command} {self.text_option} {prefix} first"

    def _validate(self, path: Path, content: dict[str, Any]) -> R:
        recorded = content.pop(OWN_HASH, None)
        try:
            # as JSON, where a list may stand for a tuple although types are strict
            record = self.manifest_class.model_validate_json(json.dumps(content), strict=True)
        except ValidationError as error:
            raise self.error(f"{path}: damaged {first_problem(error)}; run {self.command} again") from None
        if recorded != _hash(content):
            raise self.error(
                f"{path}: damaged or changed: it does not match the hash that it holds; run {self.command} again"
            )
        return record


def _hash(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_raw_manifest(folder: Path) -> dict[str, Any]:
    """The content of a folder's manifest, of any kind; empty if it is not a JSON object.

    Raises OSError or ValueError if it cannot be read.
    """
    return _read_object(folder / MANIFEST)


def _read_object(path: Path) -> dict[str, Any]:
    content = parse_json(read_file(path, MAX_MANIFEST, path.parent))
    return content if isinstance(content, dict) else {}


def explain_file(path: Path) -> str:
    """Why a file is not the folder that was to be named, and which folder that may be."""
    if zipfile.is_zipfile(path):
        return "is a zip file; unpack it and name the folder that was in it"
    for folder in list(path.absolute().parents)[:2]:  # a state lies one folder deeper
        if read_kind(folder) is not None:
            return f"is a file; name its folder, {os.path.relpath(folder) if not path.is_absolute() else folder}"
    return "is a file, not a folder that nmt wrote"


def read_kind(folder: Path) -> Any:
    """The `kind` in the manifest of a folder; None if it cannot be read."""
    try:
        return read_raw_manifest(folder).get("kind")
    except (OSError, ValueError):
        return None
