"""The program, which gets a signal after a counted call of one of its methods: no test waits for the right moment.

    python tests/signalled.py MODULE:CLASS.METHOD COUNT SIGNAL the arguments of nmt

Of the processes of torchrun it is the second, and only at its first start.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from signal import Signals

from nmt_cli.__main__ import program

UPDATE = "nmt_cli.training.step:TrainStep.update"
"""One update of training."""


def signalled(number: Signals, method: str, count: int) -> list[str]:
    """The command line that takes the place of `nmt`."""
    return [sys.executable, __file__, method, str(count), str(int(number))]


def run_signalled(number: Signals, method: str, count: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*signalled(number, method, count), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _meant() -> bool:
    return (os.environ.get("RANK", "1"), os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) == ("1", "0")


def _signal_after(path: str, last: int, number: int) -> None:
    module, _, name = path.partition(":")
    class_name, _, method_name = name.partition(".")
    owner = getattr(import_module(module), class_name)
    method: Callable[..., object] = getattr(owner, method_name)
    calls = 0

    def counted(*given: object) -> object:
        nonlocal calls
        calls += 1
        result = method(*given)
        if calls == last:
            os.kill(os.getpid(), number)
        return result

    setattr(owner, method_name, counted)


if __name__ == "__main__":
    where, count, signal_number, *sys.argv[1:] = sys.argv[1:]
    if _meant():
        _signal_after(where, int(count), int(signal_number))
    program()
