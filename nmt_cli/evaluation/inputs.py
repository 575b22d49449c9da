"""Where what is judged comes from: files, a stored split, or a model that translates.

Only a model needs torch, so what imports it is imported when there is a model.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt_cli.atomic import check_writable
from nmt_cli.checkpoint.layout import MODEL, ModelManifest
from nmt_cli.config import EvaluateConfig
from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.corpus.manifest import PreparedManifest
from nmt_cli.corpus.normalization import Form
from nmt_cli.corpus.text_io import TextFile, read_lines
from nmt_cli.errors import ConfigError, CorpusError
from nmt_cli.evaluation.alignment import Alignment, ErrorRate, read_links
from nmt_cli.evaluation.metrics import check_sacrebleu


@dataclass(frozen=True)
class Text:
    """Lines, and what to call the place that they come from."""

    lines: Sequence[str]
    name: str


@dataclass(frozen=True)
class EvalInput:
    """A translation and what it is judged by; `sources` are None where they are not known.

    `languages` are those of source and target, `recipe` tells where everything comes from and how it was made,
    `notes` what the user should know about it, and `alignment` how well the model aligned the reference, by the step
    whose attention links a word, if there was a gold alignment.
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


USUAL_MODEL = Path("model")
"""The model that is judged when nothing else is asked for."""

TRANSLATING = ("save", "ensemble", "gold", "batch_size", "device", "precision", "threads")
"""Options that, with those of search, act only when a model translates."""


@dataclass(frozen=True)
class Plan:
    """What is needed: a model, which translates or only tells the languages, and a stored split."""

    model: Path | None
    translates: bool
    stored: bool


def plan(config: EvaluateConfig) -> Plan:
    """Decide what to read. Raises ConfigError for options that contradict or lack each other."""
    translates = config.hypotheses is None
    model = config.model or (USUAL_MODEL if translates else None)
    in_files = bool(config.reference) and (config.source_file is not None or not translates)
    stored = not in_files or config.prepared is not None or "split" in config.model_fields_set
    if config.source_file and not config.reference:
        raise ConfigError(f"--source-file {config.source_file}: give its translation too, with --reference FILE")
    if config.source_file and stored:
        raise ConfigError(
            f"--source-file {config.source_file}: takes the place of --prepared and --split; leave them out"
        )
    if stored and not (model or config.prepared):
        raise ConfigError(
            f"--hypotheses {config.hypotheses}: give also what to compare it with: --reference FILE, or a stored split "
            "with --prepared or --model"
        )
    return Plan(model, translates, stored)


@dataclass(frozen=True)
class Stored:
    """A split of a prepared corpus."""

    manifest: PreparedManifest
    name: str
    sources: Text
    references: Text


def read_inputs(config: EvaluateConfig, say: Callable[[str], None]) -> EvalInput:
    """Read, and translate, what a config asks for; `say` is told what takes its time.

    Raises ConfigError, CorpusError or CheckpointError for what the user can mend.
    """
    check_sacrebleu()
    needed = plan(config)
    if config.save and needed.translates:
        check_writable(config.save)
    model = MODEL.read(needed.model) if needed.model else None
    stored = stored_split(needed.model, model, config.prepared, config.split) if needed.stored else None
    known = model or (stored.manifest if stored else None)
    notes = list(_notes(config, needed, model, stored))
    sources = _read(config.source_file, notes) if config.source_file else stored and stored.sources
    references = [_read(path, notes) for path in config.reference] or ([stored.references] if stored else [])
    hypotheses = _read(config.hypotheses, notes) if config.hypotheses else None
    baseline = _read(config.baseline, notes) if config.baseline else None
    _check_lines([text for text in (hypotheses, sources, *references, baseline) if text])
    gold = (
        _gold(config.gold_alignment, sources, references[0])
        if config.gold_alignment and sources and needed.translates
        else None
    )
    recipe: dict[str, Any] = {
        "source": sources.name if sources else None,
        "references": [text.name for text in references],
        "sentences": len(references[0].lines),
    }
    alignment = None
    if hypotheses is None:
        assert needed.model, "what translates is a model"
        assert sources, "what is translated is known"
        from nmt_cli.evaluation import translate

        loaded = translate.load(config, needed.model)
        alignment = translate.align(loaded, sources, references[0], gold) if gold else None
        hypotheses, how, troubles = translate.translate(config, loaded, sources, say)
        recipe |= how
        notes += troubles
    return EvalInput(
        hypotheses=hypotheses.lines,
        references=[text.lines for text in references],
        sources=sources.lines if sources else None,
        baseline=baseline,
        languages=(known.source if known else None, config.target or (known.target if known else None)),
        unicode=known.unicode if known else "nfc",
        recipe={**recipe, "hypotheses": hypotheses.name},
        notes=notes,
        alignment=alignment,
    )


def _gold(path: Path, sources: Text, references: Text) -> list[Alignment]:
    """A gold alignment that belongs to these texts. Raises CorpusError if it does not."""
    gold = read_links(path)
    _check_lines([references, Text([""] * len(gold), str(path))])
    sides = (("source", sources), ("target", references))
    for number, sentence in enumerate(gold, start=1):
        for side, (name, text) in enumerate(sides):
            last, words = (
                max((link[side] for link in sentence.possible), default=-1),
                len(text.lines[number - 1].split()),
            )
            if last >= words:
                raise CorpusError(
                    f"{path}:{number}: links {name} word {last}, but there are {words} words; they count from 0, and "
                    "the source stands first"
                )
    return gold


def stored_split(path: Path | None, model: ModelManifest | None, folder: Path | None, split: str) -> Stored:
    """A stored split of the corpus `folder`, or of the one that the model at `path` was trained on.

    Raises CorpusError if it is not there, empty, or not of the model's languages.
    """
    if folder is None:
        assert model, "without --prepared a model tells the corpus"
        folder = Path(model.prepared)
        if not folder.exists():
            raise CorpusError(
                f"{folder}: the corpus that {path} was trained on is not there any more; give --prepared FOLDER "
                "(nmt eval also takes files, by --source-file and --reference)"
            )
    corpus = PreparedCorpus.open(folder)
    found = corpus.manifest
    if model and (model.source, model.target) != (found.source, found.target):
        raise CorpusError(
            f"{folder}: is {found.source} -> {found.target}, but {path} is {model.source} -> {model.target}; "
            "give a corpus of the same languages"
        )
    pairs = corpus.split(split)
    name = f"{split} of {folder}"
    if not len(pairs):
        raise CorpusError(f"{folder}: its {split} split is empty; there is nothing to score")
    return Stored(found, name, Text(pairs.source_texts(), name), Text(pairs.target_texts(), name))


def _read(path: Path, notes: list[str]) -> Text:
    file = TextFile(path)
    lines = list(read_lines(file))
    if not lines:
        raise CorpusError(f"{path}: is empty; there is nothing to score")
    if file.carriage_returns or file.byte_order_marks:
        notes.append(
            f"{path}: removed a carriage return from the end of {file.carriage_returns} lines "
            f"and {file.byte_order_marks} byte order marks"
        )
    return Text(lines, str(path))


def _check_lines(texts: Sequence[Text]) -> None:
    """Refuse texts that are not parallel, before any time is spent on them."""
    first, *others = texts
    for text in others:
        if len(text.lines) != len(first.lines):
            raise CorpusError(
                f"{first.name} has {len(first.lines)} lines, but {text.name} has {len(text.lines)}; "
                "both must have a line for a line"
            )


def _notes(config: EvaluateConfig, needed: Plan, model: ModelManifest | None, stored: Stored | None) -> Iterator[str]:
    if "significance" in config.model_fields_set and config.baseline is None:
        yield "significance is not used without --baseline"
    if not needed.translates:
        given = sorted(set(TRANSLATING) & config.model_fields_set | config.search.model_fields_set)
        if given:
            yield f"not used, as nothing is translated with --hypotheses: {', '.join(given)}"
        if model:
            yield f"{needed.model} translated nothing; it only told the languages" + (" and the corpus" * bool(stored))
    elif "n_best" in config.search.model_fields_set:
        yield "n_best is not used: the best translation of each line is scored"
    if model and stored and config.prepared is None and stored.manifest.identity != model.corpus:
        yield (
            f"{model.prepared} was prepared anew since {needed.model} was trained on it: "
            f"its {config.split} split may hold what the model has learnt from"
        )
