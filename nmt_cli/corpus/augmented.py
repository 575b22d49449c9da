"""Pairs that `nmt augment` made: `PREFIX.augment.json` beside `PREFIX.en` and `PREFIX.de` says how they were made, and
holds the hashes of both files."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from nmt_cli.config import TagName
from nmt_cli.corpus.manifest import Count
from nmt_cli.errors import CorpusError
from nmt_cli.file_hashes import SHA256_PATTERN, FileRecord
from nmt_cli.manifest import FolderType, ManifestBase

Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
"""A language code that is part of a file's name."""
Side = Literal["source", "target"]


class AugmentingModel(ManifestBase):
    """A model that translated: the name of its folder, and the hash of its weights."""

    name: str
    sha256: Annotated[str, Field(pattern=SHA256_PATTERN)]


class AugmentedManifest(ManifestBase):
    """`PREFIX.augment.json`."""

    format: int
    kind: Literal["augmented"]
    toolkit: str
    method: Literal["back-translation", "distillation"]
    """Whether the source side is a translation of the target side, or the target side one of the source side."""
    source: Code
    target: Code
    """Languages of the pairs."""
    tag: TagName | None
    """Tag of the corpus, for nmt preprocess."""
    models: list[AugmentingModel]
    """The model that translated, and those of its ensemble."""
    options: dict[str, Any]
    """The options that the translation depends on."""
    lines: Count
    """Lines that were translated."""
    pairs: Count
    """Pairs that were written."""
    left_out: dict[str, Count]
    """Lines left out by kind of issue; a line may have several."""
    files: dict[Side, FileRecord]
    """Size and hash of the file of each side."""


AUGMENTED = FolderType("augmented", "description of augmented pairs", "nmt augment", 1, AugmentedManifest, CorpusError)
"""The type of `PREFIX.augment.json`."""


def augmented_files(prefix: Path, source: str, target: str) -> dict[Side, Path]:
    """The file of each side."""
    return {"source": _beside(prefix, source), "target": _beside(prefix, target)}


def manifest_path(prefix: Path) -> Path:
    """The file that says how the pairs were made."""
    return _beside(prefix, "augment.json")


def _beside(prefix: Path, suffix: str) -> Path:
    return prefix.with_name(f"{prefix.name}.{suffix}")


def read_augmented(prefix: str) -> AugmentedManifest | None:
    """How the pairs of a prefix were made; None if nmt augment did not make them.

    Raises CorpusError if the description is damaged, or a file is not the one that it describes.
    """
    path = Path(prefix)
    if not path.name or not manifest_path(path).is_file():
        return None
    manifest = AUGMENTED.read_file(manifest_path(path))
    for side, file in augmented_files(path, manifest.source, manifest.target).items():
        try:
            matches = FileRecord.of_file(file) == manifest.files[side]
        except (OSError, KeyError):
            matches = False
        if not matches:
            raise CorpusError(
                f"{file}: is not the file that {manifest_path(path)} describes; run nmt augment again, or delete that "
                "description to use the file as it is"
            )
    return manifest
