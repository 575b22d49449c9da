"""A process and all that it starts: how long it takes, and how much memory. Needs Linux (/proc)."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.5
SOON = 5.0
"""Seconds in which it is polled more often."""


@dataclass(frozen=True)
class Run:
    """What a process took, with all the processes that it started."""

    seconds: float
    processor_seconds: float
    peak_bytes: int


def measure(command: list[str], source: Path | None = None, target: Path | None = None, log: Path | None = None) -> Run:
    """Run a command to its end, its standard input from a file, its standard output and error to others, or from and to
    nothing. Raises CalledProcessError if it fails."""
    with (
        open(source or os.devnull, "rb") as reads,
        open(target or os.devnull, "wb") as writes,
        open(log or os.devnull, "wb") as says,
    ):
        begun = time.monotonic()
        process = subprocess.Popen(command, stdin=reads, stdout=writes, stderr=says)
        return _watch(process, begun)


def nmt(*command: str, source: Path | None = None) -> Run:
    """The same for a command of the toolkit."""
    return measure([sys.executable, "-m", "nmt_cli", *command], source)


def _watch(process: subprocess.Popen[bytes], begun: float) -> Run:
    peak = 0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        peak = max(peak, tree_bytes(process.pid))
        time.sleep(POLL_SECONDS if time.monotonic() - begun > SOON else POLL_SECONDS / 50)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return Run(time.monotonic() - begun, usage.ru_utime + usage.ru_stime, peak)


def tree_bytes(root: int) -> int:
    """Proportional set size of a process and its descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it has ended meanwhile
                continue
    tree = {root}
    while more := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= more
    return sum(map(_proportional_bytes, tree))


def _proportional_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
