"""From a prepared corpus to a trained model folder: what `nmt train` does."""

import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nmt_cli import __version__
from nmt_cli.checkpoint.layout import FORMAT, METRICS, MODEL, WEIGHTS, ModelManifest, read_metadata
from nmt_cli.checkpoint.model_dir import LoadedModel, build_model, create_model_dir, read_config
from nmt_cli.checkpoint.output_dir import backup, backups, check_output_dir, lock_dir, remove_backups, saved_by_launch
from nmt_cli.config import TrainConfig
from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.corpus.tokenizer import Tokenizers
from nmt_cli.errors import CheckpointError, ConfigError, CorpusError
from nmt_cli.kernels.device import Compute, compute_for_training
from nmt_cli.training.callbacks import Callback, CallbackList, MetricsFile, TensorBoard
from nmt_cli.training.distributed import process_group
from nmt_cli.training.environment import differences, environment
from nmt_cli.training.model_card import write_card
from nmt_cli.training.schedule import peak_rate
from nmt_cli.training.state import TrainerState, load_state
from nmt_cli.training.step import TrainStep
from nmt_cli.training.trainer import Trainer
from nmt_cli.training.validation import Validator


@dataclass(frozen=True)
class TrainResult:
    """How a run ended, and the facts of its best weights (None if it was stopped before any were saved). Of several
    processes only the one that leads knows of them."""

    reason: str
    interrupted: bool
    metadata: dict[str, Any] | None
    is_main: bool = True


def train(config: TrainConfig, watch: Callable[[], Sequence[Callback]], started: float) -> TrainResult:
    """Train, or go on training, in `config.out`. `started` is when the program started (time.monotonic()).

    Under torchrun every process calls this, and they train one model together; started again after one of them failed,
    they go on where they were.

    Raises CorpusError, CheckpointError, ConfigError or TrainingError for what the user can mend.
    """
    compute = compute_for_training(config.device, config.precision, config.threads)
    if not config.training.learning_rate:
        training = config.training.model_copy(update={"learning_rate": peak_rate(config.model)})
        config = config.model_copy(update={"training": training})
    with process_group(compute.device) as world:
        if world.restarted() and any(
            world.broadcast(float(world.is_main and saved_by_launch(world.launch, config.out)))
        ):
            config = config.model_copy(update={"resume": True, "overwrite": False})
        with world.main_process_first():
            if world.is_main:
                check_output_dir(config.out, config.resume, config.overwrite)
            corpus = PreparedCorpus.open(config.prepared)
            loaded = _fresh(config, corpus, compute)
            train_split = corpus.split("train")
            if not len(train_split):
                raise CorpusError(f"{corpus.path}: train is empty; there is nothing to learn from")
        train_step = TrainStep(loaded.model, config.training, compute, world)
        validator = Validator(corpus, config.training.validate_sentences, config.training.batch_tokens)
        begins = world.is_main and not config.resume
        with lock_dir(config.out) if world.is_main else nullcontext():
            if begins:
                check_output_dir(config.out, config.resume, config.overwrite)  # another run may have come and gone
                backup(config.out)
            progress = load_state(config.out, train_step) if config.resume else None
            world.seed_rank()
            callback = CallbackList(_callbacks(config, watch, progress) if world.is_main else [])
            run = Trainer(loaded, train_step, train_split, validator, callback)
            run.begin(started, progress)
            try:
                callback.message(_opening(run, corpus))
                if config.resume and world.is_main:
                    _note_environment(loaded.manifest, config.out, callback)
                for before in backups(config.out) if world.is_main else []:
                    callback.message(f"the model that was here is kept as {before} until this run has ended")
                if begins:
                    create_model_dir(config.out, loaded.manifest, loaded.config, corpus.tokenizers, corpus.lexicon())
                reason = run.run()
            finally:
                callback.close()
            return _ended(loaded, run, reason)


def _fresh(config: TrainConfig, corpus: PreparedCorpus, compute: Compute) -> LoadedModel:
    """A model with random weights, ready to learn, that fits what is resumed."""
    torch.manual_seed(config.training.seed)
    try:
        model = build_model(config, corpus.tokenizers)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    lasting = _lasting(config)
    manifest = _manifest(lasting, corpus, compute)
    if config.resume:
        manifest = _resumed(lasting, manifest, corpus.tokenizers)
    model.to(compute.device).train()
    return LoadedModel(config.out, model, corpus.tokenizers, manifest, lasting, compute, {"sha256": "in training"})


def _note_environment(manifest: ModelManifest, out: Path, callback: Callback) -> None:
    """Keep and tell what the resumed run computes with, if it is not what it computed with before."""
    if manifest == MODEL.read(out):
        return
    MODEL.write(out, manifest)
    if len(manifest.environments) > 1:
        changed = "; ".join(differences(*manifest.environments[-2:]))
        callback.message(
            f"the run computes with {changed}: its weights may differ a little from an uninterrupted run's"
        )


def _ended(loaded: LoadedModel, run: Trainer, reason: str) -> TrainResult:
    """Clear up after a run."""
    if not run.world.is_main:
        return TrainResult(reason, run.interrupted, None, is_main=False)
    out = loaded.path
    metadata = read_metadata(out / WEIGHTS) if (out / WEIGHTS).exists() else None
    if metadata is not None:
        write_card(loaded, metadata)
        if not run.interrupted:
            remove_backups(out)
    return TrainResult(reason, run.interrupted, metadata)


def _callbacks(
    config: TrainConfig, watch: Callable[[], Sequence[Callback]], progress: TrainerState | None
) -> list[Callback]:
    boards = [TensorBoard(config.tensorboard)] if config.tensorboard else []
    return [MetricsFile(config.out / METRICS, progress.step if progress else 0), *boards, *watch()]


def _opening(run: Trainer, corpus: PreparedCorpus) -> str:
    loaded, manifest = run.loaded, corpus.manifest
    step = run.progress.step
    times = f"{run.world.size} times " if run.world.size > 1 else ""
    verb = f"going on at update {step:,}" if step else "training"
    if step and run.share() >= 1:
        verb = f"already at update {step:,}, the end of the run; raise its limit to go on"
    return (
        f"{verb}: {manifest.source} -> {manifest.target}, {manifest.counts['train']:,} pairs, "
        f"{loaded.model.num_parameters / 1e6:.1f} M parameters, on {times}{loaded.compute}, for {run.limits}"
    )


def _lasting(config: TrainConfig) -> TrainConfig:
    """What is saved of the options: not how this one start was to treat the folder, and a corpus that is found from
    anywhere."""
    return config.model_copy(update={"resume": False, "overwrite": False, "prepared": config.prepared.resolve()})


def _resumed(config: TrainConfig, manifest: ModelManifest, tokenizers: Tokenizers) -> ModelManifest:
    """The manifest of the run that goes on, with what it computes with now if that is something else."""
    before = MODEL.read(config.out)
    if before.corpus != manifest.corpus:
        raise CheckpointError(
            f"{config.prepared}: not the corpus that {config.out} was trained on ({before.prepared}, identity "
            f"{before.corpus[:12]}, now {manifest.corpus[:12]}): its text, its options or its subwords are others; "
            "train anew with another --out"
        )
    if Tokenizers.load(config.out, before.unicode).files() != tokenizers.files():
        raise CheckpointError(
            f"{config.out}: its tokenizer is not that of {config.prepared}, so one of the two was changed since; "
            "put the right one back, or train anew with another --out"
        )
    if read_config(config.out).model != config.model:
        raise CheckpointError(f"{config.out}: was begun as another model; resume without model options")
    (now,) = manifest.environments
    if not differences(before.environments[-1], now):
        return before
    return before.model_copy(update={"environments": [*before.environments, now]})


def _manifest(config: TrainConfig, corpus: PreparedCorpus, compute: Compute) -> ModelManifest:
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
        corpus=manifest.identity,
        train_pairs=manifest.counts["train"],
        environments=[environment(compute)],
    )
