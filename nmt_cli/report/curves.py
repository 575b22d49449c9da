"""Plots of curves: as PNG and SVG, and as text for the terminal."""

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from nmt_cli.atomic import write_atomic

MARKERS = "ox+*#@%&=~$"
"""The marker of each curve in the terminal."""
MOST_DOTS = 15
"""Points of a curve that are drawn as dots; a curve of more points is a line."""
COLOURS = (
    "#14489c",
    "#b24b14",
    "#2a7d4f",
    "#7a3b9c",
    "#8a6d00",
    "#57606a",
    "#c2185b",
    "#00838f",
    "#5d4037",
    "#e0a800",
    "#90a4ae",
)


@dataclass(frozen=True)
class Curve:
    """A named line through points. `low` and `high` are the least and the largest of several runs."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


@dataclass(frozen=True)
class Plot:
    """Curves, with `xlabel` and `ylabel` as the labels of the x and y axes.

    `log` makes the y axis logarithmic, `threshold` adds a horizontal line. `xticks` are the labels of x = 0, 1, 2 ...
    if x is a category; its points are not joined by lines.
    """

    title: str
    xlabel: str
    ylabel: str
    curves: Sequence[Curve]
    log: bool = False
    threshold: float | None = None
    xticks: Sequence[str] | None = None


def write_plots(plots: Sequence[Plot], path: Path) -> list[Path]:
    """Draw plots side by side into `path`.png and `path`.svg. Returns the two paths."""
    figure = Figure(figsize=(6.2 * len(plots), 4.2), dpi=144, layout="constrained")
    for axes, plot in zip(figure.subplots(1, len(plots), squeeze=False)[0], plots, strict=True):
        for curve, colour in zip(plot.curves, COLOURS, strict=False):
            style = {"linewidth": 1.6, "markersize": 2.5} if plot.xticks is None else {"linewidth": 0, "markersize": 6}
            marker = "o" if len(curve.x) <= MOST_DOTS else None
            axes.plot(curve.x, curve.y, label=curve.name, color=colour, marker=marker, **style)
            if curve.low is None or curve.high is None:
                continue
            if plot.xticks is not None:
                axes.vlines(curve.x, curve.low, curve.high, color=colour, linewidth=1.6)
            else:
                axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.15, linewidth=0)
        if plot.threshold is not None:
            axes.axhline(plot.threshold, color="#57606a", linewidth=0.8, linestyle="--")
        axes.set(title=plot.title, xlabel=plot.xlabel, ylabel=plot.ylabel, yscale="log" if plot.log else "linear")
        if all(float(x).is_integer() for curve in plot.curves for x in curve.x):
            axes.xaxis.get_major_locator().set_params(integer=True)
        if plot.xticks is not None:
            axes.set_xticks(range(len(plot.xticks)), plot.xticks)
            axes.margins(x=0.2)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.legend(frameon=False, fontsize="small")
    paths = []
    for suffix in ("png", "svg"):
        content = io.BytesIO()
        # the same plots give the same bytes; text drawn as outlines would take half of an SVG
        with rc_context({"svg.hashsalt": "nmt", "svg.fonttype": "none", "font.sans-serif": ["DejaVu Sans"]}):
            figure.savefig(content, format=suffix, metadata={"Date": None} if suffix == "svg" else {"Software": None})
        paths.append(path.with_suffix(f".{suffix}"))
        write_atomic(paths[-1], content.getvalue() if suffix == "png" else _shorten_paths(content.getvalue()))
    return paths


def _shorten_paths(svg: bytes) -> bytes:
    """An SVG whose paths have two decimals, not six: a fifth fewer bytes, and no difference to be seen."""
    return re.sub(rb' d="[^"]+"', lambda path: re.sub(rb"(\.\d\d)\d+", rb"\1", path[0]), svg)


def plot_text(plot: Plot, width: int = 72, height: int = 14) -> str:
    """A plot as text, `width` characters wide: a marker for each curve, with a legend below."""
    points = [(x, y) for curve in plot.curves for x, y in zip(curve.x, curve.y, strict=True) if _usable(y, plot.log)]
    if not points:
        return f"{plot.title}: nothing to draw"
    scale = math.log10 if plot.log else float
    heights = [scale(y) for _, y in points]
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    bottom, top = min(heights), max(heights)
    if not plot.log and 0 < bottom < top / 2:
        bottom = 0.0
    margin = 9
    columns = width - margin - 1
    grid = [[" "] * columns for _ in range(height)]
    for curve, mark in zip(plot.curves, MARKERS, strict=False):
        for x, y in zip(curve.x, curve.y, strict=True):
            if _usable(y, plot.log):
                column = round((x - left) / ((right - left) or 1) * (columns - 1))
                row = round((scale(y) - bottom) / ((top - bottom) or 1) * (height - 1))
                grid[height - 1 - row][column] = mark
    lines = [f"{plot.ylabel}: {plot.title}"]
    for row, cells in enumerate(grid):
        value = bottom if row == height - 1 else top - (top - bottom) * row / (height - 1)
        label = f"{10**value if plot.log else value:.3g}" if row in (0, height // 2, height - 1) else ""
        lines.append(f"{label:>{margin - 1}} │{''.join(cells)}".rstrip())
    lines.append(" " * margin + "└" + "─" * columns)
    if plot.xticks is None:
        ends = f"{left:g}", f"{plot.xlabel} {right:g}"
    else:
        ends = "", f"{plot.xlabel}: {', '.join(plot.xticks)}"
    lines.append(" " * (margin + 1) + ends[0] + " " * max(1, columns - len(ends[0]) - len(ends[1])) + ends[1])
    lines.append("   ".join(f"{mark} {curve.name}" for curve, mark in zip(plot.curves, MARKERS, strict=False)))
    return "\n".join(lines)


def _usable(y: float, log: bool) -> bool:
    return math.isfinite(y) and (y > 0 or not log)
