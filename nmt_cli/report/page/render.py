"""Writes the report page: one file, without scripts, that needs no network."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from nmt_cli.atomic import write_atomic
from nmt_cli.report.attention_map import AttentionMap
from nmt_cli.report.heatmap import FAINT, layout_words, printable
from nmt_cli.report.html import render
from nmt_cli.report.page.charts import Line, line_chart
from nmt_cli.report.page.record import CorpusRecord, Report, System
from nmt_cli.report.page.rows import length_rows, model_rows, option_rows, score_rows
from nmt_cli.report.page.samples import samples_over_time
from nmt_cli.report.tables import LABELS, SIGNATURE_NAMES, TESTS, recipe_line

CHARTS = (("dev_bleu", "BLEU on dev"), ("dev_chrf", "chrF++ on dev"))
"""The scores of a validation that are drawn, and their names."""


def write_page(report: Report, path: Path) -> None:
    """Write the page atomically."""
    write_atomic(path, page_html(report))


def page_html(report: Report) -> str:
    """The page as HTML."""
    systems = report.systems
    scored = [system for system in systems if system.result]
    models = [system.model for system in systems if system.model]
    unicode = models[0].manifest.unicode if models else "nfc"
    result = scored[0].result if scored else None
    histories = [system.model.history if system.model else None for system in systems]
    values: dict[str, Any] = {
        "systems": systems,
        "scored": scored,
        "result": result,
        "models": models,
        "names": [system.name for system in systems if system.model],
        "languages": report.languages,
        "notes": report.notes,
        "model_rows": model_rows(models) if models else [],
        "charts": [("updates", _charts(systems, minutes=False)), ("minutes", _charts(systems, minutes=True))],
        "samples": samples_over_time(histories, report.languages[1], unicode),
        "scores": [(LABELS[name], score_rows(systems, name)) for name in result.scores.order] if result else [],
        "signatures": SIGNATURE_NAMES,
        "indices": [index for index, system in enumerate(systems) if system.result],
        "lengths": length_rows(systems),
        "corpora": _corpora(systems),
        "options": option_rows(models) if models else [],
        "pictured": any(shown.attention for system in systems for shown in (*system.worst, *system.least_confident)),
        "letter_of": letter_of,
        "heatmap": _heatmap,
        "recipe_line": recipe_line,
        "tests": TESTS,
        "faint": FAINT,
        "printable": printable,
    }
    values["sections"] = [section for section in _sections(values) if section]
    return render("report/page.html", **values)


def _sections(values: dict[str, Any]) -> list[tuple[str, str] | None]:
    """The id and the title of each section that has something to show, in order."""
    scored = values["scored"]
    compared = [system.result.baseline for system in scored if system.result.baseline]
    shown: list[tuple[str, str, Any]] = [
        ("models", "Models" if len(values["models"]) > 1 else "Model", values["models"]),
        ("scores", "Scores", scored),
        ("health", "Health", values["models"]),
        ("curves", "Training curves", values["charts"][0][1]),
        ("samples", "Dev sentences as they improved", values["samples"]),
        ("lengths", "Scores by length", scored),
        ("differing", "Sentences that differ most", any(each.differing for each in compared)),
        ("worst", "Worst sentences", any(system.worst for system in scored)),
        ("unsure", "Least confident sentences", any(system.least_confident for system in scored)),
        ("data", "Training data", values["models"]),
        ("options", "Options", values["options"]),
    ]
    return [(name, title) for name, title, content in shown if content]


def _charts(systems: Sequence[System], minutes: bool) -> list[tuple[str, Markup]]:
    """Loss and scores of all models over updates, or over minutes."""
    histories = [(style, each.name, each.model.history) for style, each in enumerate(systems) if each.model]
    several = len(histories) > 1

    def x(record: dict[str, Any]) -> float:
        return float(record["elapsed"]) / 60 if minutes else float(record["step"])

    losses: list[Line] = []
    scores: dict[str, list[Line]] = {key: [] for key, _ in CHARTS}
    highest = max((each["dev_loss"] for *_, history in histories for each in history.validations), default=math.inf)
    for style, _, history in histories:
        letter = f"{letter_of(style)} " if several else ""
        updates = [(x(record), record["loss"]) for record in history.updates if record["loss"] <= highest]
        losses.append(Line(f"{letter}train", updates, style, faint=True))
        losses.append(Line(f"{letter}dev", [(x(each), each["dev_loss"]) for each in history.validations], style))
        for key, lines in scores.items():
            points = [(x(record), record[key]) for record in history.validations]
            lines.append(Line(f"{letter}{points[-1][1]:.1f}" if points else "", points, style))
    unit = "minutes" if minutes else "updates"
    drawn = [("Loss, nats per subword", line_chart("Loss", unit, losses))]
    drawn += [(title, line_chart(title, unit, scores[key])) for key, title in CHARTS]
    return [(title, chart) for title, chart in drawn if chart]


def letter_of(index: int) -> str:
    """The letter of a system in charts and tables: A for the first."""
    return chr(ord("A") + index % 26)


def _corpora(systems: Sequence[System]) -> list[tuple[list[str], CorpusRecord]]:
    """Each corpus once, with the names of the models that were trained on it."""
    corpora: dict[str, tuple[list[str], CorpusRecord]] = {}
    for system in systems:
        if system.model and system.model.corpus:
            corpora.setdefault(system.model.manifest.corpus, ([], system.model.corpus))[0].append(system.name)
    return list(corpora.values())


def _heatmap(attention: AttentionMap) -> Markup | None:
    """The attention between words as an SVG element; None if one side has no words."""
    layout = layout_words(attention)
    return Markup(render("heatmap.svg", h=layout, y=0)) if layout else None
