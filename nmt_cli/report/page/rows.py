"""The rows of the tables on the report page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nmt_cli.config import TrainConfig
from nmt_cli.evaluation.breakdown import Bucket
from nmt_cli.evaluation.metrics import Name
from nmt_cli.report.page.record import ModelRecord, System
from nmt_cli.report.tables import ALPHA
from nmt_cli.settings import option_fields


@dataclass(frozen=True)
class ScoreRow:
    """A system's score by one metric, its interval, and how it differs from the first system's. `index` is the
    system's among those of the page."""

    index: int
    system: str
    score: float
    low: float
    high: float
    signature: str
    difference: float | None = None
    p_value: float | None = None

    @property
    def significant(self) -> bool:
        """Whether the difference is called significant."""
        return self.p_value is not None and self.p_value < ALPHA


def score_rows(systems: Sequence[System], name: Name) -> list[ScoreRow]:
    """The scores of all systems by a metric; if there is one system with a baseline, that of the baseline too."""
    rows = []
    for index, system in enumerate(systems):
        if system.result:
            score = getattr(system.result.scores, name)
            test = system.result.baseline.metrics[name] if system.result.baseline else None
            difference = (test.system - test.baseline, test.p_value) if test else (None, None)
            rows.append(ScoreRow(index, system.name, score.score, score.low, score.high, score.signature, *difference))
            if test and system.result.baseline and len(systems) == 1:
                other = (test.baseline, test.low, test.high, test.signature)
                rows.append(ScoreRow(1, system.result.baseline.name, *other))
    return rows


@dataclass(frozen=True)
class LengthRow:
    """A length bucket: its bounds in words, its number of sentences, and the BLEU and chrF of each system."""

    bounds: str
    sentences: int
    scores: Sequence[Bucket]


def length_rows(systems: Sequence[System]) -> list[LengthRow]:
    """One row for each length bucket; the systems translated the same sentences, so their buckets are the same."""
    results = [system.result for system in systems if system.result]
    return [
        LengthRow(buckets[0].bounds, buckets[0].sentences, buckets)
        for buckets in zip(*(result.lengths for result in results), strict=True)
    ]


def model_rows(models: Sequence[ModelRecord]) -> list[tuple[str, list[str]]]:
    """What the models are: the name of a row, and its value for each model."""
    rows = [[(name, str(value)) for name, value in _model(model)] for model in models]
    return [(cells[0][0], [value for _, value in cells]) for cells in zip(*rows, strict=True)]


def _model(model: ModelRecord) -> list[tuple[str, str]]:
    manifest, options, metadata = model.manifest, model.options, model.metadata
    environment = manifest.environments[-1]
    minutes = f"{metadata['elapsed'] / 60:.1f} minutes" if "elapsed" in metadata else ""
    layers = f"{options['encoder_layers']} + {options['decoder_layers']} layers of {options['hidden_size']}"
    return [
        ("folder", str(model.path)),
        ("languages", f"{manifest.source} to {manifest.target}"),
        ("trained on", f"{manifest.train_pairs:,} pairs of {manifest.prepared}"),
        ("model", f"{options['attention']} attention, {options['cell'].upper()}, {layers}"),
        ("best weights", f"update {metadata.get('step', 0):,}, {minutes}, sha256 {metadata['sha256'][:12]}"),
        ("trained", f"{environment.date[:10]}, {environment.processor}, {environment.precision}"),
        ("with", f"nmt {manifest.toolkit}, torch {environment.torch}, Python {environment.python}"),
    ]


NOT_COMPARED = ("prepared", "out", "resume", "overwrite", "tensorboard")
"""Options that name files, or say how a run was started."""


@dataclass(frozen=True)
class OptionRow:
    """An option: its value in each model, its default, and whether the models differ in it."""

    name: str
    values: Sequence[str]
    default: str
    differs: bool

    @property
    def changed(self) -> bool:
        """Whether a model has another value than the default."""
        return any(value != self.default for value in self.values)


def option_rows(models: Sequence[ModelRecord]) -> list[OptionRow]:
    """The options of training: first those in which the models differ, then those that are not at their default."""
    rows = []
    for option in option_fields(TrainConfig):
        if option.name in NOT_COMPARED:
            continue
        values = [_text(model.options.get(option.name)) for model in models]
        rows.append(OptionRow(option.name, values, _text(option.field.default), len(set(values)) > 1))
    return sorted(rows, key=lambda row: (not row.differs, not row.changed))


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
