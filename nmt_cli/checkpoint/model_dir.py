"""Write and read a model folder, which holds everything needed to translate (see `layout` for its files)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from nmt_cli.atomic import write_atomic
from nmt_cli.checkpoint.header import Shapes, read_header
from nmt_cli.checkpoint.layout import (
    CONFIG,
    MODEL,
    WEIGHTS,
    ModelManifest,
    model_folder,
    read_config,
    read_weights_metadata,
)
from nmt_cli.checkpoint.tensors import read_tensors, write_tensors
from nmt_cli.config import TrainConfig
from nmt_cli.corpus.lexicon import LEXICON
from nmt_cli.corpus.tokenizer import Tokenizers
from nmt_cli.errors import CheckpointError
from nmt_cli.file_hashes import FileRecord
from nmt_cli.kernels.device import Compute
from nmt_cli.kernels.prepack import linear_for
from nmt_cli.model.inference import pack
from nmt_cli.model.initialization import without_weights
from nmt_cli.model.seq2seq import Seq2Seq, VocabSizes
from nmt_cli.settings import to_toml


@dataclass(frozen=True)
class LoadedModel:
    """A loaded model. `metadata` is stored with its weights: step, scores, sha256. `ensemble` holds the models whose
    probabilities are averaged with its own."""

    path: Path
    model: Seq2Seq
    tokenizers: Tokenizers
    manifest: ModelManifest
    config: TrainConfig
    compute: Compute
    metadata: dict[str, Any]
    ensemble: "tuple[LoadedModel, ...]" = ()

    @property
    def models(self) -> tuple[Seq2Seq, ...]:
        """The model and the other members of its ensemble."""
        return (self.model, *(other.model for other in self.ensemble))

    @property
    def hash(self) -> str:
        """The first 12 digits of the weights' hash, which identify the model in reports."""
        return str(self.metadata["sha256"])[:12]


def create_model_dir(
    path: Path, manifest: ModelManifest, config: TrainConfig, tokenizers: Tokenizers, lexicon: bytes | None = None
) -> None:
    """Create a model folder and write the files that do not change during training, and the manifest with their
    hashes."""
    files = {CONFIG: to_toml(config).encode(), **tokenizers.files()}
    if lexicon is not None:
        files[LEXICON] = lexicon
    path.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_atomic(path / name, content)
    records = {name: FileRecord.of(content) for name, content in files.items()}
    MODEL.write(path, manifest.model_copy(update={"files": records}))


def save_weights(path: Path, weights: dict[str, Tensor], metadata: dict[str, Any]) -> str:
    """Write the weights used for translation. Returns their hash. The metadata holds the identifier of the run."""
    return write_tensors(path / WEIGHTS, weights, metadata)


def build_model(config: TrainConfig, tokenizers: Tokenizers) -> Seq2Seq:
    """A newly initialised model for these vocabularies."""
    sizes = VocabSizes(tokenizers.source.size, tokenizers.target.size, tokenizers.joint)
    return Seq2Seq(config.model, sizes)


def load_model(path: Path, compute: Compute, packed: bool = True) -> LoadedModel:
    """Load a model. `packed` prepares it for search only (see `model.inference`).

    Raises CheckpointError if a file is missing or damaged.
    """
    manifest = MODEL.read(path)
    config = read_config(path)
    tokenizers = load_tokenizers(path, manifest)
    metadata = read_weights_metadata(path, manifest)
    model = without_weights(
        lambda: build_model(config, tokenizers),
        lambda built: check_shapes(built, read_header(path / WEIGHTS).shapes, path / WEIGHTS),
    )
    weights, _ = read_tensors(path / WEIGHTS)
    load_weights(model, weights, path / WEIGHTS)
    model.to(compute.device, compute.dtype).eval().requires_grad_(False)
    linear = linear_for(compute) if packed else None
    if linear is not None:
        pack(model, linear)
    return LoadedModel(path, model, tokenizers, manifest, config, compute, metadata)


def load_ensemble(path: Path, ensemble: Sequence[Path], compute: Compute) -> LoadedModel:
    """Load models as an ensemble. Raises CheckpointError naming a model whose subwords differ from the first one's."""
    first = load_model(path, compute)
    rest = tuple(load_model(other, compute) for other in ensemble)
    for other in rest:
        if other.tokenizers.files() != first.tokenizers.files() or other.manifest.unicode != first.manifest.unicode:
            raise CheckpointError(
                f"{other.path}: has other subwords than {path}; an ensemble needs models of one prepared corpus, or of "
                "several that were prepared with the same --tokenizer-model"
            )
    return replace(first, ensemble=rest)


def load_tokenizers(path: Path, manifest: ModelManifest) -> Tokenizers:
    """Read the tokenizers of a model folder. Raises CheckpointError if they are missing or damaged."""
    return Tokenizers.load(model_folder(path, manifest), manifest.unicode, (manifest.source_size, manifest.target_size))


def check_shapes(model: Seq2Seq, shapes: Shapes, origin: Path) -> None:
    """Raise CheckpointError naming the first tensor that does not fit the model, which needs no memory yet."""
    expected = {name: tuple(weight.shape) for name, weight in model_weights(model).items()}
    for name in sorted(expected.keys() ^ shapes.keys()):
        problem = "missing" if name in expected else "unknown"
        raise CheckpointError(f"{origin}: {problem} tensor {name}; config.toml and weights are from different models")
    for name, shape in shapes.items():
        if shape != expected[name]:
            raise CheckpointError(f"{origin}: {name} has shape {shape}, config.toml requires {expected[name]}")


def load_weights(model: Seq2Seq, weights: dict[str, Tensor], origin: Path) -> None:
    """Copy weights into a model. Raises CheckpointError naming the first tensor that does not fit."""
    check_shapes(model, {name: tuple(tensor.shape) for name, tensor in weights.items()}, origin)
    parameters = model_weights(model)
    for name, tensor in weights.items():
        parameters[name].data.copy_(tensor)


def model_weights(model: Seq2Seq) -> dict[str, Tensor]:
    """All parameters by name; tied weights once, under their first name."""
    return dict(model.named_parameters())
