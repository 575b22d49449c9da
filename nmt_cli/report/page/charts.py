"""Layout of line charts, drawn as SVG by a template with the colours of the page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from nmt_cli.report.heatmap import printable
from nmt_cli.report.html import render

WIDTH, HEIGHT = 380.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 52.0, 12.0, 40.0
"""Margins: of the labels of the y axis, of the labels of the lines, and of the x axis."""
LABEL_WIDTH, LABEL_HEIGHT = 50.0, 13.0
"""The room that the label of a line takes."""
MOST_POINTS = 200
"""A line of more points is thinned: each of its points is then the mean of several neighbours."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Line:
    """A line of a chart. Lines of one `style` (from 0) have one colour, dash pattern and marker; a `faint` one is thin,
    without markers. `label` stands at its end."""

    label: str
    points: Points
    style: int = 0
    faint: bool = False


@dataclass(frozen=True)
class Mark:
    """A position in pixels and its text: a tick, the label of a line, or the tooltip of a point."""

    at: float
    text: str
    y: float = 0.0


@dataclass(frozen=True)
class DrawnLine:
    """A line in pixels: its SVG path, the marker of each point, its label, and its look."""

    path: str
    markers: Sequence[Mark]
    label: Mark
    style: int
    faint: bool


def line_chart(title: str, xlabel: str, lines: Sequence[Line]) -> Markup | None:
    """A chart of lines as an SVG element; None if no line has a point."""
    usable = [Line(line.label, thin(finite(line.points)), line.style, line.faint) for line in lines]
    usable = [line for line in usable if line.points]
    if not usable:
        return None
    xs, ys = (_ticks([point[axis] for line in usable for point in line.points]) for axis in (0, 1))

    def to_x(value: float) -> float:
        return round(LEFT + (value - xs[0]) / (xs[-1] - xs[0]) * (WIDTH - LEFT - RIGHT), 1)

    def to_y(value: float) -> float:
        return round(HEIGHT - BOTTOM - (value - ys[0]) / (ys[-1] - ys[0]) * (HEIGHT - TOP - BOTTOM), 1)

    ends = _spread([(to_x(line.points[-1][0]), to_y(line.points[-1][1])) for line in usable])
    drawn = [
        DrawnLine(
            path="M" + "L".join(f"{to_x(x)} {to_y(y)}" for x, y in line.points),
            markers=[] if line.faint else [Mark(to_x(x), f"{x:,.4g}: {y:.4g}", to_y(y)) for x, y in line.points],
            label=Mark(to_x(line.points[-1][0]) + 7, printable(line.label), end),
            style=line.style % 6,
            faint=line.faint,
        )
        for line, end in zip(usable, ends, strict=True)
    ]
    return Markup(
        render(
            "chart.svg",
            title=title,
            description="; ".join(f"{line.label or title} ends at {line.points[-1][1]:.4g}" for line in usable),
            xlabel=xlabel,
            size=(WIDTH, HEIGHT),
            frame=(LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM),
            xticks=[Mark(to_x(x), f"{x:,g}") for x in xs],
            yticks=[Mark(to_y(y), f"{y:g}") for y in ys],
            lines=drawn,
        )
    )


def finite(points: Points) -> Points:
    """The points whose value is a finite number."""
    return [(x, y) for x, y in points if math.isfinite(y)]


def thin(points: Points) -> Points:
    """At most MOST_POINTS points: each is the mean of as many neighbours."""
    group = math.ceil(len(points) / MOST_POINTS)
    parts = [points[start : start + group] for start in range(0, len(points), group)] if group > 1 else []
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts] or points


def _ticks(values: Sequence[float]) -> list[float]:
    """Round values from below the smallest to above the largest of `values`."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 1, high + 1
    return [float(tick) for tick in MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)]


def _spread(ends: Sequence[tuple[float, float]]) -> list[float]:
    """The height of the label at each of these points: its own, or the nearest that is free of other labels."""
    placed: list[tuple[float, float]] = []
    for x, y in ends:
        shifts = sorted(range(-10, 11), key=abs)
        heights = [y + LABEL_HEIGHT * shift for shift in shifts if TOP <= y + LABEL_HEIGHT * shift <= HEIGHT - BOTTOM]
        free = [
            height
            for height in heights
            if all(abs(height - other) >= LABEL_HEIGHT or abs(x - at) >= LABEL_WIDTH for at, other in placed)
        ]
        placed.append((x, (free or [y])[0]))
    return [height for _, height in placed]
