"""Time and peak memory of a process and its descendants. Needs Linux (/proc)."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.5
"""Seconds between two readings of memory."""
START_SECONDS = 5.0
"""Seconds at the start in which memory is read fifty times as often."""


@dataclass(frozen=True)
class Run:
    """Wall-clock and CPU time and peak memory of a process with all its descendants."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def measure(command: list[str], source: Path | None = None, target: Path | None = None, log: Path | None = None) -> Run:
    """Run a command to its end, with standard input from `source`, standard output to `target` and standard error to
    `log` (each /dev/null by default). Raises CalledProcessError if it fails."""
    with (
        open(source or os.devnull, "rb") as stdin,
        open(target or os.devnull, "wb") as stdout,
        open(log or os.devnull, "wb") as stderr,
    ):
        started = time.monotonic()
        process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr)
        return _watch(process, started)


def nmt(*command: str, source: Path | None = None) -> Run:
    """Run and measure an nmt command."""
    return measure([sys.executable, "-m", "nmt_cli", *command], source)


def _watch(process: subprocess.Popen[bytes], started: float) -> Run:
    peak = 0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        peak = max(peak, tree_bytes(process.pid))
        time.sleep(POLL_SECONDS if time.monotonic() - started > START_SECONDS else POLL_SECONDS / 50)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return Run(time.monotonic() - started, usage.ru_utime + usage.ru_stime, peak)


def tree_bytes(root: int) -> int:
    """Proportional set size of a process and its descendants, in bytes."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # the process has ended
                continue
    tree = {root}
    while children := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= children
    return sum(map(_proportional_bytes, tree))


def _proportional_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
