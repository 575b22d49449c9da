"""The command line as a whole: fast start, help, process exit, and errors of one line."""

import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nmt_cli import __version__
from nmt_cli.cli.app import COMMANDS
from nmt_cli.cli.help import USUAL

HEAVY = ("torch", "numpy", "pyarrow", "sentencepiece", "sacrebleu", "matplotlib", "pydantic")


def nmt(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nmt_cli", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1", **environment},
        check=False,
    )


def test_help_lists_the_commands_and_imports_no_heavy_package() -> None:
    probe = (
        "import sys, nmt_cli.cli.app as app\n"
        "try:\n    app.main(['--help'])\nexcept SystemExit as done:\n    assert done.code == 0\n"
        f"print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout
    for name in COMMANDS:
        assert name == "evaluate" or name in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_help_without_importing_torch(name: str) -> None:
    probe = (
        f"import sys, nmt_cli.cli.app as app\ntry:\n    app.main([{name!r}, '--help'])\n"
        "except SystemExit as done:\n    assert done.code == 0\nprint('TORCH', 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert "TORCH False" in done.stdout
    assert "Usage: " in done.stdout


def test_help_keeps_square_brackets_and_wraps_whole_paragraphs() -> None:
    text = " ".join(nmt("train", "--help-all").stdout.split())
    assert "v.tanh(W[s; h])" in text
    assert "tanh(W[state; context])" in text
    assert "[default: 0.4]" in text
    assert "learning-rate schedule ends at the limit" in text
    assert "\\[" not in text
    assert "[default: 16, 64, 256]" in " ".join(nmt("bench", "--help-all").stdout.split())


EXIT_PROBE = """
import atexit, sys, threading
from nmt_cli.__main__ import program

def work():
    threading.Event().wait() if DAEMON else threading.main_thread().join()
    print("worked")

atexit.register(print, "registered")
threading.Thread(target=work, daemon=DAEMON).start()
sys.argv[1:] = ARGUMENTS
program()
"""


@pytest.mark.parametrize(
    ("daemon", "arguments", "status"), [(True, "--version", 0), (False, "--version", 0), (True, "--nonsense", 2)]
)
def test_exit_runs_atexit_functions_and_joins_only_non_daemon_threads(
    daemon: bool, arguments: str, status: int
) -> None:
    """An endless daemon thread does not delay exit; a non-daemon thread that outlives the main thread is joined."""
    probe = EXIT_PROBE.replace("DAEMON", str(daemon)).replace("ARGUMENTS", str(arguments.split()))
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert (f"nmt {__version__}" in done.stdout) == (status == 0)
    assert "registered" in done.stdout
    assert ("worked" in done.stdout) == (not daemon)


def test_exit_works_without_the_private_atexit_function() -> None:
    probe = "import atexit; del atexit._run_exitfuncs\n" + EXIT_PROBE.replace("DAEMON", "True").replace(
        "ARGUMENTS", "['--version']"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "registered" in done.stdout


IMPORT_PROBE = """
import gc, importlib, os, pkgutil, signal
import torch

def process_state():
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    return dict(os.environ), gc.get_threshold(), handlers, torch.get_num_threads(), torch.get_default_dtype()

before = process_state()
import nmt_cli
for module in pkgutil.walk_packages(nmt_cli.__path__, "nmt_cli."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from nmt_cli.kernels.device import compute_for_search, compute_for_training
compute_for_training("auto", "auto", 0), compute_for_search("cpu", "int8", 0)
assert process_state() == before, (before, process_state())
"""


def test_importing_and_choosing_a_device_leave_the_process_state_unchanged() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT_PROBE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_version_is_printed() -> None:
    assert nmt("--version").stdout == f"nmt {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["train", "--scale", "0.5"], 1, "nmt: --scale 0.5: applies only to a --preset; give one"),
        (["train", "--heads", "5"], 1, "hidden_size 288 is not divisible by heads 5"),
        (["train", "--coverage", "--score", "location"], 1, "coverage needs a score that depends on the encoder"),
        (["train", "--local-window", "3"], 1, "local_window applies only to local attention"),
        (["train", "--attention", "none"], 1, "encoder_layers and decoder_layers must be equal, not 1 and 2"),
        (["train", "--attention", "none-repeat", "--readout", "maxout"], 1, "readout maxout needs the previous word"),
        (
            ["train", "--local-attention", "monotonic", "--source-order", "doubled"],
            1,
            "local_attention monotonic moves forward",
        ),
        (
            ["train", "--attention", "none-repeat", "--heads", "2"],
            1,
            "heads applies only to attention, but attention is none-repeat",
        ),
        (
            ["train", "--attention", "none-repeat", "--scheduled-sampling", "free"],
            1,
            "scheduled_sampling free chooses the previous word",
        ),
        (
            ["train", "--teacher-forcing-ratio", "0.2"],
            1,
            "teacher_forcing_ratio applies only if reference words are chosen with a probability",
        ),
        (
            ["train", "--r-drop", "1", "--dropout", "0", "--embedding-dropout", "0"],
            1,
            "r_drop compares two passes with different dropout, but there is no dropout",
        ),
        (["train", "--no-such-option"], 2, "No such option: --no-such-option"),
        (["train", "--cell", "lstn"], 2, "'lstn' is not one of"),
        (["nonsense"], 2, "No such command 'nonsense'"),
        (["train", "--dropout", "7"], 1, "nmt: --dropout: model.dropout = 7.0: input should be less than 1"),
        (["train", "--set", "dropuot=1"], 1, "nmt: --set dropuot=1: no option dropuot; did you mean dropout?"),
        (["train", "--config", "nowhere.toml"], 1, "nmt: nowhere.toml: no such config file"),
        (["train", "nowhere"], 1, "nmt: nowhere: no prepared corpus here"),
        (["info", "nowhere"], 1, "nmt: nowhere: "),
        (["eval", "--model", "nowhere"], 1, "nmt: nowhere: no model here"),
        (["translate", "--model", "nowhere"], 1, "nmt: nowhere: no model here"),
    ],
)
def test_invalid_arguments_are_reported_in_one_line(arguments: list[str], status: int, message: str) -> None:
    done = nmt(*arguments)
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert done.stdout == ""
    if status == 1:
        assert done.stderr.count("\n") == 1


def test_shell_completion_lists_the_options() -> None:
    done = nmt(_NMT_COMPLETE="complete_bash", COMP_WORDS="nmt train --max-", COMP_CWORD="2")
    assert {"--max-steps", "--max-epochs", "--max-minutes"} <= set(done.stdout.split())


def test_errors_are_utf_8_in_a_plain_c_locale() -> None:
    done = nmt("train", "--set", "한국어=1", LC_ALL="C", PYTHONIOENCODING="", PYTHONUTF8="0")
    assert "한국어" in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("columns", [40, 80, 120])
def test_short_help_is_a_screen_and_long_help_has_every_option(name: str, columns: int) -> None:
    short = nmt(name, "-h", COLUMNS=str(columns)).stdout
    whole = nmt(name, "--help-all", COLUMNS=str(columns)).stdout
    usual = USUAL["eval" if name == "evaluate" else name]
    assert len(usual) <= 14
    assert columns < 80 or len(short.splitlines()) <= 45
    for text in (short, whole):
        long = [line for line in text.splitlines() if len(line) > columns and not line.startswith(("  nmt ", "  -"))]
        assert not long, "only examples and the names of options may be wider"
        assert "Examples:" in text
        assert "<" not in text.replace("< in.en", "")
    module = importlib.import_module(f"nmt_cli.cli.{COMMANDS[name][0]}")
    for option in set(inspect.signature(module.run).parameters) - {"help_all"}:
        listed = rf"(?m)^  (-., )?(--{option.rstrip('_').replace('_', '-')}|{option.upper()})( |$|/)"
        assert re.search(listed, whole), option
        assert bool(re.search(listed, short)) == (option in usual), option


@pytest.mark.parametrize("arguments", [["lab"], ["info", "{model}"], ["explain", "-m", "{model}", "a dog"]])
def test_a_closed_pipe_ends_every_command_in_the_same_way(arguments: list[str], tiny_model: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "nmt_cli", *(word.format(model=tiny_model) for word in arguments)]
    with open(writing, "wb") as stdout:
        done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (141, "")
