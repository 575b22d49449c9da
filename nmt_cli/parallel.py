"""Worker processes: they use all cores, return their memory when they end, and stop on Ctrl-C."""

import errno
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any, TypeVar

from nmt_cli import signals
from nmt_cli.errors import CorpusError
from nmt_cli.system_errors import best_effort, explain, explain_shortage, reason

T = TypeVar("T")
R = TypeVar("R")

POSIX = os.name == "posix"


def available_cores() -> int:
    """Number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def worker_pool(number: int, prepare: Callable[..., None] | None = None, *args: Any) -> Iterator[ProcessPoolExecutor]:
    """A pool of spawned processes, each of which first calls prepare(*args).

    An error or Ctrl-C in the block terminates them at once. Raises CorpusError if the system does not let them start,
    or if a worker was killed, as happens when memory runs out.
    """
    context = multiprocessing.get_context("spawn")
    try:
        pool = ProcessPoolExecutor(number, context, _init_worker, (prepare, args))
    except (OSError, NotImplementedError) as error:
        raise CorpusError(f"no worker process can be started: {explain_start(error)}") from None
    before = set(multiprocessing.active_children())
    try:
        yield pool
    except BrokenProcessPool:
        raise CorpusError(
            "a worker process was killed, probably because memory ran out; try --threads 1 "
            '(a script must call nmt_cli under if __name__ == "__main__")'
        ) from None
    except BaseException:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def run_in_process(work: Callable[[T], R], task: T, processors: int) -> R:
    """Run work(task) in a separate process, limited to this many cores if the system supports CPU affinity."""
    with worker_pool(1, _limit_cores, processors) as pool:
        return _submit(pool, work, task).result()


def ordered_map(pool: ProcessPoolExecutor, work: Callable[[T], R], tasks: Iterable[T], ahead: int) -> Iterator[R]:
    """Yield the result of `work` on each task in order, with at most `ahead` tasks submitted at a time."""
    pending: deque[Future[R]] = deque()
    for task in tasks:
        pending.append(_submit(pool, work, task))
        if len(pending) >= ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _submit(pool: ProcessPoolExecutor, work: Callable[[T], R], task: T) -> Future[R]:
    """Submit a task with signals deferred: it may spawn a worker, which an interrupt would end with a traceback."""
    try:
        if POSIX:  # started during the submit, the resource tracker would unblock the signals; Windows has none
            resource_tracker.ensure_running()
        with signals.deferred():
            return pool.submit(work, task)
    except OSError as error:
        raise CorpusError(f"no worker process can be started: {explain_start(error)}") from None


def explain_start(error: BaseException) -> str:
    """Why worker processes did not start: the reason and a remedy. The cause may be deep below an error of a library.

    What has no other reason are the semaphores by which processes wait for each other, which Linux keeps in /dev/shm.
    """
    while not isinstance(error, OSError | NotImplementedError) and (error.__cause__ or error.__context__):
        error = error.__cause__ or error.__context__ or error
    if isinstance(error, OSError):
        if error.errno in (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE):
            return explain(error)
        return f"the system refuses semaphores ({reason(error)}); /dev/shm must exist, be writable and have space"
    if isinstance(error, NotImplementedError):
        return "the system has no semaphores; /dev/shm must exist, be writable and have space"
    return explain_shortage(error) or str(error)


def _init_worker(prepare: Callable[..., None] | None, args: tuple[Any, ...]) -> None:
    signals.init_worker()
    if prepare:
        prepare(*args)


def _limit_cores(processors: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        with best_effort():  # containers may forbid it
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:processors])
