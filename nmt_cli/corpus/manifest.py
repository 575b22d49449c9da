"""The manifest of a prepared corpus: `manifest.json`.

It holds no date, and no paths except those of the inputs as they were given, so that the same input produces the same
bytes.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from nmt_cli.errors import CorpusError
from nmt_cli.manifest import FolderType, ManifestBase

REPORT = "report.json"

FORMAT = 2
"""Format version of the prepared folder."""


class InputFile(ManifestBase):
    """An input file."""

    path: str
    """As given by the user."""
    sha256: str


class TokenizerSettings(ManifestBase):
    """Type, vocabulary and size of the tokenizers."""

    type: Literal["unigram", "bpe", "given"]
    vocabulary: Literal["joint", "separate"]
    source_size: int
    target_size: int
    sentences: int
    """Sentences that it was trained on; 0 if it was given by the user."""


class PreparedManifest(ManifestBase):
    """`manifest.json` of a prepared corpus."""

    format: int
    kind: Literal["prepared"]
    toolkit: str
    command: list[str]
    """The command that reproduces the folder."""
    source: str
    target: str
    unicode: Literal["nfc", "nfkc", "none"]
    max_length: int
    counts: dict[str, int]
    """Sentence pairs of each split."""
    subwords: dict[str, tuple[int, int]]
    """Total source and target subwords of each split."""
    tokenizer: TokenizerSettings
    inputs: dict[str, list[InputFile]]
    """By role: train, dev, test, tokenizer."""
    files: dict[str, str]
    """SHA-256 of each file in the folder, by file name."""
    options: dict[str, Any]
    """The options that determine the content."""
    fingerprint: str
    """Hash of inputs, languages and options: if it is unchanged, there is nothing to do."""

    @property
    def identity(self) -> str:
        """Hash of the fingerprint and the written files: another version of SentencePiece may train other subwords on
        the same input."""
        written = {name: content for name, content in self.files.items() if name != REPORT}
        return hashlib.sha256(json.dumps([self.fingerprint, written], sort_keys=True).encode()).hexdigest()


PREPARED = FolderType("prepared", "prepared corpus", "nmt preprocess", FORMAT, PreparedManifest, CorpusError)
"""The folder type of a prepared corpus."""


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content, as hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
