"""The history of a training run: metrics.jsonl, of which each line holds a hash of its content and of the run."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt_cli.documents import open_file, parse_json
from nmt_cli.errors import CheckpointError

WARNING = "warning: "
"""Prefix of the messages that are warnings."""

MAX_LINE = 1 << 20
"""Bytes of a line; ours have some hundreds, and some thousands with the samples of a validation."""
CHECK = "check"
"""Key of the hash of a line."""

Record = dict[str, Any]


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
    return record


def _hash(record: Record, run: str) -> str:
    return hashlib.sha256(f"{run} {json.dumps(record, sort_keys=True)}".encode()).hexdigest()[:16]


def read_history(path: Path, run: str) -> History:
    """Read the metrics.jsonl of a run; without one the history is empty. A last line that was cut off is left out.

    Raises CheckpointError naming a line that is damaged or of another run.
    """
    records: dict[str, list[Record]] = {"train": [], "validation": [], "message": []}
    number = 0
    try:
        with open_file(path, path.parent) as file:
            while (line := file.readline(MAX_LINE + 1)).endswith(b"\n"):
                number += 1
                record = parse_history_line(line, run)
                records[record["kind"]].append(record)
            if len(line) > MAX_LINE:
                raise ValueError(f"longer than {MAX_LINE:,} bytes")
    except FileNotFoundError:
        pass
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: line {number} is damaged ({error}); restore the file, or delete it") from None
    return History(records["train"], records["validation"], records["message"])
