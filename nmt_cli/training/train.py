"""From a prepared corpus to a trained model folder: what `nmt train` does."""

import itertools
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nmt_cli import __version__
from nmt_cli.checkpoint.folder import LoadedModel, build_model, create_folder, read_config
from nmt_cli.checkpoint.layout import FORMAT, METRICS, MODEL, RESUME, WEIGHTS, ModelManifest, belongs, read_facts
from nmt_cli.config import TrainConfig
from nmt_cli.corpus.store import PreparedCorpus
from nmt_cli.errors import CheckpointError, ConfigError, CorpusError
from nmt_cli.manifest import kind_of
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
    _check_folder(config)
    corpus = PreparedCorpus.open(config.prepared)
    chosen = compute_for_training(config.device, config.precision, config.threads)
    torch.manual_seed(config.training.seed)
    try:
        model = build_model(config, corpus.tokenizers)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    manifest = _manifest(config, corpus)
    if config.resume:
        _check_resumed(config, manifest)
    model.to(chosen.device).train()
    loaded = LoadedModel(config.out, model, corpus.tokenizers, manifest, config, chosen, {"sha256": "in training"})
    learner = Learner(model, config.training, chosen)
    train_split = corpus.split("train")
    if not len(train_split):
        raise CorpusError(f"{config.prepared}: train is empty; there is nothing to learn from")
    validator = Validator(corpus, config.training.validate_sentences)
    for left in config.out.glob(".*.partial"):  # by a run that was killed while it wrote
        left.unlink()
    boards = [TensorBoard(config.tensorboard)] if config.tensorboard else []
    replaced = None
    if not config.resume:
        replaced = _set_aside(config.out)
        create_folder(config.out, manifest, _lasting(config), corpus.tokenizers)
    progress = load_state(config.out, learner) if config.resume else None
    metrics = MetricsFile(config.out / METRICS, progress.step if progress else 0)
    observer = Everybody([metrics, *boards, *watch()])
    run = Run(loaded, learner, train_split, validator, observer)
    run.begin(started, progress)
    try:
        observer.say(_opening(run, corpus))
        if replaced:
            observer.say(f"the model that was in {config.out} is kept as {replaced} until this one has weights")
        reason = run.run()
    finally:
        observer.close()
    facts = read_facts(config.out / WEIGHTS) if (config.out / WEIGHTS).exists() else None
    if facts is not None:
        write_card(loaded, facts)
        if replaced:
            shutil.rmtree(replaced)
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


def _set_aside(out: Path) -> Path | None:
    """Move what is to be overwritten out of the way, to a name beside it. None if there is nothing worth keeping."""
    if not (out / WEIGHTS).exists():
        (out / RESUME).unlink(missing_ok=True)
        return None
    place = out.resolve()
    aside = next(p for n in itertools.count(1) if not (p := place.with_name(f"{place.name}.replaced-{n}")).exists())
    place.rename(aside)
    return aside


def _check_folder(config: TrainConfig) -> None:
    """Refuse to lose anything."""
    out = config.out
    if config.resume:
        if config.overwrite:
            raise ConfigError("--resume and --overwrite contradict each other")
        if not (out / RESUME).exists():
            raise CheckpointError(f"{out / RESUME}: no state to resume from; train without --resume")
        return
    if out.exists() and not out.is_dir():
        raise CheckpointError(f"{out}: is a file; choose another --out")
    if not out.exists() or not any(out.iterdir()):
        return
    if kind_of(out) != MODEL.name:
        raise CheckpointError(f"{out}: holds something that is not a model; choose another --out")
    if not config.overwrite and ((out / WEIGHTS).exists() or (out / RESUME).exists()):
        raise CheckpointError(
            f"{out}: there is already a model; go on with --resume, replace it with --overwrite, or choose an --out"
        )
    if foreign := sorted(entry.name for entry in out.iterdir() if not belongs(entry.name)):
        raise CheckpointError(
            f"{out}: also holds {', '.join(foreign[:3])}, which nmt did not write; move it away first"
        )


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
        prepared=str(config.prepared.resolve()),
        corpus=manifest.fingerprint,
        train_pairs=manifest.counts["train"],
    )
