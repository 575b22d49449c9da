"""The console of rich that all tables, bars and screens are drawn on."""

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from nmt_cli.terminal import escape


class SafeConsole(Console):
    """A console that escapes control characters in what it is given to show; those of its own, for colours and the
    cursor, are sent as they are."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(escape(segment.text), segment.style)
