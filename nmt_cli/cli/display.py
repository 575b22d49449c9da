"""A live display of training on the terminal."""

from rich.console import Console, Group
from rich.live import Live as RichLive
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from nmt_cli.progress import clock
from nmt_cli.training.callbacks import Callback, LogEvent, ValidationEvent, validation_line


class Live(Callback):
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

    def _view(self) -> Group:
        return Group(*(part for part in (self._sample, self._figures, self._bar) if part is not None))

    def _show(self) -> None:
        self._live.start()  # the first time; it does nothing afterwards
        self._live.update(self._view())

    def on_log(self, event: LogEvent) -> None:
        self._figures = Text(
            f"update {event.step:,}   loss {event.loss:.3f}   {event.speed:,.0f} tokens/s   rate {event.rate:.1e}"
        )
        eta = f"{clock(event.remaining)} left"
        self._bar.update(self._task, completed=event.progress, description=f"epoch {event.epoch:.1f}", eta=eta)
        self._show()

    def on_validation(self, event: ValidationEvent) -> None:
        self._console.print(Text(validation_line(event), style="bold" if event.best else ""))
        table = Table(box=None, show_header=False, padding=(0, 1))
        for name, line in zip(("source", "output", "reference"), event.sample, strict=True):
            table.add_row(Text(name, style="dim"), Text(line))
        self._sample = table
        self._show()

    def message(self, text: str) -> None:
        self._live.start()
        self._console.print(Text(text))

    def warning(self, text: str) -> None:
        self._live.start()
        self._console.print(Text(f"warning: {text}", style="yellow"))

    def close(self) -> None:
        self._live.update(Group())
        self._live.stop()
