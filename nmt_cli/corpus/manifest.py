"""The manifest of a prepared corpus: `manifest.json`.

It holds no date, and no paths except those of the inputs as they were given, so that the same input produces the same
bytes.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from nmt_cli.config import TagName
from nmt_cli.corpus.weighting import shares
from nmt_cli.errors import CorpusError
from nmt_cli.file_hashes import SHA256_PATTERN, FileRecords, VerifiedFolder
from nmt_cli.manifest import FolderType, ManifestBase
from nmt_cli.special_tokens import TAG_PIECES
from nmt_cli.weights import MAX_WEIGHT

REPORT = "report.json"

FORMAT = 4
"""Format version of the prepared folder."""

SplitName = Annotated[str, Field(pattern=r"^(train|dev|test)$")]
Count = Annotated[int, Field(ge=0, le=2**40)]
VocabSize = Annotated[int, Field(ge=1, le=2**24)]
LengthLimit = Annotated[int, Field(ge=1, le=2**31 - 1)]
Weight = Annotated[float, Field(gt=0, le=MAX_WEIGHT)]
"""Bounds of what a manifest counts: a damaged or forged one is refused before anything is allocated for it."""


class InputFile(ManifestBase):
    """An input file."""

    path: str
    """As given by the user."""
    sha256: Annotated[str, Field(pattern=SHA256_PATTERN)]


class TokenizerSettings(ManifestBase):
    """Type, vocabulary and size of the tokenizers."""

    type: Literal["unigram", "bpe", "given"]
    vocabulary: Literal["joint", "separate"]
    source_size: VocabSize
    target_size: VocabSize
    sentences: Count
    """Sentences that it was trained on; 0 if it was given by the user."""


class TrainCorpus(ManifestBase):
    """One of the texts that train consists of."""

    name: str
    """As given by the user, without the weight."""
    weight: Weight
    """How often an epoch draws each of its pairs."""
    tag: TagName | None
    """Name of the tag that its sources begin with."""
    pairs: Count


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
    max_length: LengthLimit
    counts: dict[SplitName, Count]
    """Sentence pairs of each split."""
    subwords: dict[SplitName, tuple[Count, Count]]
    """Total source and target subwords of the text of each split, without tags."""
    corpora: Annotated[list[TrainCorpus], Field(min_length=1)]
    """The texts of train, in the order of its rows."""
    tags: Annotated[list[TagName], Field(max_length=len(TAG_PIECES))]
    """Names of tags, by slot (see `tags`)."""
    tokenizer: TokenizerSettings
    inputs: dict[str, list[InputFile]]
    """By role: train, dev, test, tokenizer, scores."""
    files: FileRecords
    """Size and SHA-256 of each file in the folder, by file name."""
    options: dict[str, Any]
    """The options that determine the content."""
    fingerprint: str
    """Hash of inputs, languages and options: if it is unchanged, there is nothing to do."""

    @model_validator(mode="after")
    def _has_train(self) -> Self:
        if "train" not in self.counts:
            raise ValueError("there is no split train")
        if sum(corpus.pairs for corpus in self.corpora) != self.counts["train"]:
            raise ValueError("the pairs of the corpora are not those of train")
        if not {corpus.tag for corpus in self.corpora} <= {None, *self.tags}:
            raise ValueError("a corpus has an unknown tag")
        return self

    @property
    def shares(self) -> list[float]:
        """The fraction of the draws of an epoch that each of the corpora has."""
        return shares(self.corpora)

    @property
    def is_weighted(self) -> bool:
        """Whether there are several corpora, or one with a weight or a tag."""
        return len(self.corpora) > 1 or any(corpus.weight != 1 or corpus.tag for corpus in self.corpora)

    @property
    def identity(self) -> str:
        """Hash of the fingerprint and the written files: another version of SentencePiece may train other subwords on
        the same input."""
        written = {name: record.sha256 for name, record in self.files.items() if name != REPORT}
        return hashlib.sha256(json.dumps([self.fingerprint, written], sort_keys=True).encode()).hexdigest()


PREPARED = FolderType(
    "prepared", "prepared corpus", "nmt preprocess", FORMAT, PreparedManifest, CorpusError, text_option="--train"
)
"""The folder type of a prepared corpus."""


def prepared_folder(path: Path, manifest: PreparedManifest) -> VerifiedFolder:
    """The files of a prepared corpus, verified when read."""
    return VerifiedFolder(path, manifest.files, CorpusError, "run nmt preprocess again")
