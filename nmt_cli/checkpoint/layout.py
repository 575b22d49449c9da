"""Files of a model folder, and its metadata, read without importing torch.

model/  manifest.json        languages, corpus, command and environments
        config.toml          all options
        tokenizer.model      SentencePiece (or tokenizer.source.model and tokenizer.target.model)
        lexicon.safetensors  most probable target subwords of each source subword, for --shortlist
        weights.safetensors  the best weights; step, scores and hash are in the header
        last/                the state to resume from
        metrics.jsonl        one line for every log event and validation
        README.md            the model card
        replaced-1/          the previous model, while --overwrite trains a new one
        unfinished.toml      all options of a run that has not written its config.toml yet
"""

import json
import struct
from pathlib import Path
from typing import Any, Literal

from nmt_cli.atomic import target_of_partial
from nmt_cli.errors import CheckpointError
from nmt_cli.manifest import MANIFEST, FolderType, ManifestBase, read_kind
from nmt_cli.settings import read_toml

FORMAT = 3
"""Format version of the model folder."""

CONFIG = "config.toml"
WEIGHTS = "weights.safetensors"
MODEL_CARD = "README.md"
METRICS = "metrics.jsonl"
UNFINISHED = "unfinished.toml"
RESUME = Path("last") / "state.safetensors"
METADATA_KEY = "nmt"
"""Key of nmt's metadata in the header of a tensor file."""


class Environment(ManifestBase):
    """The environment of a training run, or of the part of it after a resume. Runs with equal versions, processor,
    precision and number of threads give equal results."""

    date: str
    """Start time, in UTC."""
    python: str
    torch: str
    sentencepiece: str
    processor: str
    """Model name of the CPU or GPU."""
    precision: str
    threads: int


class ModelManifest(ManifestBase):
    """`manifest.json` of a model."""

    format: int
    kind: Literal["model"]
    toolkit: str
    command: list[str]
    source: str
    target: str
    unicode: Literal["nfc", "nfkc", "none"]
    max_source_length: int
    """Maximum subwords of an input that is translated in one piece."""
    source_size: int
    target_size: int
    prepared: str
    """Folder of the prepared corpus that it was trained on."""
    corpus: str
    """Identity of that corpus (`PreparedManifest.identity`)."""
    train_pairs: int
    environments: list[Environment]
    """Environment at the start, and after each resume in which it changed."""
    packed: bool = False
    """Whether nmt pack wrote it: it has no training state, and paths are reduced to their last part."""


MODEL = FolderType("model", "model", "nmt train", FORMAT, ModelManifest, CheckpointError)
"""The folder type of a model."""


def read_options(path: Path) -> dict[str, Any]:
    """Read the options that a model was trained with. Raises ConfigError or CheckpointError."""
    MODEL.read(path)
    return read_toml(path / CONFIG)


def has_only_begun(path: Path) -> bool:
    """Whether a run of nmt train was killed in this folder before it had saved a state. It may have been killed before
    it had written anything: then the folder is empty."""
    if (path / UNFINISHED).exists():
        return True
    if (path / WEIGHTS).exists() or (path / RESUME).exists() or not path.is_dir():
        return False
    if (path / MANIFEST).exists():
        return read_kind(path) == MODEL.name and not MODEL.read(path).packed
    return all(target_of_partial(entry.name) == UNFINISHED for entry in path.iterdir())


def resumed_options(path: Path) -> tuple[str, dict[str, Any]] | None:
    """The file with the options of a run to resume, and these options; None if it has not written them yet."""
    if (path / UNFINISHED).exists():
        return str(path / UNFINISHED), read_toml(path / UNFINISHED)
    return (str(path / CONFIG), read_options(path)) if (path / CONFIG).exists() else None


def read_metadata(path: Path) -> dict[str, Any]:
    """Read nmt's metadata from a tensor file, without its tensors. Raises CheckpointError if the file is missing,
    damaged or not written by nmt."""
    try:
        with open(path, "rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(size, 1 << 26)))
        metadata: dict[str, Any] = json.loads(header["__metadata__"][METADATA_KEY])
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; has nmt train saved a model here?") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    except (struct.error, ValueError, KeyError, TypeError):
        raise CheckpointError(f"{path}: damaged, or not written by nmt") from None
    return metadata
