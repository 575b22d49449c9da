"""What a prepared corpus says about itself: `manifest.json`.

It holds no date and no path of this machine beyond the inputs as they were given, so that the same
input makes the same bytes.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from nmt_cli.errors import CorpusError

FORMAT = 1
"""Version of the prepared folder's format."""

MANIFEST = "manifest.json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputFile(_Record):
    """A file that was read."""

    path: str
    """As it was given."""
    sha256: str


class TokenizerSettings(_Record):
    """How text becomes subwords."""

    type: Literal["unigram", "bpe", "given"]
    vocabulary: Literal["joint", "separate"]
    source_size: int
    target_size: int
    sentences: int
    """Sentences that it was trained on; 0 when it was given."""


class PreparedManifest(_Record):
    """`manifest.json` of a prepared corpus."""

    format: int
    kind: Literal["prepared"]
    toolkit: str
    command: list[str]
    """The command that makes the same again."""
    source: str
    target: str
    unicode: Literal["nfc", "nfkc", "none"]
    max_length: int
    counts: dict[str, int]
    """Pairs in each split."""
    subwords: dict[str, tuple[int, int]]
    """Subwords of source and target in each split."""
    tokenizer: TokenizerSettings
    inputs: dict[str, list[InputFile]]
    """By role: train, dev, test, tokenizer."""
    files: dict[str, str]
    """SHA-256 of each file in the folder, by name."""
    options: dict[str, Any]
    """The options that decide the content."""
    fingerprint: str
    """Hash of inputs, languages and options: the same means nothing to do."""


def write_manifest(folder: Path, manifest: PreparedManifest) -> None:
    """Write `manifest.json`, readable and with a final newline."""
    text = json.dumps(manifest.model_dump(), ensure_ascii=False, indent=2)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> PreparedManifest:
    """The manifest of a prepared corpus. Raises CorpusError if it is missing, foreign, damaged or newer."""
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise CorpusError(f"{folder}: no prepared corpus here; make one with nmt preprocess --out {folder}") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CorpusError(f"{path}: cannot be read: {error}; run nmt preprocess again") from None
    if not isinstance(content, dict) or content.get("kind") != "prepared":
        raise CorpusError(f"{folder}: not a prepared corpus; make one with nmt preprocess")
    version = content.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise CorpusError(f"{path}: format {version} is newer than this program's {FORMAT}; upgrade nmt-cli")
    try:
        return PreparedManifest.model_validate(content)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise CorpusError(f"{path}: damaged at {where}; run nmt preprocess again") from None


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
