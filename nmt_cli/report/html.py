"""Attention as a self-contained HTML page, or as an SVG picture."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from nmt_cli.report.attention_map import AttentionMap, numbered
from nmt_cli.report.heatmap import CAPTION_HEIGHT, FAINT, MIN_WIDTH, Heatmap, layout_heatmap, layout_words, printable


def attention_html(maps: Sequence[AttentionMap], left_out: int = 0) -> str:
    """A self-contained page with a heat map for each sentence, between words or, at a click, between subwords.

    The page also states `left_out`, the number of further sentences, unless it is 0.
    """
    figures = [
        {
            "number": number,
            "source_text": printable(attention.source_text),
            "target_text": printable(attention.target_text),
            "score": attention.score,
            "words": _element(layout_words(attention)),
            "pieces": attention.subwords
            and 0 not in attention.shape
            and _element(
                layout_heatmap(attention.subwords.source, attention.subwords.target, attention.subwords.weights)
            ),
        }
        for number, attention in numbered(maps)
    ]
    subwords = any(figure["pieces"] for figure in figures)
    return render("attention.html", figures=figures, subwords=subwords, left_out=left_out, faint=FAINT)


def attention_svg(*maps: AttentionMap) -> str:
    """The heat maps between words in one picture, one below the other, with colours for light and for dark mode."""
    placed, width, height = [], MIN_WIDTH, 0.0
    for number, attention in numbered(maps):
        layout = layout_words(attention)
        caption = " ".join([str(number)] * (len(maps) > 1) + ["no words"] * (layout is None))
        height += CAPTION_HEIGHT if caption else 0
        placed.append((caption, height, _element(layout, height)))
        if layout:
            width, height = max(width, layout.width), height + layout.height
    return render("stack.svg", maps=placed, width=width, height=height)


def _element(layout: Heatmap | None, y: float = 0) -> Markup | None:
    return Markup(render("heatmap.svg", h=layout, y=y)) if layout else None


def render(name: str, **values: Any) -> str:
    """Render a template of this package."""
    templates = _templates()
    style = Markup(templates.get_template("heatmap.css").render())
    return templates.get_template(name).render(style=style, **values)


@cache
def _templates() -> jinja2.Environment:
    loader = jinja2.PackageLoader("nmt_cli.report")
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
