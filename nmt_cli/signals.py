"""All handling of SIGINT (Ctrl-C) and SIGTERM. Commands install handlers; code that spawns processes changes the
handling during the spawn and then restores it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_HAS_MASKS = hasattr(signal, "pthread_sigmask")


def interrupt_on_sigterm() -> None:
    """Make SIGTERM raise KeyboardInterrupt, as Ctrl-C does, so that unfinished work is removed."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


class StopRequest:
    """A request that long work ends at its next safe point; `reason` is the name of the signal, or None."""

    def __init__(self) -> None:
        self.reason: str | None = None


@contextmanager
def graceful_stop() -> Iterator[StopRequest]:
    """Within the block, the first SIGINT or SIGTERM sets the reason of the StopRequest; the second raises
    KeyboardInterrupt."""
    request = StopRequest()

    def on_signal(number: int, _: FrameType | None) -> None:
        if request.reason is not None:
            raise KeyboardInterrupt
        request.reason = signal.Signals(number).name

    handlers = {number: signal.signal(number, on_signal) for number in STOP_SIGNALS}
    try:
        yield request
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def deferred() -> Iterator[None]:
    """Defer SIGINT and SIGTERM to the end of the block. In processes spawned in it both stay blocked until they call
    `init_worker`, so that an interrupt does not end them with a traceback while they start. Does nothing outside the
    main thread, because only the main thread handles signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def on_signal(number: int, _: FrameType | None) -> None:
        received.append(number)

    handlers = {number: signal.signal(number, on_signal) for number in STOP_SIGNALS}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS) if _HAS_MASKS else None
    try:
        yield
    finally:
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if received:
            signal.raise_signal(received[0])


@contextmanager
def ignored_sigint() -> Iterator[None]:
    """Make processes spawned in the block ignore Ctrl-C, which a terminal sends to all of them; this process ends them
    instead. Does nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def init_worker() -> None:
    """In a worker process: ignore Ctrl-C, which the parent handles, and accept SIGTERM, which the parent sends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if _HAS_MASKS:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
