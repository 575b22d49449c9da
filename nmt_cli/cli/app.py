"""The program: which commands there are, and how mistakes reach the user.

Only the module of the command that was asked for is imported, so that `nmt --help` answers at once.
"""

import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from nmt_cli import __version__
from nmt_cli.errors import NMTError
from nmt_cli.startup import tune_gc, tune_onednn

COMMANDS = {
    "preprocess": ("preprocess", "Raw parallel text -> a prepared, checked, memory-mapped corpus."),
    "train": ("train", "A prepared corpus -> a self-contained model folder."),
    "translate": ("translate", "Standard input to standard output, one line out for every line in."),
    "bulk": ("bulk", "A file of any size, translated by many processes."),
    "eval": ("evaluate", "BLEU, chrF and TER with signatures, intervals and a table by length."),
    "evaluate": ("evaluate", "The same as eval."),
    "bench": ("bench", "How fast a model translates on this machine, and what each way costs."),
    "explain": ("explain", "The steps of attention for one sentence, with the model's real numbers."),
    "lab": ("lab", "The claims of the tutorials on attention, put to the test."),
    "info": ("info", "What a prepared corpus or a model is and where it came from."),
}
"""Command name -> (module in nmt_cli.cli, one line of help)."""

SILENT = {"preprocess", "train", "bulk", "lab"}
"""Commands whose result is a folder or a file, not what they print."""


def build(arguments: list[str]) -> typer.Typer:
    """The Typer app, with the whole of the asked-for command and a line for each of the others."""
    app = typer.Typer(
        name="nmt",
        help="Train your own translator with attention, measure it, and see why it translates as it does.\n\n"
        "Each command works without options, on the bundled English-Korean sample.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    asked = next((a for a in arguments if not a.startswith("-")), None)
    for name, (module, help_line) in COMMANDS.items():
        hidden = name == "evaluate"
        if name == asked or "_NMT_COMPLETE" in os.environ:
            run = importlib.import_module(f"nmt_cli.cli.{module}").run
            app.command(name, help=run.__doc__, hidden=hidden)(_telling(run))
        else:
            app.command(name, help=help_line, hidden=hidden)(_stub)

    @app.callback(invoke_without_command=True)
    def root(
        version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True),
    ) -> None:
        if version:
            print(f"nmt {__version__}")
            raise typer.Exit

    return app


def _stub() -> None:
    raise AssertionError("a command that was not asked for was run")


def _telling(run: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(run)
    def told(**given: object) -> None:
        with _handle_errors():  # in here, because Typer has ways of its own with some of them
            run(**given)

    return told


def main(arguments: list[str] | None = None) -> None:
    """Run the program on these arguments (by default the process's own) and exit.

    Exit status: 0 done, 1 a mistake that the user can mend (one line on stderr), 2 wrong usage, 130 interrupted
    (Ctrl-C or SIGTERM), 141 the reader of the output has left.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    tune_gc()
    tune_onednn()
    _open_streams(prints=SILENT.isdisjoint(arguments[:1]))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does, and clears half-done work away
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # whatever the locale says, text is UTF-8 here
            stream.reconfigure(encoding="utf-8", errors="surrogateescape" if stream is sys.stderr else None)
    with _handle_errors():
        build(arguments)(arguments, prog_name="nmt")


def _open_streams(prints: bool) -> None:
    """A program may be started without its standard streams: nothing is read then, and what it says is dropped, but
    a result that nobody can have is an error."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:  # so that no file of ours takes their place
        os.set_inheritable(handle, True)
    os.close(handle)
    missing = [name for name in ("stdin", "stdout", "stderr") if getattr(sys, name) is None]
    for name in missing:
        setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115
    if prints and "stdout" in missing:
        _fail("standard output is closed; there is nowhere to write to")


@contextmanager
def _handle_errors() -> Iterator[None]:
    """What went wrong becomes one line on stderr and an exit status."""
    try:
        yield
        sys.stdout.flush()
    except NMTError as error:
        _fail(" ".join(str(error).split("\n")))
    except KeyboardInterrupt:
        print("nmt: interrupted", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        try:
            sys.stdout.flush()
        except OSError:  # what could not be written is not tried again at exit
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # held until then
        if isinstance(error, BrokenPipeError):
            sys.exit(141)
        _fail(f"{error.filename or 'input/output'}: {error.strerror or error}")


def _fail(message: str) -> None:
    print(f"nmt: {message}", file=sys.stderr)
    sys.exit(1)
