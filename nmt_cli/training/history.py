"""The history of a training run: metrics.jsonl, of which each line holds a hash of its content and of the run."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from nmt_cli.documents import first_problem, open_file, parse_json
from nmt_cli.errors import CheckpointError
from nmt_cli.system_errors import explain

WARNING = "warning: "
"""Prefix of the messages that are warnings."""

MAX_LINE = 1 << 20
"""Bytes of a line; ours have some hundreds, and some thousands with the samples of a validation."""
CHECK = "check"
"""Key of the hash of a line."""

Record = dict[str, Any]


class _Record(BaseModel):
    """What a record holds; it may hold more."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    step: Annotated[int, Field(ge=0)]


class _Update(_Record):
    kind: Literal["train"]
    elapsed: float
    loss: float


class _Sample(BaseModel):
    source: str
    output: str
    reference: str


class _Validation(_Record):
    kind: Literal["validation"]
    epoch: float
    elapsed: float
    dev_loss: float
    dev_perplexity: float
    dev_bleu: float
    dev_chrf: float
    attention_entropy: float | None
    best: bool
    samples: list[_Sample] = Field(default_factory=list)  # nmt pack leaves them out


class _Message(_Record):
    kind: Literal["message"]
    message: str


_RECORD: TypeAdapter[Any] = TypeAdapter(Annotated[_Update | _Validation | _Message, Field(discriminator="kind")])


@dataclass(frozen=True)
class History:
    """The records of a run, by kind, each in order."""

    updates: list[Record]
    """Log events: step, elapsed (seconds), loss, speed, rate, ..."""
    validations: list[Record]
    """Validations: step, elapsed, dev_loss, dev_bleu, dev_chrf, samples, ..."""
    messages: list[Record]
    """Messages and warnings: step, message."""

    @property
    def warnings(self) -> list[Record]:
        """The messages that are warnings, without their prefix."""
        return [
            {**record, "message": record["message"].removeprefix(WARNING)}
            for record in self.messages
            if record["message"].startswith(WARNING)
        ]

    def samples(self) -> Iterator[tuple[Record, dict[str, str]]]:
        """Yield each sentence that a validation translated as a sample (source, output, reference), with its
        validation."""
        for record in self.validations:
            for sample in record.get("samples", []):
                yield record, sample


def history_line(record: Record, run: str) -> str:
    """A line of metrics.jsonl."""
    return json.dumps({**record, CHECK: _hash(record, run)}, ensure_ascii=False) + "\n"


def parse_history_line(line: bytes, run: str) -> Record:
    """The record in a line of metrics.jsonl. Raises ValueError if it is damaged or of another run."""
    record = parse_json(line)
    if not isinstance(record, dict) or record.pop(CHECK, None) != _hash(record, run):
        raise ValueError("it does not match its hash")
    try:
        _RECORD.validate_python(record)
    except ValidationError as error:
        raise ValueError(first_problem(error)) from None
    return record


def _hash(record: Record, run: str) -> str:
    return hashlib.sha256(f"{run} {json.dumps(record, sort_keys=True)}".encode()).hexdigest()[:16]


def read_history(path: Path, run: str) -> History:
    """Read the metrics.jsonl of a run; without one the history is empty. A last line that was cut off is left out, with
    a warning among the messages.

    Raises CheckpointError naming a line that is damaged or of another run.
    """
    records: list[Record] = []
    try:
        with open_file(path, path.parent) as file:
            records += _records(file, run)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {explain(error)}") from None
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}; restore the file, or delete it") from None
    kinds = ("train", "validation", "message")
    return History(*([record for record in records if record["kind"] == kind] for kind in kinds))


def _records(file: BinaryIO, run: str) -> Iterator[Record]:
    """Yield the records of a file, whose updates never decrease. Raises ValueError."""
    step = number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise ValueError(f"line {number} has more than {MAX_LINE:,} bytes")
        if not line.endswith(b"\n"):
            yield {"kind": "message", "step": step, "message": f"{WARNING}the last line of metrics.jsonl was cut off"}
            return
        try:
            record = parse_history_line(line, run)
        except ValueError as error:
            raise ValueError(f"line {number} is damaged ({error})") from None
        if record["step"] < step:
            raise ValueError(f"line {number} is of update {record['step']}, but follows one of update {step}")
        step = record["step"]
        yield record
