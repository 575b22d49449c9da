"""The subwords, Unicode form and languages of a model or a prepared corpus, for `nmt preprocess --like`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field

from nmt_cli.config import PreprocessConfig, TagName
from nmt_cli.corpus.manifest import PREPARED, VocabSize, prepared_folder
from nmt_cli.corpus.tokenizer import Tokenizers
from nmt_cli.errors import CheckpointError, ConfigError
from nmt_cli.file_hashes import FileRecords, VerifiedFolder
from nmt_cli.manifest import ANY_FORMAT, FolderType, ManifestBase, read_kind


class _ModelText(ManifestBase):
    """What the manifest of a model says about its text."""

    model_config = ConfigDict(extra="ignore")

    source: str
    target: str
    unicode: Literal["nfc", "nfkc", "none"]
    source_size: VocabSize
    target_size: VocabSize
    tags: list[TagName] = Field(default_factory=list)
    files: FileRecords


_MODEL = FolderType("model", "model or prepared corpus", "nmt train", ANY_FORMAT, _ModelText, CheckpointError)


@dataclass(frozen=True)
class Like:
    """What a new corpus takes from a model or a prepared corpus."""

    path: Path
    languages: tuple[str, str]
    tokenizers: Tokenizers
    tags: list[str]
    """Names of its tags, by slot."""

    @classmethod
    def read(cls, path: Path) -> "Like":
        """Read a model or a prepared corpus. Raises CheckpointError or CorpusError if it is neither, or damaged."""
        if read_kind(path) == PREPARED.name:
            corpus = PREPARED.read(path)
            languages = corpus.source, corpus.target
            sizes = corpus.tokenizer.source_size, corpus.tokenizer.target_size
            tokenizers = Tokenizers.load(prepared_folder(path, corpus), corpus.unicode, sizes)
            return cls(path, languages, tokenizers, corpus.tags)
        model = _MODEL.read(path)
        folder = VerifiedFolder(path, model.files, CheckpointError, "restore it, or train again")
        tokenizers = Tokenizers.load(folder, model.unicode, (model.source_size, model.target_size))
        return cls(path, (model.source, model.target), tokenizers, model.tags)

    @property
    def files(self) -> list[Path]:
        """The files of its tokenizers."""
        return [self.path / name for name in self.tokenizers.files()]

    def applied_to(self, config: PreprocessConfig) -> PreprocessConfig:
        """The options with its languages and its Unicode form. Raises ConfigError if they name other languages."""
        given = config.source or self.languages[0], config.target or self.languages[1]
        if given != self.languages:
            raise ConfigError(
                f"--source {given[0]} --target {given[1]}: --like {self.path} is {' -> '.join(self.languages)}; leave "
                "the languages out, or --like"
            )
        source, target = self.languages
        unicode = self.tokenizers.source.unicode
        return config.model_copy(update={"source": source, "target": target, "unicode": unicode})
