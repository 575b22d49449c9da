"""What the report page shows, as plain data, and the reading of a model folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nmt_cli.checkpoint.layout import METRICS, MODEL, ModelManifest, read_config, read_weights_metadata
from nmt_cli.corpus.cleaning_report import CleaningReport, notes
from nmt_cli.corpus.manifest import PREPARED, REPORT, PreparedManifest, prepared_folder
from nmt_cli.errors import CorpusError
from nmt_cli.evaluation.breakdown import WorstSentence
from nmt_cli.evaluation.results import EvalResult
from nmt_cli.report.attention_map import AttentionMap
from nmt_cli.training.health import Verdict, judge
from nmt_cli.training.history import History, Record, read_history


@dataclass(frozen=True)
class CorpusRecord:
    """A prepared corpus: its folder, its manifest, its cleaning report, and the notes on it."""

    path: Path
    manifest: PreparedManifest
    report: CleaningReport
    notes: Sequence[str]


@dataclass(frozen=True)
class ModelRecord:
    """A model folder: its manifest, its options by name, the metadata of its weights, the history of its training with
    the verdict on it, and the corpus that it was trained on, None if that is gone."""

    path: Path
    manifest: ModelManifest
    options: Mapping[str, Any]
    metadata: Mapping[str, Any]
    history: History
    verdict: Verdict | None
    corpus: CorpusRecord | None

    @property
    def best(self) -> Record | None:
        """The validation of the best weights; None if there was none."""
        return next((record for record in reversed(self.history.validations) if record["best"]), None)


@dataclass(frozen=True)
class ShownSentence:
    """A test sentence with its scores; if a model translated it, with its confidence, and its attention if there is
    any."""

    scored: WorstSentence
    confidence: float | None
    attention: AttentionMap | None


@dataclass(frozen=True)
class System:
    """One of the systems that the page compares: a model, or a translation from elsewhere, and its evaluation.

    `result` is None if the system could not be evaluated. In a page of several systems, the `baseline` of each result
    but the first is the first system.
    """

    name: str
    model: ModelRecord | None = None
    result: EvalResult | None = None
    worst: Sequence[ShownSentence] = ()
    least_confident: Sequence[ShownSentence] = ()


@dataclass(frozen=True)
class Report:
    """The systems of a page, the first of which the others are compared with, and notes for the reader."""

    systems: Sequence[System]
    notes: Sequence[str] = field(default=())

    @property
    def languages(self) -> tuple[str | None, str | None]:
        """Source and target language; None if not known."""
        for system in self.systems:
            if system.model:
                return system.model.manifest.source, system.model.manifest.target
            if system.result:
                recipe = system.result.recipe
                return recipe["source_language"], recipe["target_language"]
        return None, None


def read_model(path: Path) -> ModelRecord:
    """Read a model folder. Raises CheckpointError or ConfigError if it is missing or damaged."""
    manifest = MODEL.read(path)
    history = read_history(path / METRICS, manifest.run)
    return ModelRecord(
        path=path,
        manifest=manifest,
        options=_flat(read_config(path).model_dump(mode="json", exclude_none=True)),
        metadata=read_weights_metadata(path, manifest),
        history=history,
        verdict=judge([record["dev_chrf"] for record in history.validations]),
        corpus=_read_corpus(Path(manifest.prepared), manifest.corpus),
    )


def _read_corpus(folder: Path, identity: str) -> CorpusRecord | None:
    """The corpus in a folder; None if it is gone or another one."""
    try:
        manifest = PREPARED.read(folder)
        report = CleaningReport.model_validate_json(prepared_folder(folder, manifest).read(REPORT))
    except (CorpusError, ValidationError):
        return None
    if manifest.identity != identity:
        return None
    return CorpusRecord(folder, manifest, report, notes(report))


def _flat(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options by name, whatever their group."""
    flat: dict[str, Any] = {}
    for name, value in options.items():
        flat.update(_flat(value) if isinstance(value, Mapping) else {name: value})
    return flat
