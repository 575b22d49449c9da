"""The console of rich that all tables, bars and screens are drawn on."""

import errno
import os
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from nmt_cli.terminal import escape


class SafeConsole(Console):
    """A console that escapes control characters in what it is given to show; those of its own, for colours and the
    cursor, are sent as they are. It lets BrokenPipeError pass: the program then ends as it does when it prints without
    rich."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(escape(segment.text), segment.style)

    def on_broken_pipe(self) -> None:
        self.quiet = True
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
