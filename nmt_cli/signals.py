"""All handling of SIGINT (Ctrl-C), SIGTERM and SIGHUP (the terminal was closed). Commands install handlers; code that
spawns processes changes the handling during the spawn and then restores it."""

import errno
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

try:
    import termios
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]

SIGHUP: signal.Signals | None = getattr(signal, "SIGHUP", None)
"""None on Windows."""
STOP_SIGNALS = tuple(filter(None, (signal.SIGINT, signal.SIGTERM, SIGHUP)))
_HAS_MASKS = hasattr(signal, "pthread_sigmask")

Handler = Callable[[int, FrameType | None], Any] | int | None
"""What `signal.signal` takes and returns."""


def interrupt_on_signals() -> None:
    """Make SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does, so that unfinished work is removed."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        leave_closed_terminal()
        signal.default_int_handler(number, frame)

    _handle([number for number in STOP_SIGNALS if number != signal.SIGINT], on_signal)


def leave_closed_terminal() -> None:
    """Replace standard streams whose terminal was closed by the null device: messages would raise errors, and the work
    that is still to be done would not be."""
    if termios is None:
        return
    for handle in range(3):
        try:
            termios.tcgetattr(handle)
        except termios.error as error:
            if error.args[0] == errno.EIO:
                null = os.open(os.devnull, os.O_RDWR)
                os.dup2(null, handle)
                os.close(null)


def _handle(numbers: Sequence[int], handler: Handler) -> dict[int, Handler]:
    """Handle signals, except SIGHUP if it is ignored, as `nohup` does; returns the handlers before."""
    before: dict[int, Handler] = {}
    for number in numbers:
        if number != SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, handler)
    return before


class StopRequest:
    """A request that long work ends at its next safe point; `reason` is the name of the signal, or None."""

    def __init__(self) -> None:
        self.reason: str | None = None


@contextmanager
def graceful_stop() -> Iterator[StopRequest]:
    """Within the block, the first SIGINT, SIGTERM or SIGHUP sets the reason of the StopRequest; the second raises
    KeyboardInterrupt. But a closed terminal may send several SIGHUP, by itself and by the shell: they count once."""
    request = StopRequest()

    def on_signal(number: int, _: FrameType | None) -> None:
        leave_closed_terminal()
        name = signal.Signals(number).name
        if request.reason is not None and not request.reason == name == "SIGHUP":
            raise KeyboardInterrupt
        request.reason = name

    handlers = _handle(STOP_SIGNALS, on_signal)
    try:
        yield request
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def deferred() -> Iterator[None]:
    """Defer SIGINT, SIGTERM and SIGHUP to the end of the block. In processes spawned in it they stay blocked until
    `init_worker` is called there, so that an interrupt does not end them with a traceback while they start. Does
    nothing outside the main thread, because only the main thread handles signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def on_signal(number: int, _: FrameType | None) -> None:
        received.append(number)

    handlers = _handle(STOP_SIGNALS, on_signal)
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
    """In a worker process: ignore Ctrl-C and a closed terminal, which the parent handles, and accept SIGTERM, which the
    parent sends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if SIGHUP is not None:
        signal.signal(SIGHUP, signal.SIG_IGN)
    if _HAS_MASKS:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
