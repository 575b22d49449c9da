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
class Report:
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
class Judgement:
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


class Observer(Protocol):
    """Somebody who watches a run."""

    def report(self, report: Report) -> None:
        """A few times a minute."""

    def judge(self, judgement: Judgement) -> None:
        """After a validation."""

    def say(self, message: str) -> None:
        """Anything else, warnings too."""

    def close(self) -> None:
        """The run has ended."""


class Everybody:
    """Several observers as one."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def report(self, report: Report) -> None:
        for observer in self._observers:
            observer.report(report)

    def judge(self, judgement: Judgement) -> None:
        for observer in self._observers:
            observer.judge(judgement)

    def say(self, message: str) -> None:
        for observer in self._observers:
            observer.say(message)

    def close(self) -> None:
        for observer in self._observers:
            observer.close()


def facts(judgement: Judgement) -> dict[str, Any]:
    """A judgement as plain numbers."""
    validation = judgement.validation
    return {
        "step": judgement.step,
        "epoch": round(judgement.epoch, 4),
        "elapsed": round(judgement.elapsed, 2),
        "dev_loss": validation.loss,
        "dev_perplexity": validation.perplexity,
        "dev_bleu": validation.bleu,
        "dev_chrf": validation.chrf,
        "attention_entropy": validation.entropy,
        "validation_seconds": round(validation.seconds, 2),
        "metric": judgement.metric,
        "best": judgement.best,
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

    def report(self, report: Report) -> None:
        self._step = report.step
        self._write("train", asdict(report))

    def judge(self, judgement: Judgement) -> None:
        self._step = judgement.step
        source, output, reference = judgement.sample
        sample = {"source": source, "output": output, "reference": reference}
        self._write("validation", {**facts(judgement), "sample": sample})

    def say(self, message: str) -> None:
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

    def report(self, report: Report) -> None:
        for name in ("loss", "speed", "rate", "norm", "clipped"):
            self._writer.add_scalar(f"train/{name}", getattr(report, name), report.step)

    def judge(self, judgement: Judgement) -> None:
        for name in ("dev_loss", "dev_bleu", "dev_chrf", "attention_entropy"):
            value = facts(judgement)[name]
            if value is not None:
                self._writer.add_scalar(f"dev/{name.removeprefix('dev_')}", value, judgement.step)

    def say(self, message: str) -> None:
        self._writer.add_text("messages", message)

    def close(self) -> None:
        self._writer.close()
