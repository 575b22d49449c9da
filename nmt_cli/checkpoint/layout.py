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

The manifest records the hashes of the files that do not change during training. The weights and the state, which do,
hold their own hashes and the identifier of the run.
"""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nmt_cli.atomic import target_of_partial
from nmt_cli.checkpoint.header import read_header
from nmt_cli.config import TagName, TrainConfig
from nmt_cli.corpus.manifest import Count, LengthLimit, VocabSize
from nmt_cli.documents import MAX_OPTIONS, first_problem, parse_toml, read_file
from nmt_cli.errors import CheckpointError, ConfigError
from nmt_cli.file_hashes import SHA256_PATTERN, FileRecord, FileRecords, VerifiedFolder
from nmt_cli.manifest import MANIFEST, FolderType, ManifestBase, read_kind
from nmt_cli.settings import read_toml, resolve
from nmt_cli.special_tokens import TAG_PIECES

FORMAT = 5
"""Format version of the model folder."""

CONFIG = "config.toml"
WEIGHTS = "weights.safetensors"
MODEL_CARD = "README.md"
METRICS = "metrics.jsonl"
UNFINISHED = "unfinished.toml"
RESUME = Path("last") / "state.safetensors"


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


class ParentRecord(ManifestBase):
    """A model whose weights another one started from, by `nmt train --from`."""

    name: str
    """Name of its folder."""
    sha256: Annotated[str, Field(pattern=SHA256_PATTERN)]
    """Hash of its weights."""
    corpus: str
    """Identity of the corpus that it was trained on."""
    train_pairs: Count
    steps: Annotated[int, Field(ge=0, lt=2**63)]
    """The update that its weights are of."""

    def __str__(self) -> str:
        return f"{self.name}, weights {self.sha256[:12]}, {self.train_pairs:,} pairs, update {self.steps:,}"


class ModelManifest(ManifestBase):
    """`manifest.json` of a model."""

    format: int
    kind: Literal["model"]
    toolkit: str
    command: list[str]
    source: str
    target: str
    unicode: Literal["nfc", "nfkc", "none"]
    max_source_length: LengthLimit
    """Maximum subwords of an input that is translated in one piece."""
    source_size: VocabSize
    target_size: VocabSize
    prepared: str
    """Folder of the prepared corpus that it was trained on."""
    corpus: str
    """Identity of that corpus (`PreparedManifest.identity`)."""
    train_pairs: Count
    parents: list[ParentRecord] = Field(default_factory=list)
    """The models that it was adapted from, each from the one before it."""
    tags: list[TagName] = Field(default_factory=list, max_length=len(TAG_PIECES))
    """Names of the tags that it was trained with, by slot (see `corpus.tags`)."""
    run: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    """Identifier of the training run, which its weights and its state hold too."""
    files: FileRecords = Field(default_factory=dict)
    """Size and SHA-256 of each file that does not change during training, by name."""
    previous_config: FileRecord | None = None
    """The record of config.toml before the last resume."""
    environments: Annotated[list[Environment], Field(min_length=1)]
    """Environment at the start, and after each resume in which it changed."""
    packed: bool = False
    """Whether nmt pack wrote it: it has no training state, and paths are reduced to their last part."""


MODEL = FolderType("model", "model", "nmt train", FORMAT, ModelManifest, CheckpointError, backups="replaced-*")
"""The folder type of a model."""


class _WeightsMetadata(BaseModel):
    """What the metadata of weights must hold; it may hold more."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    sha256: str
    run: str
    step: Annotated[int, Field(ge=0)]
    epoch: float
    elapsed: float
    dev_perplexity: float
    dev_bleu: float
    dev_chrf: float
    metric: Literal["loss", "bleu", "chrf"]


def model_folder(path: Path, manifest: ModelManifest) -> VerifiedFolder:
    """The files of a model that do not change during training, verified when read.

    A resumed run that was killed between writing its manifest and its config.toml has left the options before it.
    """
    files, previous = manifest.files, manifest.previous_config
    with suppress(OSError, ValueError):
        if previous is not None and FileRecord.of(read_file(path / CONFIG, previous.size, path)) == previous:
            files = {**files, CONFIG: previous}
    moving = sorted(path.glob("replaced-*.moving"))
    remedy = (
        f"the rest of the model is in {moving[-1]}, since nmt train --overwrite was interrupted; the next nmt train "
        "moves it back"
        if moving
        else "restore it, or train again"
    )
    return VerifiedFolder(path, files, CheckpointError, remedy)


def read_options(path: Path) -> dict[str, Any]:
    """Read the options that a model was trained with. Raises CheckpointError."""
    try:
        return parse_toml(model_folder(path, MODEL.read(path)).read(CONFIG)[: MAX_OPTIONS + 1])
    except ValueError as error:
        raise CheckpointError(f"{path / CONFIG}: {error}; restore it, or train again") from None


def read_config(path: Path) -> TrainConfig:
    """Read the config that a model was trained with. Raises CheckpointError or ConfigError, which name its file."""
    name = str(path / CONFIG)
    try:
        return resolve(TrainConfig, [(name, read_options(path))])
    except ConfigError as error:
        message = str(error)  # without the file where options contradict each other
        raise ConfigError(message if message.startswith(name) else f"{name}: {message}") from None


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


def architecture_options(path: Path) -> tuple[str, dict[str, Any]]:
    """The file with the options of a model to start from, and those of them that describe its architecture."""
    return str(path / CONFIG), {"model": read_options(path).get("model", {})}


def read_metadata(path: Path) -> dict[str, Any]:
    """Read nmt's metadata from a tensor file, without its tensors. Raises CheckpointError if the file is missing,
    damaged or not written by nmt."""
    return read_header(path).metadata


def read_weights_metadata(path: Path, manifest: ModelManifest) -> dict[str, Any]:
    """Read the metadata of the weights of a model folder. Raises CheckpointError, also if they are of another run than
    the manifest."""
    metadata = read_metadata(path / WEIGHTS)
    check_weights_metadata(path, metadata, manifest)
    return metadata


def check_weights_metadata(path: Path, metadata: dict[str, Any], manifest: ModelManifest) -> None:
    """Raise CheckpointError if the metadata of the weights of a model folder is damaged or of another run."""
    try:
        _WeightsMetadata.model_validate(metadata)
    except ValidationError as error:
        raise CheckpointError(f"{path / WEIGHTS}: its metadata is damaged {first_problem(error)}") from None
    check_run(path / WEIGHTS, metadata, manifest.run)


def check_run(path: Path, metadata: dict[str, Any], run: str) -> None:
    """Raise CheckpointError if a tensor file is not of this run."""
    if metadata.get("run") != run:
        raise CheckpointError(
            f"{path}: belongs to another model than the manifest.json beside it; restore the right file, or train again"
        )
