"""Runs `nmt` in forked processes, each of which can be killed, or refused space, at its n-th change of a file.

It reads one request per line as JSON, `{"arguments", "folder", "fault", "at"}`, and answers with one line:
`{"status", "output", "changes", "peak"}`. Forking saves importing torch for every run. A change is a file that is
opened to be written, renamed, removed, created as a folder, or synced to disk; what a file holds between two changes is
seen by no other program, because files are written under a temporary name.
"""

import errno
import json
import os
import sys
import tempfile
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import nmt_cli.api.augment
import nmt_cli.api.bulk
import nmt_cli.api.pack
import nmt_cli.api.workers as workers
import nmt_cli.cli.display
import nmt_cli.corpus.prepare
import nmt_cli.training.train  # noqa: F401  # all that the commands import, once instead of in each process
from nmt_cli.__main__ import program
from nmt_cli.evaluation.scores import score

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
KILLED = 137
"""Status of a process that was killed, as a shell reports it."""


class FaultInjector:
    """Counts the changes within a folder; at change number `at` it ends the process, or refuses space from then on."""

    def __init__(self, folder: str, fault: str | None, at: int) -> None:
        self.folder = os.path.realpath(folder)
        self.fault = fault
        self.at = at
        self.count = 0
        self._fsync = os.fsync
        os.fsync = self._sync  # type: ignore[assignment]
        sys.addaudithook(self._on_event)

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, str | bytes | os.PathLike) and flags & WRITES and self._is_within(path):
                self._change(grows=True)
        elif event in CHANGES and self._is_within(arguments[0]):
            self._change(grows=event in ("os.mkdir", "os.link", "os.symlink"))

    def _is_within(self, path: str | bytes | os.PathLike[str]) -> bool:
        name = os.fsdecode(path)
        return not os.path.isabs(name) or os.path.realpath(name).startswith(self.folder)

    def _sync(self, handle: int) -> None:
        self._change(grows=True)
        self._fsync(handle)

    def _change(self, grows: bool) -> None:
        self.count += 1
        if self.fault == "kill" and self.count == self.at:
            os._exit(KILLED)
        if self.fault == "full" and self.count >= self.at and grows:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def translate_in_this_process(work: Any, client: object, shards: Any, folder: Any) -> Any:
    """Instead of handing shards to workers, which the fault would not reach."""
    for shard in shards:
        folder.write(shard.name, work(shard))
        yield len(shard.lines)


class NoWorkers:
    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def run(request: dict[str, Any], report: int, output: int) -> None:
    """Run one request in this forked process, and end it."""
    os.chdir(request["folder"])
    for handle in (1, 2):
        os.dup2(output, handle)
    injector = FaultInjector(request["folder"], request.get("fault"), request.get("at", 0))
    exit_ = os._exit

    def counted_exit(status: int) -> None:
        os.pwrite(report, str(injector.count).encode(), 0)
        exit_(status)

    os._exit = counted_exit  # type: ignore[assignment]
    sys.argv = ["nmt", *request["arguments"]]
    try:
        program()
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    counted_exit(70)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as report, tempfile.TemporaryFile() as output:
        child = os.fork()
        if not child:
            run(request, report.fileno(), output.fileno())
        _, status, usage = os.wait4(child, 0)
        output.seek(0)
        report.seek(0)
        return {
            "status": os.waitstatus_to_exitcode(status),
            "output": output.read().decode(),
            "changes": int(report.read() or 0),
            "peak": usage.ru_maxrss,
        }


def main() -> None:
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    null = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1):
        os.dup2(null, handle)
    workers._dispatch, workers._workers = translate_in_this_process, NoWorkers  # type: ignore[assignment]
    score(["a"], [["a"]], "en", resamples=2)  # compiles regular expressions once
    for line in requests:
        answers.write(json.dumps(answer(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
