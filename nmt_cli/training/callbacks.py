"""What a run tells whoever watches: the terminal, metrics.jsonl, TensorBoard."""

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
    """The run since the last report. `loss` is in nats per subword, `rate` the learning rate, `speed` real target
    subwords a second, `progress` the share of the run that is done, `remaining` seconds still to go."""

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
    """A validation and what follows from it."""

    step: int
    epoch: float
    elapsed: float
    validation: Validation
    metric: str
    """What the best model is best at."""
    best: bool
    sample: tuple[str, str, str]
    """A source sentence, its translation now, and its reference."""


class Callback(Protocol):
    """Somebody who watches a run."""

    def on_log(self, event: LogEvent) -> None:
        """A few times a minute."""

    def on_validation(self, event: ValidationEvent) -> None:
        """After a validation."""

    def message(self, message: str) -> None:
        """Anything else, warnings too."""

    def close(self) -> None:
        """The run has ended."""


class CallbackList:
    """Several observers as one."""

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
    """A judgement as plain numbers."""
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
    """A JSON line for everything, in metrics.jsonl; a resumed run drops what came after its state."""

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
    """Whether a line of metrics.jsonl is whole, and of this update or before."""
    try:
        return int(json.loads(line).get("step", 0)) <= step
    except (ValueError, AttributeError, TypeError):
        return False


class TensorBoard:
    """Scalars for TensorBoard. Raises ConfigError if it is not installed."""

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
