"""Provenance of a prepared corpus: input hashes, the command that reproduces it, and a fingerprint."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nmt_cli.config import PreprocessConfig
from nmt_cli.corpus.manifest import FORMAT, InputFile
from nmt_cli.corpus.readers import ParallelText
from nmt_cli.corpus.train_text import TrainText
from nmt_cli.errors import CorpusError
from nmt_cli.file_hashes import FileRecord
from nmt_cli.file_names import readable
from nmt_cli.settings import to_arguments
from nmt_cli.system_errors import explain

_NOT_CONTENT = {"out", "overwrite", "threads"}
"""Options that do not affect the content."""

_INPUTS = {"train", "dev", "test", "tokenizer_model", "like", "scores"}
"""Options that name files; the hash of their content is used instead."""

_OF_LIKE = {"source", "target", "unicode"}
"""Options whose values come from `like`, if it is given."""

Texts = dict[str, list[ParallelText]]


def hash_inputs(texts: Texts, models: list[Path], scores: list[Path]) -> dict[str, list[InputFile]]:
    """Every input file with its SHA-256, by role. Raises CorpusError if one cannot be read."""
    files = {
        role: [(file.name, file.path) for text in parts for file in text.files]
        for role, parts in texts.items()
        if parts
    }
    if models:
        files["tokenizer"] = [(readable(path), path) for path in models]
    if scores:
        files["scores"] = [(readable(path), path) for path in scores]
    return {role: [_hash_file(name, path) for name, path in entries] for role, entries in files.items()}


def _hash_file(name: str, path: Path) -> InputFile:
    if name == "-":  # a training text without scores
        return InputFile(path=name, sha256=FileRecord.of(b"").sha256)
    try:
        return InputFile(path=name, sha256=FileRecord.of_file(path).sha256)
    except OSError as error:
        raise CorpusError(f"{name}: cannot be read: {explain(error)}") from None


def content_options(config: PreprocessConfig, train: Sequence[TrainText]) -> dict[str, Any]:
    """The options that affect the content, and the weights and tags of the training texts; except the names of
    files."""
    return {
        **config.model_dump(mode="json", exclude=_NOT_CONTENT | _INPUTS),
        "weights": [text.weight for text in train],
        "tag": [text.tag for text in train],
    }


def fingerprint(inputs: dict[str, list[InputFile]], languages: tuple[str, str], options: dict[str, Any]) -> str:
    """Hash of the format version, languages, input hashes and options."""
    content = {
        "format": FORMAT,
        "languages": languages,
        "inputs": {role: [file.sha256 for file in files] for role, files in inputs.items()},
        "options": options,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def command_line(config: PreprocessConfig) -> list[str]:
    """The command that reproduces the corpus, without options for output folder and machine."""
    implied = set() if config.like is None else _OF_LIKE
    return ["nmt", "preprocess", *map(readable, to_arguments(config, exclude=_NOT_CONTENT | implied))]
