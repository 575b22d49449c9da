"""Runs `nmt` with faults, by a server (see `fault_server`)."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVER = Path(__file__).with_name("fault_server.py")


@dataclass
class Ended:
    """How a run ended: its status, what it printed, how many changes to files it made, and its peak memory in KiB."""

    status: int
    output: str
    changes: int
    peak: int


class Faults:
    """Runs `nmt`, with a fault if one is given."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __call__(self, folder: Path, *arguments: object, fault: str | None = None, at: int = 0) -> Ended:
        assert self._process.stdin
        assert self._process.stdout
        request = {"arguments": [*map(str, arguments)], "folder": str(folder), "fault": fault, "at": at}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))


@contextmanager
def fault_server() -> Iterator[Faults]:
    with subprocess.Popen(
        [sys.executable, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Faults(process)
        assert process.stdin
        process.stdin.close()
