"""What a prepared corpus says about itself: `manifest.json`.

It holds no date and no path of this machine beyond the inputs as they were given, so that the same
input makes the same bytes.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from nmt_cli.errors import CorpusError
from nmt_cli.manifest import FolderType, ManifestBase

REPORT = "report.json"

FORMAT = 2
"""Version of the prepared folder's format."""


class InputFile(ManifestBase):
    """A file that was read."""

    path: str
    """As it was given."""
    sha256: str


class TokenizerSettings(ManifestBase):
    """How text becomes subwords."""

    type: Literal["unigram", "bpe", "given"]
    vocabulary: Literal["joint", "separate"]
    source_size: int
    target_size: int
    sentences: int
    """Sentences that it was trained on; 0 when it was given."""


class PreparedManifest(ManifestBase):
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

    @property
    def identity(self) -> str:
        """Hash of what was made: of the same inputs, another version of SentencePiece may learn other subwords."""
        made = {name: content for name, content in self.files.items() if name != REPORT}
        return hashlib.sha256(json.dumps([self.fingerprint, made], sort_keys=True).encode()).hexdigest()


PREPARED = FolderType("prepared", "prepared corpus", "nmt preprocess", FORMAT, PreparedManifest, CorpusError)
"""The folder of a prepared corpus."""


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
