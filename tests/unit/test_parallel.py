"""Worker processes: order, backpressure, errors and interrupts."""

import errno
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import resource_tracker

import pytest

from nmt_cli import parallel, signals
from nmt_cli.errors import CorpusError
from nmt_cli.parallel import _limit_cores, explain_start, ordered_map, run_in_process, worker_pool


def test_results_are_in_the_order_of_tasks() -> None:
    with worker_pool(2) as pool:
        assert list(ordered_map(pool, abs, range(-50, 0), ahead=3)) == list(range(50, 0, -1))


def test_at_most_the_requested_number_of_tasks_is_started_ahead() -> None:
    started: list[int] = []

    def tasks() -> Iterator[int]:
        for i in range(20):
            started.append(i)
            yield i

    with worker_pool(1) as pool:
        results = ordered_map(pool, abs, tasks(), ahead=4)
        next(results)
        assert len(started) == 4


def test_an_exception_in_a_worker_is_raised_in_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        run_in_process(divide_by_zero, 1, 1)


def divide_by_zero(number: int) -> int:
    return number // 0


def test_a_killed_worker_is_reported_in_one_line() -> None:
    with pytest.raises(CorpusError, match="a worker process was killed, probably because memory ran out"):
        run_in_process(os._exit, 9, 1)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (errno.EAGAIN, "too many processes or threads run"),
        (errno.ENOMEM, "end other programs, or use a machine with more memory"),
        (errno.EMFILE, "raise the limit with ulimit -n"),
        (errno.ENOSYS, "the system refuses semaphores"),
    ],
)
def test_a_worker_that_cannot_be_started_is_told_with_the_reason(
    code: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor.submit", refuse)
    with pytest.raises(CorpusError, match=f"^no worker process can be started: .*{expected}"):
        run_in_process(abs, 1, 1)


def test_the_reason_is_found_below_the_errors_of_a_library() -> None:
    error = RuntimeError("Nanny failed to start.")
    error.__cause__ = OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    assert explain_start(error).startswith(os.strerror(errno.EAGAIN))
    assert "semaphores" in explain_start(NotImplementedError("no synchronize"))
    assert "new threads" in explain_start(RuntimeError("can't start new thread"))
    assert explain_start(RuntimeError("Nanny failed to start.")) == "Nanny failed to start."


def test_a_container_that_forbids_to_bind_cores_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(*arguments: object) -> None:
        asked.append(arguments)
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", refuse, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    _limit_cores(1)
    assert asked == [(0, [0])]


def test_without_signal_masks_the_resource_tracker_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows it cannot start, and is not needed."""

    def fail() -> None:
        raise ModuleNotFoundError("No module named '_posixsubprocess'")

    monkeypatch.setattr(parallel, "POSIX", False)
    monkeypatch.setattr(signals, "_HAS_MASKS", False)
    monkeypatch.setattr(resource_tracker, "ensure_running", fail)
    with ThreadPoolExecutor(1) as pool:
        assert list(ordered_map(pool, abs, [-1, -2], ahead=1)) == [1, 2]  # type: ignore[arg-type]


def test_an_interrupt_ends_the_workers() -> None:
    def work_until_interrupted() -> None:
        with worker_pool(1) as pool:
            next(ordered_map(pool, time.sleep, [0, 100_000], ahead=2))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work_until_interrupted()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system cannot bind a process to cores")
def test_a_worker_is_bound_to_the_requested_number_of_cores() -> None:
    assert len(run_in_process(os.sched_getaffinity, 0, 1)) == 1
