"""Train a model folder from a prepared corpus: what `nmt train` does."""

import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch

from nmt_cli import __version__
from nmt_cli.atomic import write_atomic
from nmt_cli.checkpoint.layout import (
    CONFIG,
    FORMAT,
    METRICS,
    MODEL,
    WEIGHTS,
    ModelManifest,
    has_only_begun,
    read_config,
    read_weights_metadata,
)
from nmt_cli.checkpoint.model_dir import LoadedModel, build_model, create_model_dir
from nmt_cli.checkpoint.output_dir import (
    backups,
    begin_run,
    check_output_dir,
    end_beginning,
    is_own_launch,
    lock_dir,
    remove_backups,
)
from nmt_cli.config import TrainConfig
from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.errors import CheckpointError, ConfigError, CorpusError
from nmt_cli.file_hashes import FileRecord
from nmt_cli.file_names import readable
from nmt_cli.kernels.device import Compute, compute_for_training
from nmt_cli.model.initialization import without_memory
from nmt_cli.paths import check_paths
from nmt_cli.settings import to_toml
from nmt_cli.signals import StopRequest
from nmt_cli.training.adapt import Parent
from nmt_cli.training.callbacks import Callback, CallbackList, LogCallback, MetricsFile, TensorBoard
from nmt_cli.training.distributed import World, process_group
from nmt_cli.training.environment import differences, environment
from nmt_cli.training.freeze import describe_frozen
from nmt_cli.training.health import Verdict, judge
from nmt_cli.training.history import read_history
from nmt_cli.training.model_card import write_card
from nmt_cli.training.schedule import default_learning_rate
from nmt_cli.training.state import TrainerState, check_state, load_state
from nmt_cli.training.step import TrainStep
from nmt_cli.training.trainer import Trainer
from nmt_cli.training.validation import Validator


@dataclass(frozen=True)
class TrainResult:
    """How a run ended, and the metadata of its best weights: None if the run was stopped before any were saved, and in
    every process but the main one."""

    reason: str
    interrupted: bool
    metadata: dict[str, Any] | None
    is_main: bool = True
    verdict: Verdict | None = None
    """None if there was no validation."""


def train(
    config: TrainConfig,
    callbacks: Sequence[Callback] | None = None,
    *,
    started: float | None = None,
    stop: StopRequest | None = None,
) -> TrainResult:
    """Train a new model in `config.out`, or resume the one there.

    `callbacks` receive the events of the run, in the main process alone; by default a LogCallback does. `started` is
    when the program started, by time.monotonic(), so that `max_minutes` counts the start of the program too. As soon
    as `stop` has a reason, the run saves its state and ends.

    Under torchrun every process calls this, and they train one model together; if torchrun restarts them after one has
    failed, they resume from the last saved state.

    Raises CorpusError, CheckpointError, ConfigError or TrainingError for what the user can fix.
    """
    check_paths(config)
    started = time.monotonic() if started is None else started
    compute = compute_for_training(config.device, config.precision, config.threads)
    with process_group(compute.device) as world:
        asked, config = config, _new_or_resumed(config, world)
        with world.main_process_first():
            if world.is_main:
                check_output_dir(config.out, config.resume, config.overwrite)
            corpus = PreparedCorpus.open(config.prepared)
            loaded = _new_model(config, corpus, compute)
            training = loaded.config.training
            train_split = corpus.split("train")
            if not len(train_split):
                raise CorpusError(f"{corpus.path}: the train split is empty")
        train_step = TrainStep(loaded.model, training, compute, world)
        validator = Validator(corpus, training.validate_sentences, training.batch_tokens)
        new_run = world.is_main and not config.resume
        with lock_dir(config.out) if world.is_main else nullcontext():
            if new_run:
                # again, under the lock: another run may have ended here meanwhile
                check_output_dir(config.out, config.resume, config.overwrite)
                begin_run(config.out, to_toml(loaded.config))
            progress = load_state(config.out, train_step, loaded.manifest.run) if config.resume else None
            world.seed_rank()
            callbacks = [LogCallback()] if callbacks is None else callbacks
            files = _files(config, progress, loaded.manifest.run) if world.is_main else []
            callback = CallbackList([*files, *callbacks] if world.is_main else [])
            run = Trainer(loaded, train_step, train_split, validator, callback, stop or StopRequest())
            run.begin(started, progress)
            try:
                for message in _start_messages(run, corpus, asked.resume and not config.resume):
                    callback.message(message)
                if config.resume and world.is_main:
                    _update_folder(loaded, callback)
                if new_run:
                    create_model_dir(config.out, loaded.manifest, loaded.config, corpus.tokenizers, corpus.lexicon())
                    end_beginning(config.out)
                reason = run.run()
            finally:
                callback.close()
            return _finish(loaded, run, reason)


def _new_or_resumed(config: TrainConfig, world: World) -> TrainConfig:
    """The config of a run that is resumed if torchrun has restarted it after a save, and begins again if it was to be
    resumed but had been killed before it saved anything."""

    def main_says(answer: Callable[[], bool]) -> bool:
        return any(world.broadcast(float(world.is_main and answer())))

    if world.restarted() and main_says(lambda: is_own_launch(world.launch, config.out)):
        return config.model_copy(update={"resume": True, "overwrite": False})
    if config.resume and not config.overwrite and main_says(lambda: has_only_begun(config.out)):
        return config.model_copy(update={"resume": False, "overwrite": True})
    return config


def _new_model(config: TrainConfig, corpus: PreparedCorpus, compute: Compute) -> LoadedModel:
    """A model with random weights, or those of the model to start from, in training mode.

    Raises CheckpointError or ConfigError if the run to resume, or the model to start from, does not match it.
    """
    parent = Parent.read(config.from_) if config.from_ is not None and not config.resume else None
    if parent is not None:
        config = parent.with_architecture(config)
        parent.check_corpus(corpus)
    elif config.resume:  # its parent is not read again
        config = config.model_copy(update={"from_": read_config(config.out).from_})
    saved_config = _saved_config(config)
    manifest = _manifest(saved_config, corpus, compute)
    if config.resume:
        manifest = _resumed_manifest(saved_config, manifest)
        check_state(config.out, without_memory(lambda: build_model(config, corpus.tokenizers)))
    torch.manual_seed(config.training.seed)
    try:
        model = build_model(config, corpus.tokenizers)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if parent is not None:
        manifest = manifest.model_copy(update={"parents": parent.load_weights(model)})
    model.to(compute.device).train()
    return LoadedModel(config.out, model, corpus.tokenizers, manifest, saved_config, compute, {"sha256": "in training"})


def _update_folder(loaded: LoadedModel, callback: Callback) -> None:
    """Write the options of a resumed run, which may differ from those of its start, and its manifest; log how the
    environment has changed, if it has."""
    out, before = loaded.path, MODEL.read(loaded.path)
    options = to_toml(loaded.config).encode()
    files = {**before.files, CONFIG: FileRecord.of(options)}
    previous = FileRecord.of_file(out / CONFIG)
    MODEL.write(out, loaded.manifest.model_copy(update={"files": files, "previous_config": previous}))
    write_atomic(out / CONFIG, options)
    if len(loaded.manifest.environments) > len(before.environments):
        changed = "; ".join(differences(*loaded.manifest.environments[-2:]))
        callback.message(
            f"the environment has changed ({changed}): the weights may differ a little from an uninterrupted run's"
        )


def _finish(loaded: LoadedModel, run: Trainer, reason: str) -> TrainResult:
    """Write the model card, and remove the previous model unless the run was interrupted."""
    if not run.world.is_main:
        return TrainResult(reason, run.interrupted, None, is_main=False)
    out = loaded.path
    metadata = read_weights_metadata(out, loaded.manifest) if (out / WEIGHTS).exists() else None
    if metadata is not None:
        write_card(replace(loaded, metadata=metadata))
        if not run.interrupted:
            remove_backups(out)
    verdict = judge([record["dev_chrf"] for record in read_history(out / METRICS, loaded.manifest.run).validations])
    return TrainResult(reason, run.interrupted, metadata, verdict=verdict)


def _files(config: TrainConfig, progress: TrainerState | None, run: str) -> list[Callback]:
    boards = [TensorBoard(config.tensorboard)] if config.tensorboard else []
    return [MetricsFile(config.out / METRICS, progress.step if progress else 0, run), *boards]


def _start_messages(run: Trainer, corpus: PreparedCorpus, begins_again: bool) -> Iterator[str]:
    """Yield what is to be said at the start. `begins_again`: the run was to be resumed, but had saved nothing."""
    loaded = run.loaded
    yield _start_message(run, corpus)
    if loaded.config.training.freeze:
        yield describe_frozen(loaded.model, loaded.config.training.freeze)
    if begins_again:
        yield "the run to resume had saved nothing yet, so it starts from the beginning"
    for path in backups(loaded.path) if run.world.is_main else []:
        yield f"the previous model is kept as {path} until this run has ended"


def _start_message(run: Trainer, corpus: PreparedCorpus) -> str:
    loaded, manifest = run.loaded, corpus.manifest
    step = run.state.step
    processes = f"{run.world.size} times " if run.world.size > 1 else ""
    verb = f"resuming at update {step:,}" if step else "training"
    if not step and (parents := loaded.manifest.parents):
        verb = f"training from the weights {parents[-1].sha256[:12]} of {loaded.config.from_}"
    if step and run.progress_share() >= 1:
        verb = f"already at update {step:,}, the end of the run; raise its limit to train longer"
    return (
        f"{verb}: {manifest.source} -> {manifest.target}, {manifest.counts['train']:,} pairs, "
        f"{loaded.model.num_parameters / 1e6:.1f} M parameters, on {processes}{loaded.compute}, for {run.criteria}"
    )


def _saved_config(config: TrainConfig) -> TrainConfig:
    """The options to save with the model: without `resume` and `overwrite`, which are for one start only, with the
    default learning rate as a number, and with the corpus and the model to start from as absolute paths."""
    training, from_ = config.training, config.from_
    if not training.learning_rate:
        rate = default_learning_rate(config.model, adapting=from_ is not None)
        training = training.model_copy(update={"learning_rate": rate})
    paths = {"prepared": config.prepared.resolve(), "from_": None if from_ is None else from_.resolve()}
    return config.model_copy(update={"resume": False, "overwrite": False, "training": training, **paths})


def _resumed_manifest(config: TrainConfig, manifest: ModelManifest) -> ModelManifest:
    """The manifest of the run to resume, to which the current environment is added if it differs.

    Raises CheckpointError if the run was on another corpus, or with other model options.
    """
    before = MODEL.read(config.out)
    if before.corpus != manifest.corpus:
        raise CheckpointError(
            f"{config.prepared}: not the corpus that {config.out} was trained on ({before.prepared}, identity "
            f"{before.corpus[:12]}, now {manifest.corpus[:12]}): its text, options or subwords differ; "
            "train a new model with another --out"
        )
    if read_config(config.out).model != config.model:
        raise CheckpointError(f"{config.out}: the run has other model options; resume without model options")
    (current,) = manifest.environments
    if not differences(before.environments[-1], current):
        return before
    return before.model_copy(update={"environments": [*before.environments, current]})


def _manifest(config: TrainConfig, corpus: PreparedCorpus, compute: Compute) -> ModelManifest:
    manifest = corpus.manifest
    return ModelManifest(
        format=FORMAT,
        kind="model",
        toolkit=__version__,
        command=["nmt", *map(readable, sys.argv[1:])],
        source=manifest.source,
        target=manifest.target,
        unicode=manifest.unicode,
        max_source_length=manifest.max_length,
        source_size=corpus.tokenizers.source.size,
        target_size=corpus.tokenizers.target.size,
        prepared=str(config.prepared),
        corpus=manifest.identity,
        train_pairs=manifest.counts["train"],
        tags=manifest.tags,
        run=uuid.uuid4().hex,
        environments=[environment(compute)],
    )
