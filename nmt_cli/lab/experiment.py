"""What experiments have in common: how they are set, and what comes out of them."""

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nmt_cli.atomic import write_atomic
from nmt_cli.report.attention import AttentionMap, attention_page
from nmt_cli.report.curves import Curve, Plot, plot_text, write_plots


@dataclass(frozen=True)
class ExperimentConfig:
    """How an experiment is run.

    `quick` makes it small, and its verdicts indicative only. `work` is a folder for what it needs on the way.
    `prepared` is the corpus that translators learn, by default the bundled sample; `gold_alignment` the alignment of
    its test split.
    """

    quick: bool
    seeds: Sequence[int]
    say: Callable[[str], None]
    work: Path
    prepared: Path | None = None
    gold_alignment: Path | None = None


@dataclass(frozen=True)
class Verdict:
    """A claim, what was measured of it, and whether that bears it out; None if it could not tell."""

    claim: str
    measured: str
    reproduced: bool | None

    @property
    def found(self) -> str:
        """In a word or two."""
        return {True: "reproduced", False: "not reproduced", None: "undecided"}[self.reproduced]


@dataclass(frozen=True)
class ExperimentResult:
    """What an experiment found.

    `method` says in words what was done; `columns` and `rows` are its table, `plots` its figure, `numbers` everything
    measured, for programs; `maps` the attention of some sentences.
    """

    title: str
    method: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    plots: Sequence[Plot]
    verdicts: Sequence[Verdict]
    numbers: Mapping[str, Any]
    maps: Sequence[AttentionMap] = ()


Middle = Callable[[Sequence[float]], float]
"""How several runs are made into one figure: the mean, or where they differ by orders of magnitude the median."""


def spread(values: Sequence[float], form: str = ".3f", middle: Middle = statistics.fmean) -> str:
    """The mean or median of several runs, with the least and the largest."""
    found = format(middle(values), form)
    return found if len(values) == 1 else f"{found} ({min(values):{form}} to {max(values):{form}})"


def curve(name: str, x: Sequence[float], runs: Sequence[Sequence[float]], middle: Middle = statistics.fmean) -> Curve:
    """The mean or median of several runs at each x, with their span."""
    columns = list(zip(*runs, strict=True))
    found = [middle(column) for column in columns]
    if len(runs) == 1:
        return Curve(name, x, found)
    return Curve(name, x, found, [min(column) for column in columns], [max(column) for column in columns])


def points(name: str, runs: Mapping[str, Sequence[float]]) -> Curve:
    """A figure of several systems, each with its runs, beside each other: means and their spans."""
    return curve(name, range(len(runs)), list(zip(*runs.values(), strict=True)))


def line(verdict: Verdict, quick: bool) -> str:
    """A verdict in one line."""
    return f"{verdict.found}{' (indicative: quick run)' if quick else ''}: {verdict.claim} Measured: {verdict.measured}"


def show(outcome: ExperimentResult, setting: ExperimentConfig, console: Console | None = None) -> None:
    """Print table, curves and verdicts."""
    console = console or Console(highlight=False)
    console.print(Text(f"\n{outcome.title}", style="bold"))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(outcome.columns):
        table.add_column(name, justify="right" if place else "left")
    for row in outcome.rows:
        table.add_row(*map(Text, row))
    console.print(table)
    for plot in outcome.plots:
        console.print(Text("\n" + plot_text(plot, min(console.width, 100))))
    console.print()
    for verdict in outcome.verdicts:
        console.print(Text(line(verdict, setting.quick), style="green" if verdict.reproduced else "yellow"))


def write(outcome: ExperimentResult, setting: ExperimentConfig, folder: Path, recipe: Mapping[str, Any]) -> None:
    """Write report.md, results.json and the figure into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = write_plots(outcome.plots, folder / "figure")
    if outcome.maps:
        for name in ("attention.html", "attention.svg"):
            attention_page(outcome.maps, folder / name)
        figures.append(folder / "attention.svg")
    cells = [outcome.columns, ["---"] * len(outcome.columns), *outcome.rows]
    lines = [
        f"# {outcome.title}",
        "",
        outcome.method,
        "",
        *("| " + " | ".join(row) + " |" for row in cells),
        "",
        *(f"![{outcome.title}]({figure.name})" for figure in figures if figure.suffix == ".svg"),
        "",
        "## Verdict",
        "",
        *(f"- {line(verdict, setting.quick)}" for verdict in outcome.verdicts),
        "",
        f"    {recipe['command']}",
        "",
        f"{recipe['machine']}; seeds {', '.join(map(str, setting.seeds))}; {recipe['seconds']:.0f} s.",
        "",
    ]
    write_atomic(folder / "report.md", "\n".join(lines))
    content = {
        "title": outcome.title,
        "quick": setting.quick,
        "seeds": list(setting.seeds),
        "verdicts": [asdict(verdict) for verdict in outcome.verdicts],
        "numbers": outcome.numbers,
        "recipe": dict(recipe),
    }
    write_atomic(folder / "results.json", json.dumps(content, ensure_ascii=False, indent=2) + "\n")
