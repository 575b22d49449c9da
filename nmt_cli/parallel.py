"""Worker processes: they use all cores, return their memory when they end, and stop on Ctrl-C."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType
from typing import Any, TypeVar

from nmt_cli.errors import CorpusError

T = TypeVar("T")
R = TypeVar("R")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_HAS_MASKS = hasattr(signal, "pthread_sigmask")


def processors() -> int:
    """Number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def processes(number: int, prepare: Callable[..., None] | None = None, *args: Any) -> Iterator[ProcessPoolExecutor]:
    """A pool of spawned processes, each of which first calls prepare(*args).

    An error or Ctrl-C in the block terminates them at once. Raises CorpusError if a worker was killed, as happens when
    memory runs out.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(number, context, _init_worker, (prepare, args))
    before = set(multiprocessing.active_children())
    try:
        yield pool
    except BrokenProcessPool:
        raise CorpusError("a worker process was killed, probably because memory ran out; try --threads 1") from None
    except BaseException:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def run_apart(work: Callable[[T], R], task: T, processors: int) -> R:
    """Run work(task) in a separate process, limited to this many cores if the system supports CPU affinity."""
    with processes(1, _limit_cores, processors) as pool:
        return _submit(pool, work, task).result()


def in_order(pool: ProcessPoolExecutor, work: Callable[[T], R], tasks: Iterable[T], ahead: int) -> Iterator[R]:
    """Yield the result of `work` on each task in order, with at most `ahead` tasks submitted at a time."""
    pending: deque[Future[R]] = deque()
    for task in tasks:
        pending.append(_submit(pool, work, task))
        if len(pending) >= ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _submit(pool: ProcessPoolExecutor, work: Callable[[T], R], task: T) -> Future[R]:
    """Submit a task with signals blocked: it may spawn a worker, which an interrupt would end with a traceback."""
    if threading.current_thread() is not threading.main_thread():
        return pool.submit(work, task)
    if _HAS_MASKS:
        resource_tracker.ensure_running()  # starting it would reset the mask; without masks it cannot start
    with _signals_blocked():
        return pool.submit(work, task)


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Defer SIGINT and SIGTERM to the end of the block; workers started in it inherit the mask (see `_init_worker`)."""
    received: list[int] = []

    def record(number: int, _: FrameType | None) -> None:
        received.append(number)

    handlers = [signal.signal(number, record) for number in _SIGNALS]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS) if _HAS_MASKS else None
    try:
        yield
    finally:
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in zip(_SIGNALS, handlers, strict=True):
            signal.signal(number, handler)
        if received:
            signal.raise_signal(received[0])


def _init_worker(prepare: Callable[..., None] | None, args: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles it and sends SIGTERM
    if _HAS_MASKS:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    if prepare:
        prepare(*args)


def _limit_cores(processors: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:processors])
