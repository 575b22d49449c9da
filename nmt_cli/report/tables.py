"""Evaluation results and benchmarks as tables for the terminal, or as plain text if the output is not a terminal."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from nmt_cli.config import SearchConfig
from nmt_cli.evaluation.alignment import ErrorRate
from nmt_cli.evaluation.breakdown import Bucket, DifferingSentence, WorstSentence
from nmt_cli.evaluation.calibration import ConfidenceResult
from nmt_cli.evaluation.metrics import Name
from nmt_cli.evaluation.results import Baseline, EvalResult
from nmt_cli.evaluation.scores import Scores
from nmt_cli.evaluation.significance import Test
from nmt_cli.report.console import SafeConsole

if TYPE_CHECKING:  # scoring files needs no torch
    from nmt_cli.evaluation.benchmark import Bench

LABELS: dict[Name, str] = {"bleu": "BLEU", "chrf": "chrF++", "ter": "TER (less is better)"}
SIGNATURE_NAMES: dict[Name, str] = {"bleu": "BLEU", "chrf": "chrF2++", "ter": "TER"}
"""The metric names that sacrebleu puts in front of a signature."""
TESTS: dict[Test, str] = {"bootstrap": "paired bootstrap", "randomisation": "approximate randomisation"}
ALPHA = 0.05
"""A difference is called significant if its p-value is below this."""

_COLUMN_GAP = 2
_PLAIN_WIDTH = 10_000
"""Width if the output is not a terminal: lines are not wrapped."""


def show_result(result: EvalResult, file: TextIO | None = None) -> None:
    """Print evaluation results to standard output, or to `file`."""
    _show(_parts(result), file)


def show_bench(bench: "Bench", file: TextIO | None = None) -> None:
    """Print the results of `nmt bench` to standard output, or to `file`."""
    _show(_bench_parts(bench), file)


def _show(parts: Iterable[RenderableType], file: TextIO | None) -> None:
    console = SafeConsole(file=file, highlight=False)
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    with console.capture() as captured:
        for part in parts:
            console.print(part, soft_wrap=isinstance(part, Text))
    for line in captured.get().split("\n")[:-1]:
        console.file.write((line if console.is_terminal else line.rstrip()) + "\n")


def _parts(result: EvalResult) -> Iterator[RenderableType]:
    yield _scores(result.scores)
    if result.baseline:
        test = f"{TESTS[result.baseline.test]}, {result.recipe['resamples']:,} times"
        yield Text(f"\nAgainst {result.baseline.name} ({test})", style="bold")
        yield _baseline(result.baseline, result.scores.order)
    if result.alignment:
        yield Text("\nAlignment by attention, with the reference forced, against the gold alignment", style="bold")
        yield _alignment(result.alignment)
    if result.confidence:
        yield Text("\nConfidence, calibrated on dev", style="bold")
        yield _confidence(result.confidence)
    yield Text(f"\nBy length of the {result.recipe['length_of']}", style="bold")
    yield _lengths(result.lengths)
    for rank, sentence in enumerate(result.worst):
        yield Text("" if rank else "\nWorst sentences", style="bold")
        yield _worst_sentence(sentence)
    for rank, differing in enumerate(result.baseline.differing if result.baseline else []):
        yield Text("" if rank else "\nSentences that differ most", style="bold")
        yield _differing_sentence(differing)
    yield Text("")
    for name in result.scores.order:
        yield Text(f"{SIGNATURE_NAMES[name]}|{getattr(result.scores, name).signature}", style="dim")
    yield Text(recipe_line(result.recipe), style="dim")
    for note in result.notes:
        yield Text(f"note: {note}", style="yellow")


def _table(*headers: str) -> Table:
    table = Table(box=None, padding=(0, _COLUMN_GAP, 0, 0), header_style="bold", pad_edge=False)
    table.add_column(headers[0])
    for header in headers[1:]:
        table.add_column(header, justify="right")
    return table


def _scores(scores: Scores) -> Table:
    table = _table("", "score", "95 % interval")
    for name in scores.order:
        score = getattr(scores, name)
        table.add_row(LABELS[name], f"{score.score:.2f}", f"{score.low:.2f} to {score.high:.2f}")
    return table


def _baseline(baseline: Baseline, order: tuple[Name, ...]) -> Table:
    table = _table("", "this", "baseline", "difference", "p", "")
    table.columns[-1].justify = "left"
    for name in order:
        test = baseline.metrics[name]
        result = "significant" if test.p_value < ALPHA else "not significant"
        figures = (f"{test.system:.2f}", f"{test.baseline:.2f}", f"{test.system - test.baseline:+.2f}")
        table.add_row(LABELS[name], *figures, f"{test.p_value:.4f}", result)
    return table


def _alignment(alignment: dict[str, ErrorRate]) -> Table:
    table = _table("words linked by", "error rate", "precision", "recall")
    for step, rate in alignment.items():
        table.add_row(f"their {step} step", f"{rate.aer:.3f}", f"{rate.precision:.3f}", f"{rate.recall:.3f}")
    return table


def _confidence(confidence: ConfidenceResult) -> Table:
    table = _table("", "sentences", "mean chrF++")
    for name, count, chrf in (
        ("of low confidence", confidence.low, confidence.low_chrf),
        ("others", confidence.others, confidence.other_chrf),
    ):
        table.add_row(name, f"{count:,}", "" if chrf is None else f"{chrf:.2f}")
    table.add_row("calibration error", "", f"{confidence.error:.3f}")
    return table


def _lengths(buckets: list[Bucket]) -> Table:
    table = _table("length", "sentences", "BLEU", "chrF++")
    for bucket in buckets:
        table.add_row(bucket.bounds, f"{bucket.sentences:,}", f"{bucket.bleu:.2f}", f"{bucket.chrf:.2f}")
    return table


def _bench_parts(bench: "Bench") -> Iterator[RenderableType]:
    table = _table("precision", "shortlist", "BLEU", "same lines", "weights")
    for quality in bench.quality:
        figures = (
            "" if quality.bleu is None else f"{quality.bleu:.2f}",
            f"{quality.same:.0%}",
            f"{quality.mebibytes:.1f} MiB",
        )
        table.add_row(quality.precision, str(quality.shortlist or "none"), *figures)
    yield table
    yield Text("\nSpeed", style="bold")
    table = _table("precision", "threads", "batch", "sentences/s", "subwords/s", "one line, ms", "95 %")
    fastest = max(bench.speeds, key=lambda speed: speed.sentences_per_second)
    for speed in bench.speeds:
        latency = ("", "") if speed.p50 is None else (f"{speed.p50:.1f}", f"{speed.p95:.1f}")
        columns = (f"{speed.sentences_per_second:,.1f}", f"{speed.tokens_per_second:,.0f}", *latency)
        style = "bold" if speed is fastest else None
        table.add_row(speed.precision, str(speed.threads), str(speed.batch_size), *columns, style=style)
    yield table
    yield Text("")
    parts = (bench.model, bench.text, _search(bench.search), bench.machine)
    yield Text("; ".join(parts), style="dim")


def _sentence_table(line: int, scores: str) -> Table:
    table = Table(box=None, padding=(0, _COLUMN_GAP, 0, 0), show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(f"line {line}", scores)
    return table


def _differing_sentence(sentence: DifferingSentence) -> Table:
    difference = f"{sentence.chrf - sentence.baseline_chrf:+.2f}"
    scores = f"chrF++ {sentence.chrf:.2f}, baseline {sentence.baseline_chrf:.2f}, difference {difference}"
    table = _sentence_table(sentence.line, scores)
    if sentence.source is not None:
        table.add_row("source", Text(sentence.source))
    table.add_row("output", Text(sentence.hypothesis or "(empty)"))
    table.add_row("baseline", Text(sentence.baseline or "(empty)"))
    for reference in sentence.references:
        table.add_row("reference", Text(reference))
    return table


def _worst_sentence(sentence: WorstSentence) -> Table:
    table = _sentence_table(sentence.line, f"chrF++ {sentence.chrf:.2f}")
    if sentence.source is not None:
        table.add_row("source", Text(sentence.source))
    table.add_row("output", Text(sentence.hypothesis or "(empty)"))
    for reference in sentence.references:
        table.add_row("reference", Text(reference))
    return table


def recipe_line(recipe: dict[str, Any]) -> str:
    """How the scores were computed: what was scored against what, the model's hash, the search, the counts."""
    parts = [f"{recipe['sentences']:,} sentences against {', '.join(recipe['references'])}"]
    if model := recipe.get("model"):
        parts[:0] = [" with ".join(f"{part['path']} {part['sha256'][:12]}" for part in [model, *recipe["ensemble"]])]
        parts += [f"tag {recipe['tag']}"] if recipe.get("tag") else []
        parts += [_search(recipe["search"]), model["compute"]]
    else:
        parts[:0] = [recipe["hypotheses"]]
    return "; ".join([*parts, f"Unicode {recipe['unicode']}", f"nmt {recipe['toolkit']}"])


def _search(options: dict[str, Any]) -> str:
    """Beam size and length penalty, and the other search options that differ from their defaults."""
    defaults = SearchConfig().model_dump()
    names = [name for name in options if name in ("beam_size", "length_penalty") or options[name] != defaults[name]]
    return ", ".join(f"{name.replace('_', ' ')} {options[name]}" for name in names)
