"""The training loop: update, log, validate, save the best weights, stop."""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import torch

from nmt_cli.checkpoint.model_dir import LoadedModel, model_weights, save_weights
from nmt_cli.corpus.batch import Batch
from nmt_cli.corpus.batching import BatchLoader, BatchPlan
from nmt_cli.corpus.dataset import Split
from nmt_cli.corpus.noise import training_segmentation
from nmt_cli.errors import TrainingError
from nmt_cli.kernels.contention import Contention
from nmt_cli.kernels.malloc import trim
from nmt_cli.signals import StopRequest
from nmt_cli.training.callbacks import Callback, LogEvent, ValidationEvent, validation_metadata
from nmt_cli.training.health import HealthStats, health_warnings
from nmt_cli.training.schedule import StoppingCriteria, learning_rate, teacher_forcing_ratio
from nmt_cli.training.state import TrainerState, save_state
from nmt_cli.training.step import TrainStep
from nmt_cli.training.update_stats import UpdateStats
from nmt_cli.training.validation import Validation, Validator

LOG_SECONDS = 5.0
"""Time between two log events."""
VALIDATIONS = 10
"""Validations in a run, unless `validate_every` sets the updates between them."""
VALIDATION_PAUSE = 10.0
"""Minimum time between two of these validations, as a multiple of the last one's duration."""
SAVE_SECONDS = 600.0
"""Longest time between two saves of the state."""
HEALTH_FROM = 0.25
"""Share of a run before which there are no health warnings: they would be false alarms."""
RECENT = 100
"""The health warnings about gradients judge this many last updates."""
NOT_FINITE = 5
"""A run stops after this many updates in a row without a finite loss."""


class Trainer:
    """One training run, new or resumed, in a model folder."""

    def __init__(
        self,
        loaded: LoadedModel,
        train_step: TrainStep,
        train: Split,
        validator: Validator,
        callback: Callback,
        stop: StopRequest,
    ) -> None:
        config = loaded.config.training
        self.loaded = loaded
        self.train_step = train_step
        self.config = config
        self.criteria = StoppingCriteria.of(config)
        self.state = TrainerState()
        self.world = train_step.world
        segment = training_segmentation(config, loaded.tokenizers, loaded.manifest.source)
        self.plan = BatchPlan(
            config.batch_tokens, config.gradient_accumulation, config.seed, segment, self.world.rank, self.world.size
        )
        self._train = train
        self._validator = validator
        self._callback = callback
        self._per_epoch = len(BatchLoader(train, self.plan, 0))  # batches
        self._window = UpdateStats()  # updates since the last log event or validation
        self._recent = UpdateStats(RECENT)
        self._idle = 0.0  # seconds before the first update
        self._next_share = 1 / VALIDATIONS
        self._not_finite = 0
        self._contention = Contention(torch.get_num_threads() if train_step.compute.device.type == "cpu" else 1)
        self._stop = stop
        self.interrupted = False
        """Whether a stop request ended the run early."""
        self._clock = time.monotonic()
        self._logged_at = self._validated_at = self._saved_at = self._clock

    def begin(self, started: float, progress: TrainerState | None = None) -> None:
        """Set the clock and the counters: those to resume from, or zeros. `started` is when the program started, by
        time.monotonic(), so that `max_minutes` counts the start of the program too."""
        elapsed = progress.elapsed if progress else 0.0
        self.state = progress if progress and progress.step else TrainerState(elapsed=elapsed)
        self._clock = started - elapsed

    def run(self) -> str:
        """Train until a limit, the end of patience or an interruption. Returns why it ended, in words.

        Raises TrainingError if the loss is no longer finite.
        """
        elapsed = self.state.elapsed
        if not self.state.step and self.world.is_main:
            self._save()  # from here on a killed run can be resumed
            if self.loaded.manifest.parents:
                self._validate()  # adapted weights must be better than those that they come from
        self._idle = time.monotonic() - self._clock - elapsed
        if self.state.step:
            self._next_share = (int(self.progress_share() * VALIDATIONS) + 1) / VALIDATIONS
        reason = self._reason_to_stop()
        for batches in self._updates() if reason is None else ():
            self._update(batches)
            if self.world.is_main:
                self._after_step()
            reason = self._reason_to_stop()
            if reason is not None:
                break
        self.interrupted = self._stop.reason is not None
        if self.world.is_main:
            if not self.interrupted and self.state.validated != self.state.step:
                self._validate()
            self._save()
        assert reason is not None
        return reason

    def _after_step(self) -> None:
        """Validate or save between two updates, if it is time."""
        if self._validation_due():
            self._validate()
        elif time.monotonic() - self._saved_at > SAVE_SECONDS:
            self._save()

    @property
    def epochs(self) -> float:
        """Epochs done so far, with the fraction of the current one."""
        return self.state.epoch + min(1.0, self.state.batches / self._per_epoch)

    def progress_share(self) -> float:
        """Share of the run that is done."""
        training_seconds = time.monotonic() - self._clock - self._idle
        return self.criteria.progress(
            self.state.step, self.epochs, training_seconds, self._idle + 1.5 * self.state.validation_seconds + 1.0
        )

    def _updates(self) -> Iterator[list[Batch]]:
        while True:
            loader = BatchLoader(self._train, self.plan, self.state.epoch)
            self._per_epoch = len(loader)
            if self.state.planned not in (0, len(loader)):  # resumed with other batches: keep the fraction
                self.state.batches = self.state.batches * len(loader) // self.state.planned
            self.state.planned = len(loader)
            yield from loader.iterate(self.state.batches)
            self.state.epoch += 1
            self.state.batches = 0

    def _update(self, batches: list[Batch]) -> None:
        (share,) = self.world.broadcast(self.progress_share())
        rate = learning_rate(self.config, self.state.step, share)
        report = self.train_step.update(batches, rate, teacher_forcing_ratio(self.config, share))
        self.state.step += 1
        self.state.batches += self.plan.batches_per_update
        self.state.tokens += report.tokens
        if report.applied:
            self._not_finite = 0
            self._window.add(report)
            self._recent.add(report)
        else:
            self._skip()
        if time.monotonic() - self._logged_at > LOG_SECONDS:
            self._log(rate)

    def _skip(self) -> None:
        self.state.skipped += 1
        self._not_finite += 1
        if self._not_finite == 1:
            self._callback.warning(
                f"update {self.state.step}: the loss or its gradient is not finite; the update is skipped"
            )
        if self._not_finite >= NOT_FINITE:
            raise self._diverged(f"{NOT_FINITE} updates in a row without a finite loss")

    def _diverged(self, what: str) -> TrainingError:
        best = self.state.best_step
        saved = f"the model of update {best} is saved" if best else "no model has been saved yet"
        return TrainingError(
            f"update {self.state.step}: {what}; lower --learning-rate or use --precision fp32; {saved}"
        )

    def _log(self, rate: float) -> None:
        now = time.monotonic()
        if tokens := self._window.tokens:
            share, elapsed = self.progress_share(), now - self._clock
            training_seconds = elapsed - self._idle
            self._callback.on_log(
                LogEvent(
                    step=self.state.step,
                    epoch=self.epochs,
                    loss=self._window.loss,
                    speed=tokens / (now - self._logged_at),
                    rate=rate,
                    norm=self._window.norm,
                    clipped=self._window.clipped,
                    progress=share,
                    elapsed=elapsed,
                    remaining=training_seconds / share - training_seconds if share else 0.0,
                )
            )
        contention = self._contention.warning()
        if contention is not None:
            self._callback.warning(contention)
        self._window.clear()
        self._logged_at = now
        trim()

    def _validation_due(self) -> bool:
        if self.config.validate_every:
            return self.state.step % self.config.validate_every == 0
        share = self.progress_share()
        pause_over = time.monotonic() - self._validated_at > VALIDATION_PAUSE * self.state.validation_seconds
        if share < self._next_share or share >= 1 or not pause_over:
            return False
        self._next_share = (int(share * VALIDATIONS) + 1) / VALIDATIONS
        return True

    def _validate(self) -> None:
        self.loaded.model.zero_grad(set_to_none=True)
        trim()
        ema = self.train_step.ema
        with ema.swapped() if ema is not None else nullcontext():
            try:
                validation = self._validator.validate(self.loaded, self._callback)
            except FloatingPointError as error:
                raise self._diverged(str(error)) from None
            self.state.validation_seconds = validation.seconds
            self.state.validated = self.state.step
            value = {"loss": -validation.loss, "bleu": validation.bleu, "chrf": validation.chrf}[self.config.metric]
            better = self.state.update_best(self.config.metric, value)
            event = self._validation_event(validation, better)
            if better:
                save_weights(self.loaded.path, model_weights(self.loaded.model), self._metadata(event))
        self.loaded.model.train()
        self._callback.on_validation(event)
        if self.progress_share() >= HEALTH_FROM:
            for warning in health_warnings(self._health_stats(validation)):
                self._callback.warning(warning)
        self._save()
        trim()
        self._logged_at = self._validated_at = time.monotonic()
        self._window.clear()

    def _validation_event(self, validation: Validation, better: bool) -> ValidationEvent:
        texts = (self._validator.sources, validation.outputs, self._validator.references)
        samples = [(texts[0][row], texts[1][row], texts[2][row]) for row in self._validator.sample_rows]
        return ValidationEvent(
            self.state.step,
            self.epochs,
            time.monotonic() - self._clock,
            validation,
            self.config.metric,
            better,
            samples,
        )

    def _health_stats(self, validation: Validation) -> HealthStats:
        return HealthStats(
            outputs=validation.outputs,
            references=self._validator.references,
            bleu=validation.bleu,
            copy_bleu=self._validator.copy_bleu,
            entropy=validation.entropy,
            clipped=self._recent.clipped,
            norm=self._recent.norm,
            clip_norm=self.config.clip_norm,
        )

    def _metadata(self, event: ValidationEvent) -> dict[str, Any]:
        return {
            **validation_metadata(event),
            "run": self.loaded.manifest.run,
            "tokens": self.state.tokens,
            "averaged": self.train_step.ema is not None,
        }

    def _save(self) -> None:
        self.state.elapsed = time.monotonic() - self._clock
        save_state(self.loaded.path, self.train_step, self.state, self.loaded.manifest.run)
        self._saved_at = time.monotonic()

    def _reason_to_stop(self) -> str | None:
        """Why the main process stops, in words, or None to continue; the other processes stop with it."""
        (interrupted,) = self.world.all_reduce(float(self._stop.reason is not None))
        if interrupted and self._stop.reason is None:
            self._stop.reason = "a signal to another process"
        reason = self._local_reason()
        (stops,) = self.world.broadcast(float(reason is not None))
        return (reason or "the main process stopped") if stops else None

    def _local_reason(self) -> str | None:
        if self._stop.reason is not None:
            return f"interrupted by {self._stop.reason}"
        if self.config.patience and self.state.bad_validations >= self.config.patience:
            return f"no better {self.config.metric} in {self.config.patience} validations"
        if self.progress_share() >= 1:
            return f"reached {self.criteria}"
        return None
