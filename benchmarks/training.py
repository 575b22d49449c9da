"""Trainings of a comparison: several at a time, and none a second time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from quality import run


def train(prepared: Path, out: Path, *options: str) -> Path:
    """Train a model on one thread, unless `out` holds one that an earlier call has finished."""
    if not (out / "README.md").exists():
        run("train", str(prepared), "--out", str(out), "--overwrite", "--threads", "1", *options)
    return out


def parallel(jobs: int, work: list[Callable[[], Any]]) -> list[Any]:
    """The results of these functions, of which `jobs` run at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        return [future.result() for future in [pool.submit(item) for item in work]]
