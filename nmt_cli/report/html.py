"""Attention as text that a browser draws: a self-contained HTML page, or an SVG picture."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from nmt_cli.report.attention_map import AttentionMap, numbered
from nmt_cli.report.heatmap import FAINT, Heatmap, lay_out, printable

_CAPTION = 26
"""Pixels above a heat map that has a caption, in a picture of several."""

_NARROWEST = 240.0


def attention_html(maps: Sequence[AttentionMap], left_out: int = 0) -> str:
    """A page that needs nothing else: a heat map a sentence, between words or, at a click, between subwords.

    `left_out` sentences are mentioned as missing.
    """
    figures = [
        {
            "number": number,
            "source_text": printable(shown.source_text),
            "target_text": printable(shown.target_text),
            "score": shown.score,
            "words": _element(_layout(shown)),
            "pieces": shown.subwords
            and 0 not in shown.shape
            and _element(lay_out(shown.subwords.source, shown.subwords.target, shown.subwords.weights)),
        }
        for number, shown in numbered(maps)
    ]
    subwords = any(figure["pieces"] for figure in figures)
    return render("attention.html", figures=figures, subwords=subwords, left_out=left_out, faint=FAINT)


def attention_svg(*maps: AttentionMap) -> str:
    """The heat maps between words as one picture, below each other; its colours follow light or dark."""
    placed, width, height = [], _NARROWEST, 0.0
    for number, shown in numbered(maps):
        layout = _layout(shown)
        caption = " ".join([str(number)] * (len(maps) > 1) + ["no words"] * (layout is None))
        height += _CAPTION if caption else 0
        placed.append((caption, height, _element(layout, height)))
        if layout:
            width, height = max(width, layout.width), height + layout.height
    return render("stack.svg", maps=placed, width=width, height=height)


def _layout(shown: AttentionMap) -> Heatmap | None:
    """None where one side is empty and there is nothing to draw."""
    return lay_out(shown.source_words, shown.target_words, shown.weights) if 0 not in shown.shape else None


def _element(layout: Heatmap | None, y: float = 0) -> Markup | None:
    return Markup(render("heatmap.svg", h=layout, y=y)) if layout else None


def render(name: str, **values: Any) -> str:
    """Fill in a template of this room."""
    templates = _templates()
    style = Markup(templates.get_template("heatmap.css").render())
    return templates.get_template(name).render(style=style, **values)


@cache
def _templates() -> jinja2.Environment:
    loader = jinja2.PackageLoader("nmt_cli.report")
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
