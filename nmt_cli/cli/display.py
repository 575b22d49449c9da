"""The screen of a training run: validations as a table and as curves, sentences of dev, the current figures, a bar."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from nmt_cli.progress import Step, clock
from nmt_cli.report.console import SafeConsole
from nmt_cli.training.callbacks import Callback, LogEvent, ValidationEvent

ROWS = 5
"""Validations in the table: the last ones."""
SENTENCES = 2
"""Sentences of dev whose translation is shown."""
LEVELS = "▁▂▃▄▅▆▇█"


class TrainingDisplay(Callback):
    """Redraws the screen's lower part as the run goes on; messages scroll above it."""

    def __init__(self) -> None:
        self._console = SafeConsole(stderr=True, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(None), TaskProgressColumn(), TextColumn("{task.fields[eta]}")
        )
        self._run = self._bar.add_task("starting", total=1.0, eta="")
        self._validations: list[ValidationEvent] = []
        self._figures = Text("")
        self._live = Live(self._view(), console=self._console, refresh_per_second=4)

    def _view(self) -> Group:
        return Group(self._results(ROWS), self._figures, self._bar)

    def _results(self, rows: int) -> Group:
        if not self._validations:
            return Group()
        return Group(_table(self._validations[-rows:]), _curves(self._validations), _samples(self._validations[-1]))

    def _show(self) -> None:
        self._live.start()  # the first time; it does nothing afterwards
        self._live.update(self._view())

    def on_log(self, event: LogEvent) -> None:
        self._figures = Text(
            f"update {event.step:,}   loss {event.loss:.3f}   {event.speed:,.0f} tokens/s   "
            f"learning rate {event.rate:.1e}"
        )
        eta = f"{clock(event.remaining)} left"
        self._bar.update(self._run, completed=event.progress, description=f"epoch {event.epoch:.1f}", eta=eta)
        self._show()

    def on_validation(self, event: ValidationEvent) -> None:
        self._validations.append(event)
        self._show()

    @contextmanager
    def step(self, name: str, total: int | None = None, unit: str = "lines", announce: bool = True) -> Iterator[Step]:
        task = self._bar.add_task(name, total=total, eta="")

        def advance(step: Step) -> None:
            left = "" if step.remaining is None else f"{clock(step.remaining)} left"
            self._bar.update(task, completed=step.done, eta=left)

        try:
            yield Step(name, total, unit, advance)
        finally:
            self._bar.remove_task(task)

    def message(self, text: str) -> None:
        self._live.start()
        self._console.print(Text(text))

    def warning(self, text: str) -> None:
        self._live.start()
        self._console.print(Text(f"warning: {text}", style="yellow"))

    def close(self) -> None:
        """Leave all validations on the screen."""
        self._live.update(self._results(len(self._validations)))
        self._live.stop()


def _table(validations: Sequence[ValidationEvent]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("update", "epoch", "dev loss", "BLEU", "chrF", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    best = max((event.step for event in validations if event.best), default=None)
    for event in validations:
        result = event.validation
        figures = (f"{result.loss:.3f}", f"{result.bleu:.2f}", f"{result.chrf:.2f}", clock(event.elapsed))
        mark = f"best by {event.metric}" if event.step == best else ""
        table.add_row(f"{event.step:,}", f"{event.epoch:.2f}", *figures, mark, style="bold" if mark else "")
    return table


def _curves(validations: Sequence[ValidationEvent]) -> Text:
    chrf, loss = ([getattr(event.validation, name) for event in validations] for name in ("chrf", "loss"))
    return Text(f"chrF {sparkline(chrf)}   dev loss {sparkline(loss)}", style="cyan", overflow="ellipsis", no_wrap=True)


def sparkline(values: Sequence[float], width: int = 24) -> str:
    """The last values as blocks of eight heights, from the least of them to the greatest."""
    shown = values[-width:]
    low, high = min(shown), max(shown)
    scale = (len(LEVELS) - 1) / (high - low) if high > low else 0.0
    return "".join(LEVELS[round((value - low) * scale)] for value in shown)


def _samples(event: ValidationEvent) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True, min_width=len("reference"))
    table.add_column(overflow="ellipsis", no_wrap=True)
    for sample in event.samples[:SENTENCES]:
        for name, line in zip(("source", "output", "reference"), sample, strict=True):
            table.add_row(name, Text(line, style="bold" if name == "output" else ""))
    return table
