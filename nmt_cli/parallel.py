"""Work in processes of its own: all cores, memory that is given back, and an end when the user wants one."""

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
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def processes(number: int, prepare: Callable[..., None] | None = None, *given: Any) -> Iterator[ProcessPoolExecutor]:
    """A pool of fresh processes, each of which first calls prepare(*given).

    When the block is left by an error or by Ctrl-C they are ended at once. Raises CorpusError if one of them
    was killed, which is what happens when memory runs out.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(number, context, _begin, (prepare, given))
    before = set(multiprocessing.active_children())
    try:
        yield pool
    except BrokenProcessPool:
        raise CorpusError("a working process was killed, most likely for want of memory; try --threads 1") from None
    except BaseException:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def run_apart(work: Callable[[T], R], task: T, processors: int) -> R:
    """work(task) in a process of its own, on this many processors where the system can see to it."""
    with processes(1, _keep_to, processors) as pool:
        return _submit(pool, work, task).result()


def in_order(pool: ProcessPoolExecutor, work: Callable[[T], R], tasks: Iterable[T], ahead: int) -> Iterator[R]:
    """The results of `work` on each task in order, at most `ahead` of them waiting in memory."""
    waiting: deque[Future[R]] = deque()
    for task in tasks:
        waiting.append(_submit(pool, work, task))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _submit(pool: ProcessPoolExecutor, work: Callable[[T], R], task: T) -> Future[R]:
    """Hand out a task; that may start a process, which an interrupt must not catch half-born and complaining."""
    if threading.current_thread() is not threading.main_thread():
        return pool.submit(work, task)
    if _HAS_MASKS:
        resource_tracker.ensure_running()  # its own start would lift the mask; where there are no masks it cannot start
    with _signals_held():
        return pool.submit(work, task)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Put off interrupts to the end of the block; processes started in it are born deaf to them (see _begin)."""
    came: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)

    handlers = [signal.signal(number, note) for number in _SIGNALS]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS) if _HAS_MASKS else None
    try:
        yield
    finally:
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in zip(_SIGNALS, handlers, strict=True):
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _begin(prepare: Callable[..., None] | None, given: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one decides, and sends SIGTERM
    if _HAS_MASKS:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    if prepare:
        prepare(*given)


def _keep_to(processors: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:processors])
