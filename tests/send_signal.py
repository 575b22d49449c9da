"""Run `nmt` and send it a signal after the COUNT-th call of one of its methods, so that no test depends on timing.

    python tests/send_signal.py MODULE:CLASS.METHOD COUNT SIGNAL ARGUMENTS_OF_NMT...

Under torchrun only rank 1 gets the signal, and only at its first start.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from signal import Signals

from nmt_cli.__main__ import program

UPDATE = "nmt_cli.training.step:TrainStep.update"
"""The method that performs one update in training."""


def signal_command(number: Signals, method: str, count: int) -> list[str]:
    """The command line to use instead of `nmt`."""
    return [sys.executable, __file__, method, str(count), str(int(number))]


def run_with_signal(number: Signals, method: str, count: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*signal_command(number, method, count), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _is_target() -> bool:
    return (os.environ.get("RANK", "1"), os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) == ("1", "0")


def _signal_after(path: str, last: int, number: int) -> None:
    module, _, name = path.partition(":")
    class_name, _, method_name = name.partition(".")
    owner = getattr(import_module(module), class_name)
    method: Callable[..., object] = getattr(owner, method_name)
    calls = 0

    def counted(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        result = method(*arguments)
        if calls == last:
            os.kill(os.getpid(), number)
        return result

    setattr(owner, method_name, counted)


if __name__ == "__main__":
    where, count, signal_number, *sys.argv[1:] = sys.argv[1:]
    if _is_target():
        _signal_after(where, int(count), int(signal_number))
    program()
