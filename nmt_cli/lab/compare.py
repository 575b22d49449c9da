"""Translators trained side by side with equal budget, through the same code as `nmt train` and `nmt eval`."""

import bisect
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from nmt_cli.checkpoint.model_dir import LoadedModel, load_model
from nmt_cli.config import ModelConfig, PreprocessConfig, TrainConfig
from nmt_cli.corpus.batch import Batch, collate
from nmt_cli.corpus.batching import stored
from nmt_cli.corpus.dataset import PreparedCorpus, Split
from nmt_cli.corpus.prepare import prepare
from nmt_cli.corpus.sample import find_sample
from nmt_cli.decoding.translator import translate_corpus
from nmt_cli.evaluation.alignment import Alignment, read_links
from nmt_cli.evaluation.breakdown import length
from nmt_cli.evaluation.scores import quick_scores
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.lab.experiment import ExperimentConfig, curve
from nmt_cli.model.seq2seq import Seq2Seq, VocabSizes
from nmt_cli.report.curves import Curve, Plot
from nmt_cli.settings import resolve
from nmt_cli.training.callbacks import LogEvent, ValidationEvent
from nmt_cli.training.train import train

SIZE: dict[str, Any] = {
    # small enough to learn the bundled sample in minutes
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
"""Widths to choose from where parameters should be alike."""

ROWS = 64

MARGIN = 0.5
"""BLEU from which a difference counts."""


def described(corpus: PreparedCorpus, minutes: float) -> str:
    """What is learnt, and for how long."""
    manifest = corpus.manifest
    pairs = f"{manifest.source} to {manifest.target}, {manifest.counts['train']:,} pairs"
    return f"{pairs}, {minutes:g} minutes for each model of {SIZE['hidden_size']} cells a layer"


def parameters(corpus: PreparedCorpus, options: Mapping[str, Any]) -> int:
    """Of a system, without training it."""
    tokenizers = corpus.tokenizers
    sizes = VocabSizes(tokenizers.source.size, tokenizers.target.size, tokenizers.joint)
    given = {name: value for name, value in {**SIZE, **options}.items() if name in ModelConfig.model_fields}
    return Seq2Seq(ModelConfig.model_validate(given), sizes).num_parameters


def at_equal_size(corpus: PreparedCorpus, systems: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same systems with as many cells a layer as bring their parameters nearest to those of the first."""
    wanted = parameters(corpus, next(iter(systems.values())))

    def nearest(options: Mapping[str, Any]) -> int:
        def size(cells: int) -> int:
            return parameters(corpus, {**options, "hidden_size": cells})

        above = bisect.bisect_left(CELLS, wanted, hi=len(CELLS) - 1, key=size)
        return min(CELLS[max(0, above - 1) : above + 1], key=lambda cells: abs(size(cells) - wanted))

    return {name: {**options, "hidden_size": nearest(options)} for name, options in systems.items()}


@dataclass
class Watcher:
    """Notes what a run tells."""

    speeds: list[float] = field(default_factory=list)
    validations: list[ValidationEvent] = field(default_factory=list)

    def on_log(self, report: LogEvent) -> None:
        self.speeds.append(report.speed)

    def on_validation(self, event: ValidationEvent) -> None:
        self.validations.append(event)

    def message(self, message: str) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Trained:
    """A model, target subwords a second while it learnt, and the validations on the way; `minutes` is
    how long it was to learn."""

    loaded: LoadedModel
    speed: float
    validations: list[ValidationEvent]
    minutes: float


def open_corpus(setting: ExperimentConfig) -> PreparedCorpus:
    """The corpus that was given, or the bundled sample."""
    if setting.prepared is not None:
        return PreparedCorpus.open(setting.prepared)
    out = setting.work / "prepared"
    prepare(PreprocessConfig(out=out), lambda line: None)
    return PreparedCorpus.open(out)


def train_system(
    setting: ExperimentConfig, corpus: PreparedCorpus, name: str, options: Mapping[str, Any], seed: int, minutes: float
) -> Trained:
    """Train one system for some minutes."""
    out = setting.work / f"{name}-{seed}".replace(" ", "-").replace("/", "-")
    budget = {"max_minutes": minutes, "device": "cpu", "precision": "fp32"}
    given = {**SIZE, **options, **budget, "seed": seed, "prepared": corpus.path, "out": out}
    config = resolve(TrainConfig, [(name, given)]).model_copy(update={"threads": torch.get_num_threads()})
    watcher = Watcher()
    if train(config, lambda: [watcher], time.monotonic()).interrupted:
        raise KeyboardInterrupt  # a model that was cut short must not be compared
    loaded = load_model(out, compute_for_search("cpu", "fp32", 0), packed=False)  # losses are asked for, too
    kept = [event.validation.bleu for event in watcher.validations if event.best]
    setting.say(f"seed {seed}, {name}: dev BLEU {kept[-1] if kept else 0.0:.1f} after {minutes:.2g} minutes")
    return Trained(
        loaded,
        float(np.median(watcher.speeds)) if watcher.speeds else 0.0,
        watcher.validations,
        minutes,
    )


@dataclass(frozen=True)
class Translated:
    """A test split with a system's greedy translation."""

    sources: Sequence[str]
    references: Sequence[str]
    outputs: Sequence[str]
    languages: tuple[str, str]
    unicode: Any

    def bleu(self, rows: Sequence[int] | None = None) -> float:
        """BLEU of some sentences, or of all."""
        chosen = range(len(self.outputs)) if rows is None else rows
        outputs, references = [self.outputs[r] for r in chosen], [self.references[r] for r in chosen]
        return quick_scores(outputs, references, self.languages[1], self.unicode)["bleu"]

    def rows_of_length(self, shortest: int, longest: int) -> list[int]:
        """Sentences whose source has from `shortest` to `longest` words."""
        lengths = [length(source, self.languages[0]) for source in self.sources]
        return [row for row, words in enumerate(lengths) if shortest <= words <= longest]


def translate_test(corpus: PreparedCorpus, trained: Trained) -> Translated:
    """Translate the test split."""
    split = corpus.split("test")
    sources, references = split.source_texts(), split.target_texts()
    outputs = translate_corpus(trained.loaded, sources)
    manifest = corpus.manifest
    return Translated(sources, references, outputs, (manifest.source, manifest.target), manifest.unicode)


def compare(
    setting: ExperimentConfig, corpus: PreparedCorpus, systems: Mapping[str, Mapping[str, Any]], minutes: float
) -> Iterator[tuple[str, Trained, Translated]]:
    """Train every system from every seed, and translate the test split with it."""
    for seed in setting.seeds:
        for name, options in systems.items():
            trained = train_system(setting, corpus, name, options, seed, minutes)
            yield name, trained, translate_test(corpus, trained)


GRID = 10
"""Points of a learning curve."""


def learning(models: Mapping[str, Sequence[Trained]]) -> Plot:
    """How systems learn over the time that each has."""
    curves = [_learning_curve(name, runs) for name, runs in models.items()]
    return Plot("dev BLEU as it learns", "share of the time", "BLEU", curves)


def _learning_curve(name: str, runs: Sequence[Trained]) -> Curve:
    """Dev BLEU against the share of the time, between validations by straight lines from 0 at the start."""
    x = [(place + 1) / GRID for place in range(GRID)]
    drawn = []
    for run in runs:
        at = [0.0, *(min(1.0, judged.elapsed / 60 / run.minutes) for judged in run.validations)]
        drawn.append(np.interp(x, at, [0.0, *(judged.validation.bleu for judged in run.validations)]).tolist())
    return curve(name, x, drawn)


def beats(better: Sequence[float], worse: Sequence[float]) -> bool:
    """Whether one system is better than another by more than chance: every run of it than every run of the other, and
    by MARGIN on average."""
    return min(better) > max(worse) and statistics.fmean(better) - statistics.fmean(worse) >= MARGIN


def batches(split: Split, rows: int = ROWS) -> list[Batch]:
    """A split in batches of like length."""
    order = np.argsort(split.source_lengths, kind="stable")
    return [collate(*stored(split, order[start : start + rows])) for start in range(0, len(order), rows)]


def gold_of_sample(split: str) -> list[Alignment]:
    """The alignment of a split of the bundled sample, which its generator knows."""
    return read_links(find_sample() / f"{split}.align")
