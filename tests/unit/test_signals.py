"""Signals: a graceful stop, deferral while processes start, and handlers that are put back."""

import signal
import subprocess
import sys
import threading

import pytest

from nmt_cli import signals
from nmt_cli.signals import STOP_SIGNALS, deferred, graceful_stop, ignored_sigint


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_the_first_signal_requests_a_stop_and_the_second_interrupts(number: signal.Signals) -> None:
    with graceful_stop() as stop:
        assert stop.reason is None
        signal.raise_signal(number)
        assert stop.reason == number.name
        if number == signal.SIGHUP:  # a closed terminal and its shell both send it
            signal.raise_signal(number)
            number = signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)


@pytest.mark.parametrize("block", [graceful_stop, deferred])
def test_a_hangup_stays_ignored_as_nohup_sets_it(block: type) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with block():
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("masks", [True, False])
def test_deferred_signals_arrive_at_the_end_of_the_block(masks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "_HAS_MASKS", masks and hasattr(signal, "pthread_sigmask"))
    reached = []

    def interrupted() -> None:
        with deferred():
            signal.raise_signal(signal.SIGINT)
            reached.append("end of the block")
        reached.append("after the block")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert reached == ["end of the block"]


def test_ctrl_c_is_ignored_within_the_block() -> None:
    with ignored_sigint():
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("block", [graceful_stop, deferred, ignored_sigint])
def test_handlers_are_restored(block: type) -> None:
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    with block():
        pass
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before


@pytest.mark.parametrize("block", [deferred, ignored_sigint])
def test_other_threads_leave_handlers_alone(block: type) -> None:
    """Python allows only the main thread to set them: a thread that translates or prepares must not fail."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with block():
                pass
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert errors == []


CLOSED_TERMINAL = """
import os, pty, sys
from nmt_cli.signals import leave_closed_terminal
master, slave = pty.openpty()
report = os.dup(1)
os.dup2(slave, 2)
os.close(slave)
if {closes}:
    os.close(master)
if {leaves}:
    leave_closed_terminal()
try:
    os.write(2, b"a message")
    os.write(report, b"written")
except OSError as error:
    os.write(report, error.strerror.encode())
"""


@pytest.mark.parametrize(
    ("closes", "leaves", "result"),
    [(True, False, b"Input/output error"), (True, True, b"written"), (False, True, b"written")],
)
def test_messages_to_a_closed_terminal_raise_no_error(closes: bool, leaves: bool, result: bytes) -> None:
    script = CLOSED_TERMINAL.format(closes=closes, leaves=leaves)
    assert subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True).stdout == result
