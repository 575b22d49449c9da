"""Trains translators with equal budgets and compares them, by the same code as `nmt train` and `nmt eval`."""

import bisect
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from nmt_cli.checkpoint.model_dir import LoadedModel, load_model
from nmt_cli.config import ModelConfig, PreprocessConfig, TrainConfig
from nmt_cli.corpus.batch import Batch, collate
from nmt_cli.corpus.batching import stored_segmentation
from nmt_cli.corpus.dataset import PreparedCorpus, Split
from nmt_cli.corpus.prepare import preprocess
from nmt_cli.corpus.sample import find_sample
from nmt_cli.decoding.translator import translate_corpus
from nmt_cli.evaluation.alignment import Alignment, read_links
from nmt_cli.evaluation.breakdown import text_length
from nmt_cli.evaluation.scores import quick_scores
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.lab.experiment import ExperimentConfig, curve
from nmt_cli.model.seq2seq import Seq2Seq, VocabSizes
from nmt_cli.report.curves import Curve, Plot
from nmt_cli.settings import resolve
from nmt_cli.training.callbacks import Callback, LogEvent, ValidationEvent
from nmt_cli.training.schedule import StoppingCriteria
from nmt_cli.training.train import train

SIZE: dict[str, Any] = {
    # small enough to be trained on the bundled sample in minutes
    "embedding_size": 128,
    "hidden_size": 128,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "attention": "luong",
    "embedded_values": False,
    "residual_from": 3,
    "dropout": 0.0,
    "embedding_dropout": 0.0,
    "batch_tokens": 512,
    "learning_rate": 4e-3,
    "validate_sentences": 100,
}

CELLS = range(16, 513, 4)
"""Cells per layer to choose from for equal parameters."""

BATCH_SIZE = 64
"""Sentences in a batch."""

MARGIN = 0.5
"""The least difference in BLEU that counts."""


def describe(corpus: PreparedCorpus, minutes: float) -> str:
    """Describe the corpus, the minutes for each model, and its size."""
    manifest = corpus.manifest
    pairs = f"{manifest.source} to {manifest.target}, {manifest.counts['train']:,} pairs"
    return f"{pairs}, {minutes:g} minutes for each model, {SIZE['hidden_size']} cells a layer"


def parameters(corpus: PreparedCorpus, options: Mapping[str, Any]) -> int:
    """The number of parameters of a system."""
    tokenizers = corpus.tokenizers
    sizes = VocabSizes(tokenizers.source.size, tokenizers.target.size, tokenizers.joint)
    model_options = {name: value for name, value in {**SIZE, **options}.items() if name in ModelConfig.model_fields}
    return Seq2Seq(ModelConfig.model_validate(model_options), sizes).num_parameters


def at_equal_size(corpus: PreparedCorpus, systems: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same systems with the cells per layer that bring their parameters nearest to those of the first."""
    target = parameters(corpus, next(iter(systems.values())))

    def nearest(options: Mapping[str, Any]) -> int:
        def size(cells: int) -> int:
            return parameters(corpus, {**options, "hidden_size": cells})

        above = bisect.bisect_left(CELLS, target, hi=len(CELLS) - 1, key=size)
        return min(CELLS[max(0, above - 1) : above + 1], key=lambda cells: abs(size(cells) - target))

    return {name: {**options, "hidden_size": nearest(options)} for name, options in systems.items()}


@dataclass
class Watcher(Callback):
    """A callback that collects the speeds and validations of a run."""

    speeds: list[float] = field(default_factory=list)
    validations: list[ValidationEvent] = field(default_factory=list)

    def on_log(self, event: LogEvent) -> None:
        self.speeds.append(event.speed)

    def on_validation(self, event: ValidationEvent) -> None:
        self.validations.append(event)


@dataclass(frozen=True)
class TrainedSystem:
    """A trained model, its median training speed in target subwords per second, its validations, and its budget
    in minutes, or the minutes that it took if its budget is a number of updates."""

    loaded: LoadedModel
    speed: float
    validations: list[ValidationEvent]
    minutes: float


def open_corpus(config: ExperimentConfig) -> PreparedCorpus:
    """The prepared corpus of the config, or the bundled sample, which is prepared first."""
    if config.prepared is not None:
        return PreparedCorpus.open(config.prepared)
    out = config.work / "prepared"
    preprocess(PreprocessConfig(out=out), config.progress)
    return PreparedCorpus.open(out)


def train_system(
    config: ExperimentConfig,
    corpus: PreparedCorpus,
    name: str,
    options: Mapping[str, Any],
    seed: int,
    minutes: float | None = None,
    updates: int | None = None,
) -> TrainedSystem:
    """Train one system for a number of minutes or of updates."""
    out = config.work / f"{name}-{seed}".replace(" ", "-").replace("/", "-")
    budget = {"max_minutes": minutes, "max_steps": updates, "device": "cpu", "precision": "fp32"}
    values = {**SIZE, **options, **budget, "seed": seed, "prepared": corpus.path, "out": out}
    train_config = resolve(TrainConfig, [(name, values)]).model_copy(update={"threads": torch.get_num_threads()})
    watcher = Watcher()
    train(train_config, [watcher])
    loaded = load_model(out, compute_for_search("cpu", "fp32", 0), packed=False)  # losses are computed too
    best = [event.validation.bleu for event in watcher.validations if event.best]
    limit = StoppingCriteria.of(train_config.training)
    config.progress.message(f"seed {seed}, {name}: dev BLEU {best[-1] if best else 0.0:.1f} after {limit}")
    return TrainedSystem(
        loaded,
        float(np.median(watcher.speeds)) if watcher.speeds else 0.0,
        watcher.validations,
        watcher.validations[-1].elapsed / 60 if minutes is None else minutes,
    )


@dataclass(frozen=True)
class TestTranslation:
    """The test split with a system's greedy translations."""

    sources: Sequence[str]
    references: Sequence[str]
    outputs: Sequence[str]
    languages: tuple[str, str]
    unicode: Any

    def bleu(self, rows: Sequence[int] | None = None) -> float:
        """BLEU of some sentences, or of all."""
        rows = range(len(self.outputs)) if rows is None else rows
        outputs, references = [self.outputs[r] for r in rows], [self.references[r] for r in rows]
        return quick_scores(outputs, references, self.languages[1], self.unicode)["bleu"]

    def rows_of_length(self, shortest: int, longest: int) -> list[int]:
        """The rows of the sentences whose source has from `shortest` to `longest` words."""
        lengths = [text_length(source, self.languages[0]) for source in self.sources]
        return [row for row, words in enumerate(lengths) if shortest <= words <= longest]


def translate_test(corpus: PreparedCorpus, trained: TrainedSystem) -> TestTranslation:
    """Translate the test split greedily."""
    split = corpus.split("test")
    sources, references = split.source_texts(), split.target_texts()
    outputs = [translation.text for translation in translate_corpus(trained.loaded, sources)]
    manifest = corpus.manifest
    return TestTranslation(sources, references, outputs, (manifest.source, manifest.target), manifest.unicode)


def compare(
    config: ExperimentConfig, corpus: PreparedCorpus, systems: Mapping[str, Mapping[str, Any]], minutes: float
) -> Iterator[tuple[str, TrainedSystem, TestTranslation]]:
    """Train every system with every seed, and translate the test split with it."""
    for seed in config.seeds:
        for name, options in systems.items():
            trained = train_system(config, corpus, name, options, seed, minutes)
            yield name, trained, translate_test(corpus, trained)


GRID = 10
"""Points of a learning curve."""


def learning_curves(models: Mapping[str, Sequence[TrainedSystem]]) -> Plot:
    """The learning curves of systems: dev BLEU over the share of the time budget."""
    curves = [_learning_curve(name, runs) for name, runs in models.items()]
    return Plot("dev BLEU during training", "share of the time", "BLEU", curves)


def _learning_curve(name: str, runs: Sequence[TrainedSystem]) -> Curve:
    """Dev BLEU over the share of the time budget, interpolated between validations, from 0 at the start."""
    x = [(i + 1) / GRID for i in range(GRID)]
    curves = []
    for run in runs:
        times = [0.0, *(min(1.0, event.elapsed / 60 / run.minutes) for event in run.validations)]
        curves.append(np.interp(x, times, [0.0, *(event.validation.bleu for event in run.validations)]).tolist())
    return curve(name, x, curves)


def beats(better: Sequence[float], worse: Sequence[float], margin: float = MARGIN) -> bool:
    """Whether one system is better than another by more than chance: every run of it is better than every run of the
    other, and the mean by at least the margin."""
    return min(better) > max(worse) and statistics.fmean(better) - statistics.fmean(worse) >= margin


def batches(split: Split, rows: int = BATCH_SIZE) -> list[Batch]:
    """A split in batches of sentences of similar length."""
    order = np.argsort(split.source_lengths, kind="stable")
    return [collate(*stored_segmentation(split, order[start : start + rows])) for start in range(0, len(order), rows)]


def gold_of_sample(split: str) -> list[Alignment]:
    """The gold alignment of a split of the bundled sample, from its generator."""
    return read_links(find_sample() / f"{split}.align")
