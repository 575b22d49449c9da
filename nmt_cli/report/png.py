"""Attention as a PNG, drawn by matplotlib with the fonts installed on this machine.

A PNG needs an installed font that has the characters: for Hangul, Noto Sans CJK KR, Malgun Gothic, Apple SD Gothic Neo
or NanumGothic. Without one they are drawn as boxes, and a warning is logged; .html and .svg need no installed font.
"""

import io
import warnings
from collections.abc import Iterable, Sequence

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nmt_cli.progress import logger
from nmt_cli.report.attention_map import AttentionMap, numbered
from nmt_cli.report.heatmap import CAPTION_HEIGHT, MIN_WIDTH, Heatmap, layout_words

FONTS = (
    "Noto Sans",
    "DejaVu Sans",
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "NanumGothic",
    "Noto Sans CJK JP",
)
"""Tried in this order for every character."""

_DPI = 144
_INCH = 80.0
"""Pixels of the layout per inch."""
_SIZE = 9
_MARGIN = 8.0


def attention_png(maps: Sequence[AttentionMap]) -> bytes:
    """The heat maps between words, numbered, one below the other, as the bytes of a PNG file."""
    layouts = [layout_words(attention) for attention in maps]
    not_empty = [layout for layout in layouts if layout]
    width = max((layout.width for layout in not_empty), default=MIN_WIDTH)
    height = CAPTION_HEIGHT * len(maps) + sum(layout.height for layout in not_empty)
    figure = Figure(figsize=(width / _INCH, max(height, CAPTION_HEIGHT) / _INCH), dpi=_DPI)
    content = io.BytesIO()
    _warn_missing(not_empty)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # matplotlib warns of every missing character
        above = 0.0
        for (number, attention), layout in zip(numbered(maps), layouts, strict=True):
            above += CAPTION_HEIGHT
            caption = f"{number}" if layout else f"{number} no words"
            figure.text(_MARGIN / width, 1 - (above - _MARGIN) / height, caption, color="#57606a", size=_SIZE)
            if layout:
                rows, columns = attention.shape
                box = (layout.left, above + layout.top, layout.side * columns, layout.side * rows)
                _draw(figure.add_axes(_relative(box, width, height)), attention, layout)
                above += layout.height
        figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _relative(box: tuple[float, float, float, float], width: float, height: float) -> tuple[float, float, float, float]:
    """A box (left, top, width, height) in pixels -> (left, bottom, width, height) as shares of the figure, for
    matplotlib."""
    x, y, across, down = box
    return x / width, 1 - (y + down) / height, across / width, down / height


def _draw(axes: Axes, attention: AttentionMap, layout: Heatmap) -> None:
    rows, columns = attention.shape
    axes.imshow(attention.weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(columns), [label.text for label in layout.columns])
    axes.set_yticks(range(rows), [label.text for label in layout.rows])
    axes.set_xticks([i - 0.5 for i in range(1, columns)], minor=True)
    axes.set_yticks([j - 0.5 for j in range(1, rows)], minor=True)
    axes.grid(which="minor", color="white", linewidth=0.6)
    axes.tick_params(which="both", length=0, top=True, bottom=False, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    fonts = _available_fonts()
    for label in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
        label.set(family=fonts, parse_math=False, size=_SIZE)
    for label in axes.get_xticklabels():
        label.set(rotation=45, ha="left", va="bottom", rotation_mode="anchor")


def _available_fonts() -> list[str]:
    return sorted(set(FONTS) & set(font_manager.get_font_names()), key=FONTS.index)


def _warn_missing(layouts: Iterable[Heatmap]) -> None:
    """Warn of characters that none of the fonts has."""
    paths = [font_manager.findfont(font_manager.FontProperties(family=name)) for name in _available_fonts()]
    fonts = [font_manager.get_font(path) for path in paths]
    texts = (label.text for layout in layouts for label in (*layout.rows, *layout.columns))
    missing = {c for text in texts for c in text if not any(font.get_char_index(ord(c)) for font in fonts)}
    if missing:
        logger.warning(
            f"{len(missing)} characters of the picture are in no installed font and are drawn as boxes; install a font "
            "that has them (Noto Sans CJK), or write .html or .svg instead"
        )
