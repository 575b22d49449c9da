"""The events of a training run and the callbacks that receive them; the terminal's are in `cli/display.py`."""

import importlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nmt_cli.atomic import errors_name, write_atomic
from nmt_cli.errors import ConfigError
from nmt_cli.progress import Progress, Step, clock
from nmt_cli.training.history import history_line, parse_history_line
from nmt_cli.training.validation import Validation

LINE_SECONDS = 20.0
"""Minimum time between two training lines of `LogCallback`."""


@dataclass(frozen=True)
class LogEvent:
    """Training since the last log event.

    `loss` is in nats per target subword, `speed` in target subwords per second, both without padding. `rate` is the
    learning rate, `norm` the median gradient norm before clipping, `clipped` the share of updates that were clipped,
    `progress` the share of the run that is done. `elapsed` and `remaining` are in seconds.
    """

    step: int
    epoch: float
    loss: float
    speed: float
    rate: float
    norm: float
    clipped: float
    progress: float
    elapsed: float
    remaining: float


@dataclass(frozen=True)
class ValidationEvent:
    """A validation, and whether its model is the best so far."""

    step: int
    epoch: float
    elapsed: float
    validation: Validation
    metric: str
    """The metric that selects the best model."""
    best: bool
    samples: list[tuple[str, str, str]]
    """A source sentence, the model's current translation, and the reference."""


class Callback(Progress):
    """Receives the events of a training run, its messages and its warnings; this one ignores them."""

    def on_log(self, event: LogEvent) -> None:
        """Called a few times a minute."""

    def on_validation(self, event: ValidationEvent) -> None:
        """Called after each validation."""

    def close(self) -> None:
        """Called when the run has ended."""

    def message(self, text: str) -> None:
        pass

    def warning(self, text: str) -> None:
        self.message(f"warning: {text}")

    @contextmanager
    def step(self, name: str, total: int | None = None, unit: str = "lines", announce: bool = True) -> Iterator[Step]:
        yield Step(name, total, unit, lambda step: None)


class LogCallback(Callback):
    """Sends a line every `LINE_SECONDS`, every validation, and all messages and warnings to the logger `nmt_cli`."""

    def __init__(self) -> None:
        self._logged_at = float("-inf")

    def on_log(self, event: LogEvent) -> None:
        if event.elapsed - self._logged_at < LINE_SECONDS:
            return
        self._logged_at = event.elapsed
        self.message(
            f"update {event.step:,}  epoch {event.epoch:.2f}  loss {event.loss:.3f}  {event.speed:,.0f} tokens/s  "
            f"rate {event.rate:.2e}  {clock(event.elapsed)} elapsed, {clock(event.remaining)} left"
        )

    def on_validation(self, event: ValidationEvent) -> None:
        self.message(validation_line(event))
        source, output, _ = event.samples[0]
        self.message(f"  sample: {source}\n       -> {output}")

    message = Progress.message
    warning = Progress.warning
    step = Progress.step


class CallbackList(Callback):
    """Several callbacks as one."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self._callbacks = callbacks

    def on_log(self, event: LogEvent) -> None:
        for callback in self._callbacks:
            callback.on_log(event)

    def on_validation(self, event: ValidationEvent) -> None:
        for callback in self._callbacks:
            callback.on_validation(event)

    def message(self, text: str) -> None:
        for callback in self._callbacks:
            callback.message(text)

    def warning(self, text: str) -> None:
        for callback in self._callbacks:
            callback.warning(text)

    @contextmanager
    def step(self, name: str, total: int | None = None, unit: str = "lines", announce: bool = True) -> Iterator[Step]:
        with ExitStack() as stack:
            steps = [stack.enter_context(each.step(name, total, unit, announce)) for each in self._callbacks]

            def forward(whole: Step) -> None:
                for step in steps:
                    step.advance(whole.done - step.done)

            yield Step(name, total, unit, forward)

    def close(self) -> None:
        for callback in self._callbacks:
            callback.close()


def validation_line(event: ValidationEvent) -> str:
    """A validation in one line."""
    validation = event.validation
    return (
        f"update {event.step:,}  epoch {event.epoch:.2f}  dev: loss {validation.loss:.3f}  "
        f"BLEU {validation.bleu:.2f}  chrF {validation.chrf:.2f}  ({clock(event.elapsed)})"
        + (f"  best by {event.metric}" if event.best else "")
    )


def validation_metadata(event: ValidationEvent) -> dict[str, Any]:
    """A validation event as a dictionary, for metrics.jsonl and the header of the weights."""
    validation = event.validation
    return {
        "step": event.step,
        "epoch": round(event.epoch, 4),
        "elapsed": round(event.elapsed, 2),
        "dev_loss": validation.loss,
        "dev_perplexity": validation.perplexity,
        "dev_bleu": validation.bleu,
        "dev_chrf": validation.chrf,
        "attention_entropy": validation.entropy,
        "validation_seconds": round(validation.seconds, 2),
        "metric": event.metric,
        "best": event.best,
        "calibration": validation.calibration.model_dump(),
    }


class MetricsFile(Callback):
    """Writes each event to metrics.jsonl as a line of JSON. When a run is resumed, the lines after the update of its
    saved state are dropped."""

    def __init__(self, path: Path, step: int, run: str) -> None:
        lines = path.read_bytes().split(b"\n") if step and path.is_file() else []
        write_atomic(path, b"".join(line + b"\n" for line in lines if _up_to(line, step, run)))
        self._run = run
        self._file = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115  # closed by close()
        self._path = path
        self._step = step

    def _write(self, kind: str, content: dict[str, Any]) -> None:
        with errors_name(self._path):
            self._file.write(history_line({"kind": kind, **content}, self._run))

    def on_log(self, event: LogEvent) -> None:
        self._step = event.step
        self._write("train", asdict(event))

    def on_validation(self, event: ValidationEvent) -> None:
        self._step = event.step
        samples = [dict(zip(("source", "output", "reference"), sample, strict=True)) for sample in event.samples]
        self._write("validation", {**validation_metadata(event), "samples": samples})

    def message(self, text: str) -> None:
        self._write("message", {"step": self._step, "message": text})

    def close(self) -> None:
        self._file.close()


def _up_to(line: bytes, step: int, run: str) -> bool:
    """Whether a line of metrics.jsonl is whole and of update `step` or an earlier one."""
    try:
        return int(parse_history_line(line, run)["step"]) <= step
    except ValueError:
        return False


class TensorBoard(Callback):
    """Writes scalars for TensorBoard. Raises ConfigError if TensorBoard is not installed."""

    def __init__(self, folder: Path) -> None:
        try:
            module: Any = importlib.import_module("torch.utils.tensorboard")
        except ImportError:
            raise ConfigError("--tensorboard: not installed; pip install 'nmt-cli[tensorboard]'") from None
        self._writer = module.SummaryWriter(str(folder))

    def on_log(self, event: LogEvent) -> None:
        for name in ("loss", "speed", "rate", "norm", "clipped"):
            self._writer.add_scalar(f"train/{name}", getattr(event, name), event.step)

    def on_validation(self, event: ValidationEvent) -> None:
        for name in ("dev_loss", "dev_bleu", "dev_chrf", "attention_entropy"):
            value = validation_metadata(event)[name]
            if value is not None:
                self._writer.add_scalar(f"dev/{name.removeprefix('dev_')}", value, event.step)

    def message(self, text: str) -> None:
        self._writer.add_text("messages", text)

    def close(self) -> None:
        self._writer.close()
