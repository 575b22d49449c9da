"""Progress of training on the terminal: a live display, or plain lines if stderr is not a terminal."""

import sys

from rich.console import Console, Group
from rich.live import Live as RichLive
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from nmt_cli.training.callbacks import LogEvent, ValidationEvent

PLAIN_SECONDS = 20.0
"""Minimum time between two plain log lines."""


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss or m:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def validation_line(event: ValidationEvent) -> str:
    """Format the result of a validation as one line."""
    validation = event.validation
    return (
        f"update {event.step:,}  epoch {event.epoch:.2f}  dev: loss {validation.loss:.3f}  "
        f"BLEU {validation.bleu:.2f}  chrF {validation.chrf:.2f}  ({clock(event.elapsed)})"
        + (f"  best by {event.metric}" if event.best else "")
    )


class Plain:
    """Plain lines on stderr."""

    def __init__(self) -> None:
        self._last = float("-inf")

    def on_log(self, event: LogEvent) -> None:
        if event.elapsed - self._last < PLAIN_SECONDS:
            return
        self._last = event.elapsed
        self.message(
            f"update {event.step:,}  epoch {event.epoch:.2f}  loss {event.loss:.3f}  {event.speed:,.0f} tokens/s  "
            f"rate {event.rate:.2e}  {clock(event.elapsed)} elapsed, {clock(event.remaining)} left"
        )

    def on_validation(self, event: ValidationEvent) -> None:
        self.message(validation_line(event))
        self.message(f"  sample: {event.sample[0]}\n       -> {event.sample[1]}")

    def message(self, message: str) -> None:
        print(message, file=sys.stderr, flush=True)

    def close(self) -> None:
        pass


class Live:
    """A progress bar with current figures and the last validation sample; validations and messages scroll above it."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(None), TaskProgressColumn(), TextColumn("{task.fields[eta]}")
        )
        self._task = self._bar.add_task("starting", total=1.0, eta="")
        self._figures = Text("")
        self._sample: Table | None = None
        self._live = RichLive(self._view(), console=self._console, refresh_per_second=4)
        self._live.start()

    def _view(self) -> Group:
        return Group(*(part for part in (self._sample, self._figures, self._bar) if part is not None))

    def on_log(self, event: LogEvent) -> None:
        self._figures = Text(
            f"update {event.step:,}   loss {event.loss:.3f}   {event.speed:,.0f} tokens/s   rate {event.rate:.1e}"
        )
        eta = f"{clock(event.remaining)} left"
        self._bar.update(self._task, completed=event.progress, description=f"epoch {event.epoch:.1f}", eta=eta)
        self._live.update(self._view())

    def on_validation(self, event: ValidationEvent) -> None:
        self._console.print(Text(validation_line(event), style="bold" if event.best else ""))
        table = Table(box=None, show_header=False, padding=(0, 1))
        for name, line in zip(("source", "output", "reference"), event.sample, strict=True):
            table.add_row(Text(name, style="dim"), Text(line))
        self._sample = table
        self._live.update(self._view())

    def message(self, message: str) -> None:
        self._console.print(Text(message, style="yellow" if message.startswith("warning") else ""))

    def close(self) -> None:
        self._live.update(Group())
        self._live.stop()
