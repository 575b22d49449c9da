"""Layout of an attention heat map: the position of each label and cell."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

from nmt_cli.report.attention_map import AttentionMap

FAINT = 0.005
"""Cells below this weight are left blank: their colour would look like the background."""

CAPTION_HEIGHT = 26.0
"""Height in pixels of the caption above a heat map, in a picture of several."""

MIN_WIDTH = 240.0
"""Minimum width in pixels of a picture."""

_LONGEST_LABEL = 15.0
"""The longest label, in widths of a wide (CJK) character; longer ones are cut and end in an ellipsis."""

_GAP = 6.0
"""Pixels between a label and the cells."""

_SLANT = 0.71
"""Sine and cosine of the angle of the source labels, 45 degrees."""

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Label:
    """A word, shortened and `whole`, and the point where its text ends (target) or begins (source)."""

    x: float
    y: float
    text: str
    whole: str


@dataclass(frozen=True)
class Cell:
    """One weight: the top left corner of its square, and its tooltip."""

    x: int
    y: int
    weight: str
    title: str


@dataclass(frozen=True)
class Heatmap:
    """A heat map with source words across and target words down. Lengths are in pixels."""

    width: int
    height: int
    left: int
    top: int
    side: int
    font: int
    columns: Sequence[Label]
    rows: Sequence[Label]
    cells: Sequence[Cell]
    grid: str
    """SVG path of the lines between cells."""


def printable(text: str) -> str:
    """Text that is valid in HTML and XML: control characters and surrogates are replaced by U+FFFD."""
    return _UNPRINTABLE.sub("\ufffd", text)


def layout_words(attention: AttentionMap) -> Heatmap | None:
    """The layout of the heat map between words; None if one side has no words."""
    if 0 in attention.shape:
        return None
    return layout_heatmap(attention.source_words, attention.target_words, attention.weights)


def layout_heatmap(source: Sequence[str], target: Sequence[str], weights: npt.ArrayLike) -> Heatmap:
    """Compute the positions of the labels and cells of a (T, S) matrix.

    Raises ValueError unless the matrix has a row for every target word and a column for every source word.
    """
    matrix = np.asarray(weights, dtype=np.float64).reshape(len(target), len(source))
    longest = max(matrix.shape)
    side, font = (28, 13) if longest <= 20 else (21, 12) if longest <= 40 else (17, 11)
    across, down = [_shorten(word) for word in source], [_shorten(word) for word in target]
    left = ceil(max(map(_ems, down)) * font + 2 * _GAP)
    slanted = max(map(_ems, across)) * font * _SLANT
    top = ceil(slanted + font * _SLANT + 2 * _GAP)
    right = max((i + 0.5) * side + _ems(word) * font * _SLANT for i, word in enumerate(across))
    width, height = side * len(source), side * len(target)
    return Heatmap(
        width=round(left + max(width, right) + 2 * _GAP),
        height=round(top + height + _GAP),
        left=left,
        top=top,
        side=side,
        font=font,
        columns=[
            Label(round(left + (i + 0.5) * side + font * 0.2, 1), round(top - _GAP, 1), word, printable(source[i]))
            for i, word in enumerate(across)
        ],
        rows=[
            Label(round(left - _GAP, 1), round(top + (j + 0.5) * side, 1), word, printable(target[j]))
            for j, word in enumerate(down)
        ],
        cells=_cells(matrix, (source, target), (left, top, side)),
        grid=_grid(matrix.shape, (left, top, side)),
    )


def _cells(
    matrix: npt.NDArray[np.float64], words: tuple[Sequence[str], Sequence[str]], origin: tuple[int, int, int]
) -> list[Cell]:
    left, top, side = origin
    return [
        Cell(
            x=left + i * side,
            y=top + j * side,
            weight=f"{min(matrix[j, i], 1.0):.3g}",
            title=printable(f"{words[0][i]} → {words[1][j]}: {matrix[j, i]:.2f}"),
        )
        for j, i in zip(*map(np.ndarray.tolist, np.nonzero(matrix >= FAINT)), strict=True)
    ]


def _grid(shape: tuple[int, ...], origin: tuple[int, int, int]) -> str:
    left, top, side = origin
    rows, columns = shape
    down = "".join(f"M{left + i * side} {top}v{rows * side}" for i in range(columns + 1))
    return down + "".join(f"M{left} {top + j * side}h{columns * side}" for j in range(rows + 1))


def _ems(text: str) -> float:
    """Approximate width of a text in a proportional font, in widths of a wide character."""
    return sum(_em(character) for character in text)


def _em(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF" or character == "\ufffd":
        return 1.0
    return 0.75 if character.isupper() or character in "mwMW@%—▁" else 0.56


def _shorten(word: str) -> str:
    word = printable(word)
    if _ems(word) <= _LONGEST_LABEL:
        return word
    while _ems(word) > _LONGEST_LABEL - 1:
        word = word[:-1]
    return word + "…"
