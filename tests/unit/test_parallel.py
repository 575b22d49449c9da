"""Work in other processes."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from nmt_cli import parallel
from nmt_cli.errors import CorpusError
from nmt_cli.parallel import in_order, processes, run_apart


def test_results_come_in_order() -> None:
    with processes(2) as pool:
        assert list(in_order(pool, abs, range(-50, 0), ahead=3)) == list(range(50, 0, -1))


def test_no_more_is_begun_than_was_asked_for() -> None:
    begun = []

    def tasks() -> Iterator[int]:
        for i in range(20):
            begun.append(i)
            yield i

    with processes(1) as pool:
        results = in_order(pool, abs, tasks(), ahead=4)
        next(results)
        assert len(begun) == 4


def test_an_error_comes_back_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        run_apart(divmod_by_zero, 1, 1)


def divmod_by_zero(number: int) -> int:
    return number // 0


def test_a_killed_process_is_one_clear_line() -> None:
    with pytest.raises(CorpusError, match="a working process was killed, most likely for want of memory"):
        run_apart(os._exit, 9, 1)


def test_nothing_is_asked_of_a_system_without_signal_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows the resource tracker cannot start, and need not."""

    def cannot() -> None:
        raise ModuleNotFoundError("No module named '_posixsubprocess'")

    monkeypatch.setattr(parallel, "_HAS_MASKS", False)
    monkeypatch.setattr(parallel.resource_tracker, "ensure_running", cannot)
    with ThreadPoolExecutor(1) as pool:
        assert list(in_order(pool, abs, [-1, -2], ahead=1)) == [1, 2]  # type: ignore[arg-type]


def test_left_by_an_interrupt_the_processes_are_ended() -> None:
    def work_until_interrupted() -> None:
        with processes(1) as pool:
            next(in_order(pool, time.sleep, [0, 100_000], ahead=2))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work_until_interrupted()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system cannot tie a process to processors")
def test_a_process_keeps_to_its_processors() -> None:
    assert len(run_apart(os.sched_getaffinity, 0, 1)) == 1
