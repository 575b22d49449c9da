"""The `nmt` program: its commands, and how errors are reported.

Only the module of the requested command is imported, so that `nmt --help` is fast.
"""

import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from nmt_cli import __version__
from nmt_cli.cli.help import HelpCommand
from nmt_cli.cli.messages import show_messages
from nmt_cli.errors import NMTError
from nmt_cli.signals import interrupt_on_signals
from nmt_cli.startup import tune_gc, tune_onednn
from nmt_cli.system_errors import explain, explain_shortage
from nmt_cli.terminal import say, say_error

COMMANDS = {
    "preprocess": ("preprocess", "Clean and encode parallel text, and write a prepared corpus."),
    "train": ("train", "Train a model on a prepared corpus and write a model folder."),
    "translate": ("translate", "Translate standard input to standard output, line by line."),
    "bulk": ("bulk", "Translate a file of any size with many processes."),
    "eval": ("evaluate", "Score a translation: BLEU, chrF and TER with signatures and intervals."),
    "evaluate": ("evaluate", "Same as eval."),
    "score": ("score", "Write the log-probability of given translations, pair by pair."),
    "augment": ("augment", "Make training pairs by translation: back-translation and distillation."),
    "report": ("report", "Write a page about one model, or about several side by side."),
    "bench": ("bench", "Measure speed and quality of translation at each precision and batch size."),
    "explain": ("explain", "Show the steps of attention for one sentence, with the model's actual numbers."),
    "lab": ("lab", "Test the claims of the attention tutorials by experiment."),
    "pack": ("pack", "Write a copy of a model to give away, as a folder or a zip file."),
    "info": ("info", "Show what a prepared corpus or a model contains and how it was made."),
}
"""Command name -> (module in nmt_cli.cli, help line)."""

WRITES_FILES = {"preprocess", "train", "bulk", "augment", "report", "lab", "pack"}
"""Commands that write a folder or a file and need no standard output."""


def build(arguments: list[str]) -> typer.Typer:
    """The Typer app: the requested command in full, and a stub with a help line for each of the others."""
    app = typer.Typer(
        name="nmt",
        help="Train your own translator with attention, measure it, and see why it translates as it does.\n\n"
        "Without options, preprocess, train, translate and eval use the bundled English-Korean sample and the "
        "folders prepared and model.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    requested = next((a for a in arguments if not a.startswith("-")), None)
    for name, (module, help_line) in COMMANDS.items():
        hidden = name == "evaluate"
        if name == requested or "_NMT_COMPLETE" in os.environ:
            run = importlib.import_module(f"nmt_cli.cli.{module}").run
            app.command(name, cls=HelpCommand, help=run.__doc__, hidden=hidden)(_reporting_errors(run))
        else:
            app.command(name, help=help_line, hidden=hidden)(_stub)

    @app.callback(invoke_without_command=True)
    def root(
        version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True),
    ) -> None:
        if version:
            say(f"nmt {__version__}")
            raise typer.Exit

    return app


def _stub() -> None:
    raise AssertionError("a stub was run instead of its command")


def _reporting_errors(run: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(run)
    def wrapper(**options: object) -> None:
        with _handle_errors():  # inside the command, because Typer handles some exceptions itself
            run(**options)

    return wrapper


def main(arguments: list[str] | None = None) -> None:
    """Run the program on these arguments (by default those of the process) and exit.

    Exit status: 0 success, 1 an error that the user can fix (one line on stderr), 2 wrong usage, 130 interrupted
    (Ctrl-C, SIGTERM or SIGHUP), 141 broken pipe on standard output.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    tune_gc()
    tune_onednn()
    with _handle_errors():
        _open_streams(prints=WRITES_FILES.isdisjoint(arguments[:1]))
    interrupt_on_signals()
    show_messages()
    # UTF-8, whatever the locale; names of files that are not UTF-8 are shown
    for stream, errors in ((sys.stdin, None), (sys.stdout, "backslashreplace"), (sys.stderr, "surrogateescape")):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors=errors)
    with _handle_errors():
        build(arguments)(arguments, prog_name="nmt")


def _open_streams(prints: bool) -> None:
    """Replace closed standard streams by the null device; exit with an error if stdout is closed and the command
    `prints` its result."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:  # so that no file opened later gets handle 0, 1 or 2
        os.set_inheritable(handle, True)
    os.close(handle)
    missing = [name for name in ("stdin", "stdout", "stderr") if getattr(sys, name) is None]
    for name in missing:
        setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115
    if prints and "stdout" in missing:
        _fail("standard output is closed; the result cannot be written")


@contextmanager
def _handle_errors() -> Iterator[None]:
    """Turn exceptions into one line on stderr and an exit status."""
    try:
        yield
        sys.stdout.flush()
    except NMTError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        say_error("nmt: interrupted")
        sys.exit(130)
    except OSError as error:
        try:
            sys.stdout.flush()
        except OSError:  # so that Python does not try to flush it again at exit
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # open until exit
        if isinstance(error, BrokenPipeError):
            sys.exit(141)
        _fail(f"{error.filename or 'input/output'}: {explain(error)}")
    except (MemoryError, RuntimeError) as error:
        shortage = explain_shortage(error)
        if shortage is None:
            raise
        _fail(shortage)


def _fail(message: str) -> None:
    say_error(f"nmt: {' '.join(message.splitlines())}")
    sys.exit(1)
