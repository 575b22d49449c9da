"""Pictures of a terminal: a command runs in tmux, and rich draws what is on the screen as SVG."""

import html
import io
import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

POLL_SECONDS = 0.5


class Terminal:
    """A command in a terminal of its own, which ends with the block."""

    def __init__(self, command: Sequence[str], columns: int, rows: int) -> None:
        self._socket = f"nmt-docs-{os.getpid()}"
        self._size = columns, rows
        self._command = shlex.join(command)

    def __enter__(self) -> Self:
        columns, rows = map(str, self._size)
        self._tmux("new-session", "-d", "-x", columns, "-y", rows, f"{self._command}; sleep 3600")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._tmux("kill-server")

    def type(self, line: str) -> None:
        """Type a line and press Enter."""
        self._tmux("send-keys", "-l", line)
        self._tmux("send-keys", "Enter")

    def screen(self) -> str:
        """What is on the screen, with escape sequences for its colours."""
        return self._tmux("capture-pane", "-e", "-p").rstrip()

    def screens(self, text: str, seconds: float, count: int = 1) -> Iterator[str]:
        """The screen every half second, the last time when a text is on it `count` times.

        Raises TimeoutError if it is not in so many seconds.
        """
        end = time.monotonic() + seconds
        while True:
            yield (screen := self.screen())
            if Text.from_ansi(screen).plain.count(text) >= count:
                return
            if time.monotonic() > end:
                raise TimeoutError(f"no {text!r} after {seconds:.0f} s of {self._command}:\n{screen}")
            time.sleep(POLL_SECONDS)

    def wait_for(self, text: str, seconds: float, count: int = 1) -> str:
        """The screen as soon as a text is on it `count` times; see `screens`."""
        *_, screen = self.screens(text, seconds, count)
        return screen

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-L", self._socket, "-f", os.devnull, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def draw(screen: str, title: str, columns: int) -> str:
    """The screen as an SVG picture of a window with a title; it loads no fonts from the network."""
    console = Console(record=True, file=io.StringIO(), width=columns, force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(screen))
    return _TEXT.sub(_widen, _FONT.sub("", console.export_svg(title=title)))


_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_TEXT = re.compile(r'textLength="([\d.]+)"([^>]*)>([^<]*)<')


def _widen(match: re.Match[str]) -> str:
    """Give wide characters (Korean) the two cells that they take; rich squeezes them into one."""
    length, between, text = match.groups()
    shown = html.unescape(text)
    return f'textLength="{float(length) * cell_len(shown) / len(shown):g}"{between}>{text}<' if shown else match[0]
