"""`nmt preprocess`."""

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nmt_cli.cli.messages import terminal_progress
from nmt_cli.cli.options import command
from nmt_cli.config import PreprocessConfig
from nmt_cli.manifest import read_kind
from nmt_cli.terminal import say, say_error

if TYPE_CHECKING:
    from rich.table import Table

    from nmt_cli.corpus.cleaning_report import CleaningReport
    from nmt_cli.corpus.manifest import PreparedManifest


@command(PreprocessConfig)
def run(config: PreprocessConfig) -> None:
    """Clean parallel text, encode it as subwords and write a prepared corpus, memory-mapped in training."""
    from nmt_cli.corpus.prepare import preprocess

    started = time.monotonic()
    try:
        outcome = preprocess(config, terminal_progress())
    except KeyboardInterrupt:
        say_error(f"nmt: interrupted; {config.out} is unchanged")
        raise SystemExit(130) from None
    if outcome.report is None:
        say(f"{config.out} is up to date: same inputs and options; --overwrite prepares it again")
    else:
        _show(outcome.report, (outcome.manifest.source, outcome.manifest.target))
        if outcome.manifest.is_weighted:
            _show_corpora(outcome.manifest)
        say(f"\n{config.out} is ready ({time.monotonic() - started:.1f} s)")
    say(f"Next: nmt train {config.out}{_parent(config)}")


def _parent(config: PreprocessConfig) -> str:
    """The option that starts from the model of --like, if it is a model."""
    return f" --from {config.like}" if config.like is not None and read_kind(config.like) == "model" else ""


def _show(report: "CleaningReport", languages: tuple[str, str]) -> None:
    """Print the findings and the size of each split as tables that fit 80 columns."""
    from nmt_cli.corpus.cleaning_report import notes
    from nmt_cli.report.console import SafeConsole

    console = SafeConsole(highlight=False, markup=False)
    say()
    if findings := _findings(report):
        columns = ("finding", "train", "dropped", "dev", "test", "example")
        console.print(_table(columns, [row for row, _ in findings]))
        say()
        for _, text in findings:
            console.print(text, overflow="ellipsis", no_wrap=True)
        say()
    if lines := notes(report):
        say("\n".join(lines) + "\n")
    source, target = languages
    rows = []
    for name, split in report.splits.items():
        sides = [(f"{side.subwords:,}", f"{side.per_word:.2f}") for side in (split.source, split.target)]
        rows.append((name, f"{split.kept:,}", *sides[0], *sides[1]))
    columns = ("split", "pairs", f"{source} subwords", "per word", f"{target} subwords", "per word")
    console.print(_table(columns, rows))


def _show_corpora(manifest: "PreparedManifest") -> None:
    """Print the training texts with their shares of an epoch."""
    from nmt_cli.corpus.weighting import draws
    from nmt_cli.report.console import SafeConsole

    rows = [
        (
            f"{corpus.name} <{corpus.tag}>" if corpus.tag else corpus.name,
            f"{corpus.pairs:,}",
            f"{corpus.weight:g}",
            f"{draws(corpus):,}",
            f"{share:.1%}",
        )
        for corpus, share in zip(manifest.corpora, manifest.shares, strict=True)
    ]
    say()
    columns = ("training text", "pairs", "weight", "draws an epoch", "share")
    SafeConsole(highlight=False, markup=False).print(_table(columns, rows))
    if all(corpus.tag for corpus in manifest.corpora):
        say(
            "every training text has a tag, so the model learns nothing about text without one, and dev and test have "
            "none: leave one text without (--tag -)"
        )


def _findings(report: "CleaningReport") -> list[tuple[tuple[str, ...], str]]:
    """For each kind of finding a table row (name, counts in train, dropped, in dev, in test, place of an example), and
    the text of the example."""
    from nmt_cli.corpus.cleaning import CHECKS

    findings = []
    for check in CHECKS:
        by_split = {name: split.finding(check.name) for name, split in report.splits.items()}
        example = next((finding.examples[0] for finding in by_split.values() if finding), None)
        if example:
            train, dev, test = (by_split[name] for name in ("train", "dev", "test"))
            counts = (train and train.found, train and train.dropped, dev and dev.found, test and test.found)
            place = f"{os.path.basename(example.file)}:{example.number}"
            sides = (side if side.isprintable() else repr(side)[1:-1] for side in (example.source, example.target))
            row = (check.name, *(f"{count or 0:,}" for count in counts), place)
            findings.append((row, f"{place}  {' | '.join(sides)}"))
    return findings


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, justify="left" if name in ("finding", "split", "example", "training text") else "right")
    for row in rows:
        table.add_row(*row)
    return table
