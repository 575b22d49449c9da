"""The training loop: learn, report, validate, keep the best, stop."""

import signal
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Any

import torch

from nmt_cli.checkpoint.model_dir import LoadedModel, model_weights, save_weights
from nmt_cli.corpus.batch import Batch
from nmt_cli.corpus.batching import BatchLoader, BatchPlan, sampled, stored
from nmt_cli.corpus.dataset import Split
from nmt_cli.errors import TrainingError
from nmt_cli.kernels.contention import Contention
from nmt_cli.kernels.malloc import trim
from nmt_cli.training.callbacks import Callback, LogEvent, ValidationEvent, metadata
from nmt_cli.training.health import HealthStats, warnings
from nmt_cli.training.schedule import StoppingCriteria, forced_share, learning_rate
from nmt_cli.training.state import TrainerState, save_state
from nmt_cli.training.step import TrainStep, UpdateReport
from nmt_cli.training.validation import Validation, Validator

REPORT_SECONDS = 5.0
"""Time between two reports."""
VALIDATIONS = 10
"""Validations in a run, when their distance is not given."""
VALIDATION_PAUSE = 10.0
"""Least time between two such validations, in durations of the last."""
SAVE_SECONDS = 600.0
"""Longest time between two saves of the state."""
SETTLED = 0.25
"""Share of a run before which poor health is only youth."""
NOT_FINITE = 5
"""Updates in a row without a finite loss after which a run stops."""


class Trainer:
    """One run of training, new or resumed, in a model folder."""

    def __init__(
        self, loaded: LoadedModel, train_step: TrainStep, train: Split, validator: Validator, callback: Callback
    ) -> None:
        config = loaded.config.training
        self.loaded = loaded
        self.train_step = train_step
        self.config = config
        self.limits = StoppingCriteria.of(config)
        self.progress = TrainerState()
        strength = config.subword_regularization
        segment = sampled(loaded.tokenizers, strength) if strength else stored
        self.world = train_step.world
        self.plan = BatchPlan(
            config.batch_tokens, config.gradient_accumulation, config.seed, segment, self.world.rank, self.world.size
        )
        self._train = train
        self._validator = validator
        self._callback = callback
        self._per_epoch = len(BatchLoader(train, self.plan, 0))  # batches
        self._window: list[UpdateReport] = []
        self._idle = 0.0  # seconds before the first update
        self._next_share = 1 / VALIDATIONS
        self._not_finite = 0
        self._crowding = Contention(torch.get_num_threads() if train_step.compute.device.type == "cpu" else 1)
        self._interrupted: str | None = None
        self.interrupted = False
        """Whether somebody stopped it before its end."""
        self._clock = time.monotonic()
        self._reported = self._judged = self._saved = self._clock

    def begin(self, started: float, progress: TrainerState | None = None) -> None:
        """Set the clock, and where to go on. `started` is when the program started, in seconds of
        time.monotonic(), so that a limit of minutes counts everything."""
        self.progress = progress or TrainerState()
        self._clock = started - self.progress.elapsed

    def run(self) -> str:
        """Train until a limit, a lack of progress or an interruption. Returns why it ended, in words.

        Raises TrainingError if the loss is no longer finite.
        """
        self._idle = time.monotonic() - self._clock - self.progress.elapsed
        with self._signals():
            if self.progress.step:
                self._next_share = (int(self.share() * VALIDATIONS) + 1) / VALIDATIONS
            elif self.world.is_main:
                self._save()  # from here on a killed run goes on
            reason = self._reason_to_stop()
            for batches in self._updates() if reason is None else ():
                self._learn(batches)
                if self.world.is_main:
                    self._after_step()
                reason = self._reason_to_stop()
                if reason is not None:
                    break
            self.interrupted = self._interrupted is not None
            if self.world.is_main:
                if not self.interrupted and self.progress.validated != self.progress.step:
                    self._validate()
                self._save()
        assert reason is not None
        return reason

    def _after_step(self) -> None:
        """Between two updates: validate or save if it is time to."""
        if self._validation_due():
            self._validate()
        elif time.monotonic() - self._saved > SAVE_SECONDS:
            self._save()

    @property
    def epochs(self) -> float:
        """Passes over the training text so far."""
        return self.progress.epoch + min(1.0, self.progress.batches / self._per_epoch)

    def share(self) -> float:
        """Share of the run that is done."""
        learning = time.monotonic() - self._clock - self._idle
        return self.limits.progress(
            self.progress.step, self.epochs, learning, self._idle + 1.5 * self.progress.validation_seconds + 1.0
        )

    def _updates(self) -> Iterator[list[Batch]]:
        while True:
            updates = BatchLoader(self._train, self.plan, self.progress.epoch)
            self._per_epoch = len(updates)
            if self.progress.planned not in (0, len(updates)):  # resumed with other batches: where they stand as far on
                self.progress.batches = self.progress.batches * len(updates) // self.progress.planned
            self.progress.planned = len(updates)
            yield from updates.iterate(self.progress.batches)
            self.progress.epoch += 1
            self.progress.batches = 0

    def _learn(self, batches: list[Batch]) -> None:
        (share,) = self.world.broadcast(self.share())
        rate = learning_rate(self.config, self.progress.step, share)
        event = self.train_step.update(batches, rate, forced_share(self.config, share))
        self.progress.step += 1
        self.progress.batches += self.plan.width
        self.progress.tokens += event.tokens
        if event.applied:
            self._not_finite = 0
            self._window.append(event)
        else:
            self._skip()
        if time.monotonic() - self._reported > REPORT_SECONDS:
            self._report(rate)

    def _skip(self) -> None:
        self.progress.skipped += 1
        self._not_finite += 1
        if self._not_finite == 1:
            self._callback.message(
                f"update {self.progress.step}: the loss or its gradient is not finite; the update is left out"
            )
        if self._not_finite >= NOT_FINITE:
            best = self.progress.best_step
            kept = f"the model of update {best} is kept" if best else "no model has been saved yet"
            raise TrainingError(
                f"{NOT_FINITE} updates in a row without a finite loss, the last at update {self.progress.step}: "
                f"lower --learning-rate or take --precision fp32; {kept}"
            )

    def _report(self, rate: float) -> None:
        now = time.monotonic()
        tokens = sum(event.tokens for event in self._window)
        if tokens:
            share, elapsed = self.share(), now - self._clock
            learning = elapsed - self._idle
            self._callback.on_log(
                LogEvent(
                    step=self.progress.step,
                    epoch=self.epochs,
                    loss=sum(event.loss * event.tokens for event in self._window) / tokens,
                    speed=tokens / (now - self._reported),
                    rate=rate,
                    norm=statistics.median(event.norm for event in self._window),
                    clipped=sum(event.clipped for event in self._window) / len(self._window),
                    progress=share,
                    elapsed=elapsed,
                    remaining=learning / share - learning if share else 0.0,
                )
            )
        crowded = self._crowding.warning()
        if crowded is not None:
            self._callback.message(f"warning: {crowded}")
        self._window.clear()
        self._reported = now
        trim()

    def _validation_due(self) -> bool:
        if self.config.validate_every:
            return self.progress.step % self.config.validate_every == 0
        share = self.share()
        rested = time.monotonic() - self._judged > VALIDATION_PAUSE * self.progress.validation_seconds
        if share < self._next_share or share >= 1 or not rested:
            return False
        self._next_share = (int(share * VALIDATIONS) + 1) / VALIDATIONS
        return True

    def _validate(self) -> None:
        window = list(self._window)
        self.loaded.model.zero_grad(set_to_none=True)
        trim()
        average = self.train_step.ema
        with average.in_place() if average is not None else nullcontext():
            validation = self._validator.validate(self.loaded)
            self.progress.validation_seconds = validation.seconds
            self.progress.validated = self.progress.step
            better = self._compare(validation)
            event = self._validation_event(validation, better)
            if better:
                save_weights(self.loaded.path, model_weights(self.loaded.model), self._facts(event))
        self.loaded.model.train()
        self._callback.on_validation(event)
        if self.share() >= SETTLED:
            for warning in warnings(self._health_stats(validation, window)):
                self._callback.message(f"warning: {warning}")
        self._save()
        trim()
        self._reported = self._judged = time.monotonic()
        self._window.clear()

    def _compare(self, validation: Validation) -> bool:
        """Count the validation; whether it is the best so far."""
        value = {"loss": -validation.loss, "bleu": validation.bleu, "chrf": validation.chrf}[self.config.metric]
        if self.progress.metric not in (None, self.config.metric):  # resumed with another
            self.progress.best = None
        self.progress.metric = self.config.metric
        before = self.progress.best
        self.progress.bad_validations = 0 if before is None or value > before else self.progress.bad_validations + 1
        if before is not None and value < before:
            return False
        self.progress.best, self.progress.best_step = value, self.progress.step  # of equals the later
        return True

    def _validation_event(self, validation: Validation, better: bool) -> ValidationEvent:
        place = self.progress.step % len(validation.outputs)
        sample = (self._validator.sources[place], validation.outputs[place], self._validator.references[place])
        return ValidationEvent(
            self.progress.step,
            self.epochs,
            time.monotonic() - self._clock,
            validation,
            self.config.metric,
            better,
            sample,
        )

    def _health_stats(self, validation: Validation, window: list[UpdateReport]) -> HealthStats:
        return HealthStats(
            outputs=validation.outputs,
            references=self._validator.references,
            bleu=validation.bleu,
            copy_bleu=self._validator.copy_bleu,
            entropy=validation.entropy,
            clipped=sum(event.clipped for event in window) / len(window) if window else 0.0,
            norm=statistics.median(event.norm for event in window) if window else 0.0,
            clip_norm=self.config.clip_norm,
        )

    def _facts(self, event: ValidationEvent) -> dict[str, Any]:
        return {**metadata(event), "tokens": self.progress.tokens, "averaged": self.train_step.ema is not None}

    def _save(self) -> None:
        self.progress.elapsed = time.monotonic() - self._clock
        save_state(self.loaded.path, self.train_step, self.progress)
        self._saved = time.monotonic()

    def _reason_to_stop(self) -> str | None:
        """Why the leader stops, in words; the others stop with it."""
        (interrupted,) = self.world.all_reduce(float(self._interrupted is not None))
        if interrupted and self._interrupted is None:
            self._interrupted = "a signal to another process"
        reason = self._own_reason()
        (stops,) = self.world.broadcast(float(reason is not None))
        return (reason or "the first process stopped") if stops else None

    def _own_reason(self) -> str | None:
        if self._interrupted is not None:
            return f"interrupted by {self._interrupted}"
        if self.config.patience and self.progress.bad_validations >= self.config.patience:
            return f"no better {self.config.metric} in {self.config.patience} validations"
        if self.share() >= 1:
            return f"reached {self.limits}"
        return None

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """The first Ctrl-C or SIGTERM ends the run after the current update; the second ends it at once."""

        def note(number: int, _: FrameType | None) -> None:
            if self._interrupted is not None:
                raise KeyboardInterrupt
            self._interrupted = signal.Signals(number).name

        kept = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)
