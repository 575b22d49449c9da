"""Progress on a terminal: a bar for the current step, and messages above it."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.table import Column
from rich.text import Text

from nmt_cli.progress import Progress, Step, clock
from nmt_cli.report.console import SafeConsole

SHORT_SECONDS = 2.0
"""A step shorter than this leaves no line when it ends."""


class Bars(Progress):
    """Draws a bar with count, rate and time left while a step lasts, on standard error."""

    def __init__(self) -> None:
        self._console = SafeConsole(stderr=True, highlight=False)

    def message(self, text: str) -> None:
        self._console.print(Text(text))

    def warning(self, text: str) -> None:
        self._console.print(Text(f"warning: {text}", style="yellow"))

    @contextmanager
    def step(self, name: str, total: int | None = None, unit: str = "lines", announce: bool = True) -> Iterator[Step]:
        ellipsis = Column(no_wrap=True, overflow="ellipsis", ratio=1)
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, table_column=ellipsis),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[figures]}", markup=False, table_column=Column(no_wrap=True)),
            TimeElapsedColumn(),
        )
        with RichProgress(*columns, console=self._console, transient=True, expand=True) as bars:
            task = bars.add_task(name, total=total, figures="")
            step = Step(name, total, unit, lambda step: bars.update(task, completed=step.done, figures=_figures(step)))
            yield step
        if announce and step.seconds >= SHORT_SECONDS:
            count = f": {step.done:,} {unit}" if step.done else ""
            self.message(f"{name}{count} ({clock(step.seconds)})")


def _figures(step: Step) -> str:
    of = "" if step.total is None else f"/{step.total:,}"
    left = "" if step.remaining is None else f"  {clock(step.remaining)} left"
    return f"{step.done:,}{of} {step.unit}  {step.rate:,.0f}/s{left}"
