"""Attention as a self-contained HTML page, or as an SVG picture."""

import json
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from nmt_cli import __version__
from nmt_cli.atomic import check_writable
from nmt_cli.errors import OutputError
from nmt_cli.report.attention_data import attention_data
from nmt_cli.report.attention_map import AttentionMap, ModelLabel, numbered
from nmt_cli.report.heatmap import CAPTION_HEIGHT, FAINT, MIN_WIDTH, Heatmap, layout_words, printable

GENERATOR = '<meta name="generator" content="nmt '
"""What the head of every page holds, before the version."""
HEAD = 1024
"""Bytes at the start of a page that hold GENERATOR."""
STATIC = 50
"""Sentences that the page shows without JavaScript."""


def attention_html(maps: Sequence[AttentionMap], left_out: int = 0, model: ModelLabel | None = None) -> str:
    """A self-contained page with a heat map for each sentence, between words or, at a click, between subwords.

    The page draws a heat map when it is scrolled to, searches and sorts. Without JavaScript it shows the first
    sentences. It names the model, and states `left_out`, the number of further sentences, unless it is 0.
    """
    static = [
        {
            "number": number,
            "score": attention.score,
            "confidence": attention.confidence,
            "source_text": printable(attention.source_text),
            "target_text": printable(attention.target_text),
            "svg": _element(layout_words(attention)),
        }
        for number, attention in numbered(maps[:STATIC])
    ]
    return render(
        "attention.html",
        "attention.js",
        count=len(maps),
        static=static,
        data=embedded_json(attention_data(maps)),
        subwords=any(attention.subwords for attention in maps),
        scores=any(attention.score is not None for attention in maps),
        confidences=any(attention.confidence is not None for attention in maps),
        left_out=left_out,
        model=None if model is None else printable(f"{model.name} ({model.hash})"),
        languages=("", "") if model is None else (printable(model.source), printable(model.target)),
        faint=FAINT,
    )


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


def check_page(path: Path, option: str, overwrite: bool) -> None:
    """Check before any work is done that the page of an `option` can be written. Raises OutputError if that is another
    file and may not be overwritten, and what `check_writable` raises."""
    check_writable(path)
    if path.is_file() and not overwrite and not is_page(path):
        raise OutputError(
            f"{path}: already exists and is not a page of nmt; choose another {option}, or use --overwrite"
        )


def is_page(path: Path) -> bool:
    """Whether a file is a page that nmt wrote."""
    with open(path, "rb") as file:
        return GENERATOR.encode() in file.read(HEAD)


def render(name: str, script: str | None = None, **values: Any) -> str:
    """Render a template of this package.

    With `script`, the name of a JavaScript file beside it, the template gets the file's content as `script`, and as
    `policy` a content security policy that lets a browser run this script only, and load nothing.
    """
    templates = _templates()
    style = Markup(_source("heatmap.css"))
    if script is not None:
        content = _source(script)
        digest = b64encode(sha256(content.encode()).digest()).decode()
        policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
        values |= {"script": Markup(content), "policy": policy}
    return templates.get_template(name).render(style=style, version=__version__, **values)


def embedded_json(content: object) -> Markup:
    """JSON for a `<script type="application/json">` of a page, which no text in it can end."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.translate({ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}))


@cache
def _source(name: str) -> str:
    """The text of a file beside the templates."""
    return files("nmt_cli.report").joinpath("templates", name).read_text("utf-8")


@cache
def _templates() -> jinja2.Environment:
    loader = jinja2.PackageLoader("nmt_cli.report")
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
