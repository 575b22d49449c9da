"""What the benchmarks have in common: how they are called, what they ran on, and the file that they leave."""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

from nmt_cli.checkpoint.layout import METRICS
from nmt_cli.kernels import device


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser that knows where to write figures."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    return parser


def describe_machine() -> str:
    """What it runs on, and when."""
    return f"{device.describe_machine()}, {time.strftime('%Y-%m-%d')}"


def as_json(found: dict[str, Any]) -> str:
    """Figures as they are printed and written."""
    return json.dumps(found, ensure_ascii=False, indent=2)


def reports(model: Path) -> list[dict[str, Any]]:
    """What the training of this model told as it went."""
    lines = (model / METRICS).read_text(encoding="utf-8").split("\n")[:-1]
    return [entry for entry in map(json.loads, lines) if entry["kind"] == "train"]


def settled_speed(model: Path) -> float:
    """Target subwords a second, the median of the second half of its training."""
    speeds: list[float] = [entry["speed"] for entry in reports(model)]
    return statistics.median(speeds[len(speeds) // 2 :])


def write(path: Path | None, found: dict[str, Any]) -> None:
    """Leave the figures in a file, if one was asked for."""
    if path:
        path.write_text(as_json(found) + "\n", encoding="utf-8")
