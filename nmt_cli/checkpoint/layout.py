"""What lies in a model folder and what can be told of it without torch.

model/  manifest.json        what it is, where it comes from
        config.toml          every option in force
        tokenizer.model      subwords (or tokenizer.source.model and tokenizer.target.model)
        lexicon.safetensors  which target subwords go with each of the source, for --shortlist
        weights.safetensors  the best weights, with step, scores and hash in the header
        last/                the state to resume from
        metrics.jsonl        a line for every report and validation
        README.md            the model card
        replaced-1/          while --overwrite is at work: the model that was here before
"""

import json
import struct
from pathlib import Path
from typing import Any, Literal

from nmt_cli.errors import CheckpointError
from nmt_cli.manifest import FolderType, ManifestBase
from nmt_cli.settings import read_toml

FORMAT = 3
"""Version of the model folder's format."""

CONFIG = "config.toml"
WEIGHTS = "weights.safetensors"
CARD = "README.md"
METRICS = "metrics.jsonl"
RESUME = Path("last") / "state.safetensors"
HEADER = "nmt"
"""Where our facts stand in the header of a tensor file."""


class Environment(ManifestBase):
    """What a part of a training computed with: the same versions, processor, precision and number of threads make the
    same numbers."""

    date: str
    """When it started, in UTC."""
    python: str
    torch: str
    sentencepiece: str
    processor: str
    """The model of the CPU or GPU."""
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
    """Subwords of the longest input translated in one piece."""
    source_size: int
    target_size: int
    prepared: str
    """Folder of the corpus that it was trained on."""
    corpus: str
    """The identity of that corpus: a hash of all that is in it."""
    train_pairs: int
    environments: list[Environment]
    """What the run computed with: at first, and after each resume that changed something of it."""


MODEL = FolderType("model", "model", "nmt train", FORMAT, ModelManifest, CheckpointError)
"""The folder of a model."""


def read_options(path: Path) -> dict[str, Any]:
    """The options that the model in this folder was trained with. Raises ConfigError or CheckpointError."""
    MODEL.read(path)
    return read_toml(path / CONFIG)


def read_metadata(path: Path) -> dict[str, Any]:
    """The facts in a tensor file, without its tensors. Raises CheckpointError if it is missing or foreign."""
    try:
        with open(path, "rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(size, 1 << 26)))
        metadata: dict[str, Any] = json.loads(header["__metadata__"][HEADER])
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; has nmt train saved a model here?") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    except (struct.error, ValueError, KeyError, TypeError):
        raise CheckpointError(f"{path}: damaged, or not written by nmt") from None
    return metadata
