"""Common parts of the experiments: configuration, and results, printed and written to files."""

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
from nmt_cli.errors import OutputError
from nmt_cli.progress import Progress
from nmt_cli.report.attention import AttentionMap, write_attention
from nmt_cli.report.console import SafeConsole
from nmt_cli.report.curves import Curve, Plot, plot_text, write_plots

RESULTS = "results.json"
"""The numbers of an experiment, in its folder."""


@dataclass(frozen=True)
class ExperimentConfig:
    """How an experiment is run.

    `quick` makes it small, and its verdicts indicative only. `work` is a folder for temporary files. `prepared` is the
    corpus that translators are trained on, by default the bundled sample, and `gold_alignment` the alignment of its
    test split. `minutes` is how long each translator is trained, by default the MINUTES of the experiment.
    """

    quick: bool
    seeds: Sequence[int]
    progress: Progress
    work: Path
    prepared: Path | None = None
    gold_alignment: Path | None = None
    minutes: float | None = None


@dataclass(frozen=True)
class Verdict:
    """A claim, the measurement, and whether it reproduces the claim; None if undecided."""

    claim: str
    measured: str
    reproduced: bool | None

    @property
    def label(self) -> str:
        """The verdict in a word or two."""
        return {True: "reproduced", False: "not reproduced", None: "undecided"}[self.reproduced]


@dataclass(frozen=True)
class ExperimentResult:
    """The result of an experiment.

    `method` describes the experiment in words; `columns` and `rows` are its table, `plots` its figure, `numbers` all
    measurements, for programs, and `maps` the attention of some sentences.
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
"""Combines several runs into one number: by the mean, or by the median where they differ by orders of magnitude."""


def spread(values: Sequence[float], form: str = ".3f", middle: Middle = statistics.fmean) -> str:
    """The mean or median of several runs as text, with the minimum and the maximum."""
    text = format(middle(values), form)
    return text if len(values) == 1 else f"{text} ({min(values):{form}} to {max(values):{form}})"


def curve(name: str, x: Sequence[float], runs: Sequence[Sequence[float]], middle: Middle = statistics.fmean) -> Curve:
    """The mean or median of several runs at each x, with the minimum and the maximum."""
    columns = list(zip(*runs, strict=True))
    y = [middle(column) for column in columns]
    if len(runs) == 1:
        return Curve(name, x, y)
    return Curve(name, x, y, [min(column) for column in columns], [max(column) for column in columns])


def points(name: str, runs: Mapping[str, Sequence[float]]) -> Curve:
    """One point for each of several systems, side by side: the mean of its runs, with the minimum and the maximum."""
    return curve(name, range(len(runs)), list(zip(*runs.values(), strict=True)))


def line(verdict: Verdict, quick: bool) -> str:
    """A verdict as one line of text."""
    return f"{verdict.label}{' (indicative: quick run)' if quick else ''}: {verdict.claim} Measured: {verdict.measured}"


def show(result: ExperimentResult, config: ExperimentConfig, console: Console | None = None) -> None:
    """Print table, plots and verdicts."""
    console = console or SafeConsole(highlight=False)
    console.print(Text(f"\n{result.title}", style="bold"))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for position, name in enumerate(result.columns):
        table.add_column(name, justify="right" if position else "left")
    for row in result.rows:
        table.add_row(*map(Text, row))
    console.print(table)
    for plot in result.plots:
        console.print(Text("\n" + plot_text(plot, min(console.width, 100))))
    console.print()
    for verdict in result.verdicts:
        console.print(Text(line(verdict, config.quick), style="green" if verdict.reproduced else "yellow"))


def check_folder(folder: Path) -> None:
    """Create the folder of an experiment if needed. Raises OutputError, before the experiment has run for half an hour,
    if files that it would replace are not those of an earlier experiment."""
    folder.mkdir(parents=True, exist_ok=True)
    replaced = sorted(
        path.name for path in folder.iterdir() if path.stem in ("results", "report", "figure", "attention")
    )
    if replaced and not _is_result(folder / RESULTS):
        raise OutputError(f"{folder}: contains {replaced[0]}, which nmt lab did not write; choose another --out")


def _is_result(path: Path) -> bool:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and {"title", "verdicts", "recipe"} <= content.keys()


def write(result: ExperimentResult, config: ExperimentConfig, folder: Path, recipe: Mapping[str, Any]) -> None:
    """Write results.json, which marks the folder as ours, and report.md and the figure into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "title": result.title,
        "quick": config.quick,
        "seeds": list(config.seeds),
        "verdicts": [asdict(verdict) for verdict in result.verdicts],
        "numbers": result.numbers,
        "recipe": dict(recipe),
    }
    write_atomic(folder / RESULTS, json.dumps(content, ensure_ascii=False, indent=2) + "\n")
    figures = write_plots(result.plots, folder / "figure")
    if result.maps:
        for name in ("attention.html", "attention.svg"):
            write_attention(result.maps, folder / name)
        figures.append(folder / "attention.svg")
    cells = [result.columns, ["---"] * len(result.columns), *result.rows]
    lines = [
        f"# {result.title}",
        "",
        result.method,
        "",
        *("| " + " | ".join(row) + " |" for row in cells),
        "",
        *(f"![{result.title}]({figure.name})" for figure in figures if figure.suffix == ".svg"),
        "",
        "## Verdict",
        "",
        *(f"- {line(verdict, config.quick)}" for verdict in result.verdicts),
        "",
        f"    {recipe['command']}",
        "",
        f"{recipe['machine']}; seeds {', '.join(map(str, config.seeds))}; {recipe['seconds']:.0f} s.",
        "",
    ]
    write_atomic(folder / "report.md", "\n".join(lines))
