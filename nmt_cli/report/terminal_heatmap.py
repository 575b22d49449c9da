"""An attention heat map for the terminal: weights in per cent, source words across and target words down."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from nmt_cli.report.attention_map import AttentionMap
from nmt_cli.report.heatmap import printable

NARROWEST = 3
"""Columns of the terminal for a source word: enough for 100."""
WIDEST = range(10, 4, -1)
"""Most columns for a source word: the first of these with which all words fit beside each other, else the first of all.
Longer words are cut and end in an ellipsis."""
WIDEST_ROW_LABEL = 16
GAP = 1
"""Columns between two words."""


@dataclass(frozen=True)
class TerminalHeatmap:
    """The attention between words, drawn by rich without need of colour: weights of a half or more are reversed, small
    ones dim, and those below half a per cent are a dot. What is too wide for the terminal is continued below."""

    attention: AttentionMap

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        source = [printable(word) for word in self.attention.source_words]
        target = [printable(word) for word in self.attention.target_words]
        if not source or not target:
            return
        left = min(max(map(cell_len, target)), WIDEST_ROW_LABEL)
        room = options.max_width - left
        widths = _widths(source, room)
        for number, block in enumerate(_blocks(widths, room)):
            if number:
                yield Text("")
            header = [_fit(source[column], widths[column], style="bold") for column in block]
            yield _line(_fit("", left), header)
            for label, row in zip(target, self.attention.weights, strict=True):
                cells = [_cell(float(row[column]), widths[column]) for column in block]
                yield _line(_fit(label, left), cells)


def _widths(words: Sequence[str], room: int) -> list[int]:
    """The columns for each word."""
    choices = [[min(max(cell_len(word), NARROWEST), widest) for word in words] for widest in WIDEST]
    return next((widths for widths in choices if sum(widths) + GAP * len(widths) <= room), choices[0])


def _blocks(widths: Sequence[int], room: int) -> Iterator[list[int]]:
    """Divide columns of these widths into blocks that fit into the room, of one column at least."""
    block: list[int] = []
    used = 0
    for column, width in enumerate(widths):
        if block and used + GAP + width > room:
            yield block
            block, used = [], 0
        block.append(column)
        used += GAP + width
    yield block


def _cell(weight: float, width: int) -> Text:
    percent = round(100 * weight)
    style = "reverse" if percent >= 50 else "" if percent >= 10 else "dim"
    return Text(" " * (width - 3)) + Text(f"{percent:3d}" if percent else "  ·", style=style)


def _fit(label: str, width: int, style: str = "") -> Text:
    """A label aligned right in a number of terminal columns; a wide character takes two."""
    if cell_len(label) > width:
        label = set_cell_size(label, width - 1).rstrip() + "…"  # a wide character cut in two becomes a space
    text = Text(label, style=style)
    text.pad_left(width - text.cell_len)
    return text


def _line(label: Text, cells: Sequence[Text]) -> Text:
    return Text(" " * GAP).join([label, *cells])
