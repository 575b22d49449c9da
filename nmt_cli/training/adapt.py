"""Start a run from the weights of another model, its parent: `nmt train --from`."""

from dataclasses import dataclass
from pathlib import Path

from nmt_cli.checkpoint.layout import (
    MODEL,
    WEIGHTS,
    ModelManifest,
    ParentRecord,
    check_weights_metadata,
    read_config,
)
from nmt_cli.checkpoint.model_dir import load_tokenizers, load_weights
from nmt_cli.checkpoint.tensors import read_tensors
from nmt_cli.config import ModelConfig, TrainConfig
from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.corpus.tokenizer import Tokenizers
from nmt_cli.errors import CheckpointError, ConfigError
from nmt_cli.file_names import readable
from nmt_cli.model.seq2seq import Seq2Seq

MAY_DIFFER = ("dropout", "embedding_dropout", "word_dropout")
"""Model options that do not change what the weights compute in translation."""


@dataclass(frozen=True)
class Parent:
    """A model to start from."""

    path: Path
    manifest: ModelManifest
    model: ModelConfig

    @classmethod
    def read(cls, path: Path) -> "Parent":
        """Read a model's manifest and options. Raises CheckpointError."""
        return cls(path, MODEL.read(path), read_config(path).model)

    def with_architecture(self, config: TrainConfig) -> TrainConfig:
        """The options of a run with the parent's architecture. Raises ConfigError naming a model option that is set to
        another value than the parent's; dropout may differ."""
        given = config.model.model_dump(exclude_unset=True)
        for name, value in given.items():
            inherited = getattr(self.model, name)
            if name not in MAY_DIFFER and value != inherited:
                raise ConfigError(
                    f"{name} is {value}, but {inherited} in {self.path}, whose weights --from starts from; leave it out"
                )
        return config.model_copy(update={"model": self.model.model_copy(update=given)})

    def check_corpus(self, corpus: PreparedCorpus) -> None:
        """Raise CheckpointError if a corpus differs from the parent's in languages, Unicode form or subwords."""
        ours, theirs = corpus.manifest, self.manifest
        tokenizers = load_tokenizers(self.path, theirs)
        remedy = f"prepare the text with nmt preprocess --like {self.path}"
        if (ours.source, ours.target) != (theirs.source, theirs.target):
            raise CheckpointError(
                f"{corpus.path}: is {ours.source} -> {ours.target}, but {self.path} translates {theirs.source} -> "
                f"{theirs.target}; {remedy}"
            )
        if ours.unicode != theirs.unicode:
            raise CheckpointError(
                f"{corpus.path}: has the Unicode form {ours.unicode}, but {self.path} has {theirs.unicode}; {remedy}"
            )
        if ours.tags[: len(theirs.tags)] != theirs.tags:
            raise CheckpointError(
                f"{corpus.path}: has the tags {_names(ours.tags)}, but {self.path} has {_names(theirs.tags)}; {remedy}"
            )
        if corpus.tokenizers.files() != tokenizers.files():
            raise CheckpointError(
                f"{corpus.path}: has other subwords ({_sizes(corpus.tokenizers)}) than {self.path} "
                f"({_sizes(tokenizers)}); {remedy}"
            )

    def load_weights(self, model: Seq2Seq) -> list[ParentRecord]:
        """Copy the parent's weights into a model. Returns the parent's own parents, and the parent.

        Raises CheckpointError if the weights are missing or damaged.
        """
        weights, metadata = read_tensors(self.path / WEIGHTS)
        check_weights_metadata(self.path, metadata, self.manifest)
        load_weights(model, weights, self.path / WEIGHTS)
        record = ParentRecord(
            name=readable(self.path.resolve().name),
            sha256=metadata["sha256"],
            corpus=self.manifest.corpus,
            train_pairs=self.manifest.train_pairs,
            steps=metadata["step"],
        )
        return [*self.manifest.parents, record]


def _sizes(tokenizers: Tokenizers) -> str:
    if tokenizers.joint:
        return f"{tokenizers.source.size:,} joint"
    return f"{tokenizers.source.size:,} and {tokenizers.target.size:,}"


def _names(tags: list[str]) -> str:
    return ", ".join(tags) or "none"
