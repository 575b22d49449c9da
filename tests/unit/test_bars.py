"""Progress on a terminal, driven through a pseudo-terminal."""

import os
import pty
import subprocess
import sys

import pytest

PROGRAM = """
import time
from nmt_cli.cli.messages import show_messages, terminal_progress
from nmt_cli.progress import logger
show_messages()
progress = terminal_progress()
with progress.step("encoding [x]", 3, "pairs") as step:
    for _ in range(3):
        time.sleep(0.3)
        step.advance()
    logger.warning("odd")
progress.message("done")
"""


def run_on_terminal(environment: dict[str, str]) -> str:
    """What the program writes to a terminal."""
    main, terminal = pty.openpty()
    inherited = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    variables = {**inherited, "TERM": "xterm", **environment}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stderr=terminal, env=variables) as process:
        os.close(terminal)
        output = b""
        try:
            while data := os.read(main, 1 << 16):
                output += data
        except OSError:  # the terminal has closed
            pass
    os.close(main)
    assert process.returncode == 0
    return output.decode()


def test_a_terminal_shows_a_bar_with_count_and_messages_above_it() -> None:
    output = run_on_terminal({})
    assert "encoding [x]" in output
    assert "2/3 pairs" in output
    assert "warning: odd" in output
    assert output.rstrip().endswith("done")


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_terminals_without_cursor_or_color_get_plain_lines(environment: dict[str, str]) -> None:
    output = run_on_terminal(environment)
    assert output.splitlines() == ["encoding [x]: 3 pairs", "warning: odd", "done"]
