"""Shared by the benchmarks: command line, description of the machine, training log, JSON output."""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

from nmt_cli.checkpoint.layout import METRICS
from nmt_cli.kernels import device


def json_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with --json, the file to write results to."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    return parser


def describe_machine() -> str:
    """CPU or GPU, cores and torch version, and today's date."""
    return f"{device.describe_machine()}, {time.strftime('%Y-%m-%d')}"


def as_json(results: dict[str, Any]) -> str:
    """Results as indented JSON."""
    return json.dumps(results, ensure_ascii=False, indent=2)


def training_log(model: Path) -> list[dict[str, Any]]:
    """The log lines of this model's training."""
    lines = (model / METRICS).read_text(encoding="utf-8").split("\n")[:-1]
    return [entry for entry in map(json.loads, lines) if entry["kind"] == "train"]


def median_speed(model: Path) -> float:
    """Target subwords per second, the median over the second half of training."""
    speeds: list[float] = [entry["speed"] for entry in training_log(model)]
    return statistics.median(speeds[len(speeds) // 2 :])


def write(path: Path | None, results: dict[str, Any]) -> None:
    """Write the results to a file, if a path is given."""
    if path:
        path.write_text(as_json(results) + "\n", encoding="utf-8")
