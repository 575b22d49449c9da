"""From a prepared corpus to a trained model folder: what `nmt train` does."""

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from nmt_cli import __version__
from nmt_cli.checkpoint.folder import LoadedModel, build_model, create_folder, read_config
from nmt_cli.checkpoint.layout import FORMAT, METRICS, MODEL, WEIGHTS, ModelManifest, read_facts
from nmt_cli.checkpoint.place import check_place, occupied, replaced, set_aside
from nmt_cli.config import TrainConfig
from nmt_cli.corpus.store import PreparedCorpus
from nmt_cli.errors import CheckpointError, ConfigError, CorpusError
from nmt_cli.model.device import compute_for_training
from nmt_cli.training.card import write_card
from nmt_cli.training.learner import Learner
from nmt_cli.training.loop import Run
from nmt_cli.training.observer import Everybody, MetricsFile, Observer, TensorBoard
from nmt_cli.training.state import load_state
from nmt_cli.training.validation import Validator


@dataclass(frozen=True)
class Outcome:
    """How a run ended, and the facts of its best weights (None if it was stopped before any were saved)."""

    reason: str
    interrupted: bool
    facts: dict[str, Any] | None


def train(config: TrainConfig, watch: Callable[[], Sequence[Observer]], started: float) -> Outcome:
    """Train, or go on training, in `config.out`. `started` is when the program started (time.monotonic()).

    Raises CorpusError, CheckpointError, ConfigError or TrainingError for what the user can mend.
    """
    resume = config.resume
    check_place(config.out, resume, config.overwrite)
    corpus = PreparedCorpus.open(config.prepared)
    config = _lasting(config)
    chosen = compute_for_training(config.device, config.precision, config.threads)
    torch.manual_seed(config.training.seed)
    try:
        model = build_model(config, corpus.tokenizers)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    manifest = _manifest(config, corpus)
    if resume:
        _check_resumed(config, manifest)
    model.to(chosen.device).train()
    loaded = LoadedModel(config.out, model, corpus.tokenizers, manifest, config, chosen, {"sha256": "in training"})
    learner = Learner(model, config.training, chosen)
    train_split = corpus.split("train")
    if not len(train_split):
        raise CorpusError(f"{corpus.path}: train is empty; there is nothing to learn from")
    validator = Validator(corpus, config.training.validate_sentences)
    boards = [TensorBoard(config.tensorboard)] if config.tensorboard else []
    with occupied(config.out):
        if not resume:
            set_aside(config.out)
            create_folder(config.out, manifest, config, corpus.tokenizers)
        progress = load_state(config.out, learner) if resume else None
        metrics = MetricsFile(config.out / METRICS, progress.step if progress else 0)
        observer = Everybody([metrics, *boards, *watch()])
        run = Run(loaded, learner, train_split, validator, observer)
        run.begin(started, progress)
        try:
            observer.say(_opening(run, corpus))
            for before in replaced(config.out):
                observer.say(f"the model that was here is kept as {before} until this run has ended")
            reason = run.run()
        finally:
            observer.close()
        facts = read_facts(config.out / WEIGHTS) if (config.out / WEIGHTS).exists() else None
        if facts is not None:
            write_card(loaded, facts)
            for before in [] if run.interrupted else replaced(config.out):
                shutil.rmtree(before)
    return Outcome(reason, run.interrupted, facts)


def _opening(run: Run, corpus: PreparedCorpus) -> str:
    loaded, manifest = run.loaded, corpus.manifest
    step = run.progress.step
    verb = f"going on at update {step:,}" if step else "training"
    if step and run.share() >= 1:
        verb = f"already at update {step:,}, the end of the run; raise its limit to go on"
    return (
        f"{verb}: {manifest.source} -> {manifest.target}, {manifest.counts['train']:,} pairs, "
        f"{loaded.model.size / 1e6:.1f} M parameters, on {loaded.compute}, for {run.limits}"
    )


def _lasting(config: TrainConfig) -> TrainConfig:
    """What is saved of the options: not how this one start was to treat the folder, and a corpus that is found from
    anywhere."""
    return config.model_copy(update={"resume": False, "overwrite": False, "prepared": config.prepared.resolve()})


def _check_resumed(config: TrainConfig, manifest: ModelManifest) -> None:
    before = MODEL.read(config.out)
    if before.corpus != manifest.corpus:
        raise CheckpointError(
            f"{config.prepared}: not the corpus that {config.out} was trained on ({before.prepared}, fingerprint "
            f"{before.corpus[:12]}, now {manifest.corpus[:12]})"
        )
    if read_config(config.out).model != config.model:
        raise CheckpointError(f"{config.out}: was begun as another model; resume without model options")


def _manifest(config: TrainConfig, corpus: PreparedCorpus) -> ModelManifest:
    manifest = corpus.manifest
    return ModelManifest(
        format=FORMAT,
        kind="model",
        toolkit=__version__,
        command=["nmt", *sys.argv[1:]],
        source=manifest.source,
        target=manifest.target,
        unicode=manifest.unicode,
        max_source_length=manifest.max_length,
        source_size=corpus.tokenizers.source.size,
        target_size=corpus.tokenizers.target.size,
        prepared=str(config.prepared),
        corpus=manifest.fingerprint,
        train_pairs=manifest.counts["train"],
    )
