"""Help of a command: `-h` shows on one screen what people usually set, `--help-all` every option."""

import re
import shutil
import textwrap
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperCommand

USUAL = {
    "preprocess": (
        "train",
        "dev",
        "test",
        "source",
        "target",
        "out",
        "overwrite",
        "keep",
        "vocabulary_size",
        "like",
        "threads",
    ),
    "train": (
        *("prepared", "out", "from_", "resume", "overwrite", "max_minutes", "max_steps", "preset", "attention"),
        *("hidden_size", "dropout", "learning_rate", "metric", "device"),
    ),
    "translate": (
        *("source_files", "model", "out", "beam_size", "n_best", "output_format", "alignment", "attention"),
        *("receipt", "precision"),
    ),
    "bulk": ("source_file", "model", "out", "overwrite", "workers", "beam_size", "receipt", "precision"),
    "eval": (
        *("source_file", "reference", "model", "split", "hypotheses", "baseline", "beam_size", "worst", "html"),
        "json",
    ),
    "score": ("pairs", "model", "out", "overwrite", "per_subword", "output_format"),
    "augment": (
        *("text", "pairs", "model", "out", "overwrite", "tag", "keep_all", "workers", "beam_size", "receipt"),
        "precision",
    ),
    "report": ("model", "out", "overwrite", "worst", "split", "prepared", "source_file", "reference", "beam_size"),
    "bench": ("model", "source_file", "reference", "precision", "batch_size", "threads", "lines", "shortlist", "json"),
    "explain": ("sentence", "model", "translation", "summary", "html", "beam_size"),
    "lab": ("experiment", "quick", "prepared", "out", "seeds"),
    "pack": ("model", "out", "licence", "prepared", "overwrite"),
    "info": ("path", "all", "json"),
}
"""The options that `-h` shows, in this order."""

EXAMPLES = {
    "preprocess": ("--train data/train --dev data/dev --test data/test --source en --target de",),
    "train": (
        "prepared --out model --max-minutes 30",
        "--out model --resume --max-minutes 60",
        "prepared-medical --from model --out adapted",
    ),
    "translate": ("-m model < in.en > out.de", "-m model in.en.gz -o out.de --attention page.html"),
    "bulk": ("in.en -m model --out out.de",),
    "eval": ("-m model", "-m model in.en --reference in.de", "-m model --baseline other-model"),
    "score": ("--pairs data/train -m model --out train.scores",),
    "augment": (
        "-m de-en --text mono.de --out back --tag bt",
        "-m teacher --pairs data/train --out taught",
    ),
    "report": ("model", "model other-model --out report.html"),
    "bench": ("model --batch-size 64 --threads 1", "model in.en --reference in.de"),
    "explain": ('"The teacher reads a book." --html page.html',),
    "lab": ("gradient --quick", "length"),
    "pack": ('model en-de.zip --licence "CC BY 4.0"',),
    "info": ("model",),
}

NARROW = 80
"""Terminals with fewer columns get each description below its option."""
INDENT = 24
ALL = "nmt_cli.help_all"
"""Key of `ctx.meta` that asks for the long help."""


class HelpCommand(TyperCommand):
    """A command with two lengths of help."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help for the terminal's width."""
        width = min(max(shutil.get_terminal_size().columns, 40), 120)
        formatter.write("\n".join(self._lines(ctx, width)) + "\n")

    def _lines(self, ctx: Any, width: int) -> Iterator[str]:
        name = "eval" if ctx.info_name == "evaluate" else ctx.info_name
        yield from _wrap(" ".join(["Usage:", ctx.command_path, *self.collect_usage_pieces(ctx)]), width)
        whole = bool(ctx.meta.get(ALL))
        paragraphs = (self.help or "").split("\n\n")
        for paragraph in paragraphs if whole else paragraphs[:2]:
            yield ""
            yield from _wrap(paragraph, width)
        parameters = {parameter.name: parameter for parameter in self.get_params(ctx) if parameter.name != "help"}
        if whole:
            groups: dict[str, list[Any]] = {}
            for parameter in parameters.values():
                groups.setdefault(getattr(parameter, "rich_help_panel", None) or "Arguments", []).append(parameter)
        else:
            groups = {"Options": [parameters[usual] for usual in USUAL[name]]}
        for title, group in groups.items():
            yield from ("", typer.style(f"{title}:", bold=True))
            for parameter in group:
                yield from _entry(parameter, width, whole)
        yield from ("", typer.style("Examples:", bold=True))
        yield from (f"  {ctx.command_path} {example}" for example in EXAMPLES[name])
        if not whole:
            hidden = len(parameters) - len(groups["Options"])
            yield from ("", *_wrap(f"{ctx.command_path} --help-all shows {hidden} more options.", width))


def show_all(ctx: typer.Context, value: bool) -> None:
    """Callback of --help-all: print the long help and exit."""
    if value:
        ctx.meta[ALL] = True
        typer.echo(ctx.get_help())
        raise typer.Exit


def _entry(parameter: Any, width: int, whole: bool) -> Iterator[str]:
    """An option and its description, or the first sentence of it, beside each other if there is room."""
    flags = f"  {_flags(parameter)}"
    description = getattr(parameter, "help", None) or ""
    if not whole:
        first, *_ = re.split(r"(?<=\.) ", description)
        default = re.search(r" \[default: [^]]*\]$", description)
        description = first + (default[0] if default and default[0] not in first else "")
    if width < NARROW:
        yield flags
        yield from _wrap(description, width, " " * 6)
        return
    lines = _wrap(description, width - INDENT) or [""]
    if len(flags) <= INDENT - 2:
        yield f"{flags:<{INDENT}}{lines.pop(0)}"
    else:
        yield flags
    yield from (" " * INDENT + line for line in lines)


def _flags(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    names = "/".join([", ".join(sorted(parameter.opts, key=len)), *parameter.secondary_opts])
    return f"{names} {parameter.metavar}" if parameter.metavar else names


def _wrap(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
