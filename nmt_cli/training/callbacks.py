"""The events of a training run and the callbacks that receive them; the terminal's are in `cli/display.py`."""

import importlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from nmt_cli.atomic import write_atomic
from nmt_cli.errors import ConfigError
from nmt_cli.training.validation import Validation


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
    sample: tuple[str, str, str]
    """A source sentence, the model's current translation, and the reference."""


class Callback(Protocol):
    """Receives the events of a training run."""

    def on_log(self, event: LogEvent) -> None:
        """Called a few times a minute."""

    def on_validation(self, event: ValidationEvent) -> None:
        """Called after each validation."""

    def message(self, message: str) -> None:
        """Called with every other message, warnings included."""

    def close(self) -> None:
        """Called when the run has ended."""


class CallbackList:
    """Several callbacks as one."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self._callbacks = callbacks

    def on_log(self, event: LogEvent) -> None:
        for callback in self._callbacks:
            callback.on_log(event)

    def on_validation(self, event: ValidationEvent) -> None:
        for callback in self._callbacks:
            callback.on_validation(event)

    def message(self, message: str) -> None:
        for callback in self._callbacks:
            callback.message(message)

    def close(self) -> None:
        for callback in self._callbacks:
            callback.close()


def metadata(event: ValidationEvent) -> dict[str, Any]:
    """A validation event as a flat dictionary, for metrics.jsonl and the header of the weights."""
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
    }


class MetricsFile:
    """Writes each event to metrics.jsonl as a line of JSON. When a run is resumed, the lines after the update of its
    saved state are dropped."""

    def __init__(self, path: Path, step: int) -> None:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if step and path.exists() else []
        write_atomic(path, "".join(f"{line}\n" for line in lines if _up_to(line, step)))
        self._file = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115  # closed by close()
        self._step = step

    def _write(self, kind: str, content: dict[str, Any]) -> None:
        self._file.write(json.dumps({"kind": kind, **content}, ensure_ascii=False) + "\n")

    def on_log(self, event: LogEvent) -> None:
        self._step = event.step
        self._write("train", asdict(event))

    def on_validation(self, event: ValidationEvent) -> None:
        self._step = event.step
        source, output, reference = event.sample
        sample = {"source": source, "output": output, "reference": reference}
        self._write("validation", {**metadata(event), "sample": sample})

    def message(self, message: str) -> None:
        self._write("message", {"step": self._step, "message": message})

    def close(self) -> None:
        self._file.close()


def _up_to(line: str, step: int) -> bool:
    """Whether a line of metrics.jsonl is complete JSON, of update `step` or an earlier one."""
    try:
        return int(json.loads(line).get("step", 0)) <= step
    except (ValueError, AttributeError, TypeError):
        return False


class TensorBoard:
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
            value = metadata(event)[name]
            if value is not None:
                self._writer.add_scalar(f"dev/{name.removeprefix('dev_')}", value, event.step)

    def message(self, message: str) -> None:
        self._writer.add_text("messages", message)

    def close(self) -> None:
        self._writer.close()
