"""Reads the inputs of an evaluation: files, a stored split, or the translations of a model.

Modules that import torch are imported only if a model translates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt_cli.atomic import check_output_file
from nmt_cli.checkpoint.layout import MODEL, ModelManifest
from nmt_cli.config import DEFAULT_MODEL, EvaluateConfig, SearchConfig
from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.corpus.manifest import PreparedManifest
from nmt_cli.corpus.normalization import Form
from nmt_cli.corpus.text_io import TextFile, read_lines
from nmt_cli.errors import CheckpointError, ConfigError, CorpusError
from nmt_cli.evaluation.alignment import Alignment, ErrorRate
from nmt_cli.evaluation.gold_alignment import read_gold
from nmt_cli.evaluation.metrics import check_sacrebleu
from nmt_cli.languages import same_language
from nmt_cli.progress import Progress

if TYPE_CHECKING:
    from nmt_cli.decoding.translation import Translation


@dataclass(frozen=True)
class Text:
    """Lines, and the name of their file or split, for messages. `translations` are those behind the lines if a model
    made them."""

    lines: Sequence[str]
    name: str
    translations: "Sequence[Translation] | None" = None


@dataclass(frozen=True)
class EvalInput:
    """A translation, its references, and a baseline if there is one; `sources` is None if unknown.

    `languages` are those of source and target; `recipe` records the files, model and options behind the texts; `notes`
    are for the user; `alignment` is the error rate of the model's alignment of the first reference, for own and next
    step (`forced_decoding.STEPS`), if there is a gold alignment; `translations` are those of a model.
    """

    hypotheses: Sequence[str]
    references: Sequence[Sequence[str]]
    sources: Sequence[str] | None
    baseline: Text | None
    languages: tuple[str | None, str | None]
    unicode: Form
    recipe: dict[str, Any]
    notes: list[str]
    alignment: dict[str, ErrorRate] | None = None
    translations: "Sequence[Translation] | None" = None


"""The model that is evaluated by default."""

MODEL_ONLY = ("save", "ensemble", "gold_alignment")
"""Options that have an effect only if the model translates, whether or not the baseline does."""
TRANSLATING = ("tag", "batch_size", "device", "precision", "threads")
"""Options that, like those of search, have an effect only if a model or the baseline translates."""


@dataclass(frozen=True)
class Plan:
    """What to read: a model, which translates or only provides the languages, a stored split, and a model that
    translates as the baseline."""

    model: Path | None
    needs_translation: bool
    needs_split: bool
    baseline_model: Path | None = None


def plan(config: EvaluateConfig) -> Plan:
    """Decide what to read. Raises ConfigError for options that contradict each other or lack another one."""
    translates = config.hypotheses is None
    model = config.model or (DEFAULT_MODEL if translates else None)
    files_suffice = bool(config.reference) and (config.source_file is not None or not translates)
    stored = not files_suffice or config.prepared is not None or "split" in config.model_fields_set
    if config.source_file and not config.reference:
        raise ConfigError(f"{config.source_file}: needs its reference translation, --reference FILE")
    if config.source_file and stored:
        raise ConfigError(f"{config.source_file}: replaces --prepared and --split; leave them out")
    if stored and not (model or config.prepared):
        raise ConfigError(
            f"--hypotheses {config.hypotheses}: needs a reference: --reference FILE, or a stored split with --prepared "
            "or --model"
        )
    baseline_model = config.baseline if config.baseline and config.baseline.is_dir() else None
    if baseline_model and not (config.source_file or stored):
        raise ConfigError(
            f"--baseline {baseline_model}: is a model, which needs the source: SOURCE_FILE, or a stored split "
            "with --prepared"
        )
    return Plan(model, translates, stored, baseline_model)


@dataclass(frozen=True)
class Stored:
    """A split of a prepared corpus."""

    manifest: PreparedManifest
    name: str
    sources: Text
    references: Text


def read_inputs(config: EvaluateConfig, progress: Progress) -> EvalInput:
    """Read the inputs of a config, and translate if there are no hypotheses.

    Raises ConfigError, CorpusError or CheckpointError for errors that the user can fix.
    """
    check_sacrebleu()
    needed = plan(config)
    if config.save and needed.needs_translation:
        check_output_file(config.save, config.overwrite, "--save")
    model = MODEL.read(needed.model) if needed.model else None
    stored = stored_split(needed.model, model, config.prepared, config.split) if needed.needs_split else None
    manifest = model or (stored.manifest if stored else None)
    if needed.baseline_model:
        _check_baseline_model(needed.baseline_model, manifest)
    notes = list(_notes(config, needed, model, stored))
    sources = read_text(config.source_file, notes) if config.source_file else stored and stored.sources
    references = [read_text(path, notes) for path in config.reference] or ([stored.references] if stored else [])
    hypotheses = read_text(config.hypotheses, notes) if config.hypotheses else None
    baseline = read_text(config.baseline, notes) if config.baseline and not needed.baseline_model else None
    check_lines([text for text in (hypotheses, sources, *references, baseline) if text])
    gold = (
        _read_gold(config.gold_alignment, sources, references[0], notes)
        if config.gold_alignment and sources and needed.needs_translation
        else None
    )
    recipe: dict[str, Any] = {
        "source": sources.name if sources else None,
        "references": [text.name for text in references],
        "sentences": len(references[0].lines),
    }
    alignment = None
    if hypotheses is None:
        assert needed.model, "plan names a model if it translates"
        assert sources, "plan names sources if a model translates"
        from nmt_cli.evaluation import translate

        loaded = translate.load(config, needed.model)
        alignment = translate.align(loaded, sources, references[0], gold, config.tag) if gold else None
        hypotheses, translation_recipe, issues = translate.translate(config, loaded, sources, progress)
        recipe |= translation_recipe
        notes += issues
    if needed.baseline_model:
        assert sources, "plan refuses a baseline model without sources"
        baseline = _translate_baseline(config, needed.baseline_model, sources, recipe, notes, progress)
    return EvalInput(
        hypotheses=hypotheses.lines,
        references=[text.lines for text in references],
        sources=sources.lines if sources else None,
        baseline=baseline,
        languages=(manifest.source if manifest else None, config.target or (manifest.target if manifest else None)),
        unicode=manifest.unicode if manifest else "nfc",
        recipe={**recipe, "hypotheses": hypotheses.name},
        notes=notes,
        alignment=alignment,
        translations=hypotheses.translations,
    )


def _same_languages(model: ModelManifest, other: ModelManifest | PreparedManifest) -> bool:
    return same_language(model.source, other.source) and same_language(model.target, other.target)


def _check_baseline_model(path: Path, manifest: ModelManifest | PreparedManifest | None) -> None:
    """Raise CheckpointError if the folder is not a model, or one of other languages."""
    baseline = MODEL.read(path)
    if manifest and not _same_languages(baseline, manifest):
        raise CheckpointError(
            f"{path}: is {baseline.source} -> {baseline.target}, but what is evaluated is {manifest.source} -> "
            f"{manifest.target}; give a baseline of the same languages"
        )


def _translate_baseline(
    config: EvaluateConfig, path: Path, sources: Text, recipe: dict[str, Any], notes: list[str], progress: Progress
) -> Text:
    """Translate the sources with the baseline's model and the same search, and add to recipe and notes."""
    from nmt_cli.evaluation import translate

    tag = config.tag if config.tag in MODEL.read(path).tags else None
    if tag != config.tag:
        notes.append(f"baseline: {path} has no tag {config.tag}, so it translates without")
    config = config.model_copy(update={"ensemble": [], "save": None, "tag": tag})
    loaded = translate.load(config, path)
    text, translation_recipe, issues = translate.translate(config, loaded, sources, progress)
    recipe["baseline"] = {key: translation_recipe[key] for key in ("model", "search", "tag")}
    notes += [f"baseline: {issue}" for issue in issues]
    return Text(text.lines, f"{path} {loaded.hash}")


def _read_gold(path: Path, sources: Text, references: Text, notes: list[str]) -> list[Alignment]:
    """The gold alignment of these texts. Raises CorpusError if it does not fit them."""
    pairs = zip(sources.lines, references.lines, strict=True)
    gold, note = read_gold(path, [(len(source.split()), len(reference.split())) for source, reference in pairs])
    notes += [note] if note else []
    return gold


def stored_split(path: Path | None, model: ModelManifest | None, folder: Path | None, split: str) -> Stored:
    """A stored split of the corpus `folder`, or of the one that the model at `path` was trained on.

    Raises CorpusError if it does not exist, is empty, or has other languages than the model.
    """
    if folder is None:
        assert model, "without --prepared the corpus is that of a model"
        if model.packed:
            raise CorpusError(
                f"{path}: was written by nmt pack, without its corpus; give --prepared FOLDER, or a file "
                "with its --reference"
            )
        folder = Path(model.prepared)
        if not folder.exists():
            raise CorpusError(
                f"{folder}: the corpus that {path} was trained on no longer exists; give --prepared FOLDER, or "
                "a file with its --reference"
            )
    corpus = PreparedCorpus.open(folder)
    manifest = corpus.manifest
    if model and not _same_languages(model, manifest):
        raise CorpusError(
            f"{folder}: is {manifest.source} -> {manifest.target}, but {path} is {model.source} -> {model.target}; "
            "give a corpus of the same languages"
        )
    pairs = corpus.split(split)
    name = f"{split} of {folder}"
    if not len(pairs):
        raise CorpusError(f"{folder}: its {split} split is empty; there is nothing to score")
    return Stored(manifest, name, Text(pairs.source_texts(), name), Text(pairs.target_texts(), name))


def read_text(path: Path, notes: list[str]) -> Text:
    """Read a file of lines, and add to the notes what was removed from it. Raises CorpusError if it has no lines."""
    file = TextFile(path)
    lines = list(read_lines(file))
    if not lines:
        raise CorpusError(f"{file.name}: is empty; there is nothing to score")
    if file.carriage_returns or file.byte_order_marks:
        notes.append(
            f"{file.name}: removed a carriage return from the end of {file.carriage_returns} lines "
            f"and {file.byte_order_marks} byte order marks"
        )
    return Text(lines, file.name)


def check_lines(texts: Sequence[Text]) -> None:
    """Raise CorpusError if the texts have different numbers of lines, before any time is spent on them."""
    first, *others = texts
    for text in others:
        if len(text.lines) != len(first.lines):
            raise CorpusError(
                f"{first.name} has {len(first.lines)} lines, but {text.name} has {len(text.lines)}; "
                "both must have the same number of lines"
            )


def _unused(needed: Plan) -> set[str]:
    """The options that have no effect if the model does not translate."""
    if needed.baseline_model:
        return set(MODEL_ONLY)
    return {*MODEL_ONLY, *TRANSLATING, *SearchConfig.model_fields}


def _notes(config: EvaluateConfig, needed: Plan, model: ModelManifest | None, stored: Stored | None) -> Iterator[str]:
    """Yield a note for each option without effect, and for a corpus that changed after training."""
    if "significance" in config.model_fields_set and config.baseline is None:
        yield "significance is ignored without --baseline"
    if not needed.needs_translation:
        unused = sorted(_unused(needed) & (config.model_fields_set | config.search.model_fields_set))
        if unused:
            yield f"ignored, since nothing is translated with --hypotheses: {', '.join(unused)}"
        if model:
            yield f"{needed.model} was not used to translate, only for its languages" + (" and corpus" * bool(stored))
    elif "n_best" in config.search.model_fields_set:
        yield "n_best is ignored: the best translation of each line is scored"
    if model and stored and config.prepared is None and stored.manifest.identity != model.corpus:
        yield (
            f"{model.prepared} was prepared again after {needed.model} was trained on it: "
            f"its {config.split} split may contain pairs that the model was trained on"
        )
