"""The history of a training run, read from metrics.jsonl."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WARNING = "warning: "
"""Prefix of the messages that are warnings."""

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


def read_history(path: Path) -> History:
    """Read a metrics.jsonl; a run without one has an empty history. A last line that was cut off is left out."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else []
    records: dict[str, list[Record]] = {"train": [], "validation": [], "message": []}
    for line in lines:
        if line.endswith("}"):
            record = json.loads(line)
            records.setdefault(record["kind"], []).append(record)
    return History(records["train"], records["validation"], records["message"])
