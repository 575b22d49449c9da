"""Plots as image files and as text."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from nmt_cli.report.curves import COLOURS, MARKERS, Curve, Plot, plot_text, write_plots

RISING = Curve("rising", [1, 2, 3], [0.0, 0.5, 1.0])
FALLING = Curve("falling", [1, 2, 3], [1.0, 0.5, 0.0], low=[0.9, 0.4, 0.0], high=[1.0, 0.6, 0.1])


def test_a_text_plot_places_its_points_on_the_grid() -> None:
    lines = plot_text(Plot("title", "epoch", "accuracy", [RISING, FALLING]), width=40, height=5).split("\n")
    assert lines[0] == "accuracy: title"
    grid = [line[10:].ljust(30) for line in lines[1:6]]
    assert (grid[0][0], grid[0][29]) == ("x", "o")
    assert (grid[4][0], grid[4][29]) == ("o", "x")
    assert grid[2][14] in "ox"
    assert lines[1].startswith("       1 │")
    assert lines[5].startswith("       0 │")
    assert lines[-1] == "o rising   x falling"
    assert lines[-2].rstrip().endswith("epoch 3")
    assert all(len(line) <= 40 for line in lines)


def test_a_log_axis_spaces_powers_of_ten_evenly() -> None:
    text = plot_text(Plot("t", "x", "y", [Curve("c", [0, 1, 2, 3], [1.0, 0.1, 0.01, 0.0])], log=True), 40, 5)
    rows = [number for number, line in enumerate(text.split("\n")[1:6]) if "o" in line]
    assert rows == [0, 2, 4]  # zero has no logarithm and is left out


@pytest.mark.parametrize("y", [[], [float("nan")]])
def test_a_plot_without_points_says_so(y: list[float]) -> None:
    assert "nothing to draw" in plot_text(Plot("t", "x", "y", [Curve("c", range(len(y)), y)]))


def test_a_single_point_and_a_constant_curve_are_drawn() -> None:
    assert "o" in plot_text(Plot("t", "x", "y", [Curve("c", [5], [2.0])]))
    assert plot_text(Plot("t", "x", "y", [Curve("c", [1, 2], [2.0, 2.0])])).count("o") >= 2


def test_image_files_are_reproducible(tmp_path: Path) -> None:
    plots = [Plot("one", "x", "y", [RISING, FALLING], threshold=0.98), Plot("two", "x", "y", [RISING], log=True)]
    first = [path.read_bytes() for path in write_plots(plots, tmp_path / "a")]
    assert first == [path.read_bytes() for path in write_plots(plots, tmp_path / "b")]
    with Image.open(tmp_path / "a.png") as image:
        assert image.size[0] > 1000
    assert "svg" in ET.fromstring(first[1]).tag


def test_a_picture_of_many_long_curves_is_small(tmp_path: Path) -> None:
    x = range(50)
    curves = [Curve(f"curve {k}", x, [epoch / (k + epoch) for epoch in x]) for k in range(1, len(COLOURS) + 1)]
    _, svg = write_plots([Plot(title, "epoch", "accuracy", curves) for title in ("one", "two")], tmp_path / "a")
    assert svg.stat().st_size < 60_000
    drawn = svg.read_text(encoding="utf-8")
    assert drawn.count(f">curve {len(MARKERS)}</text>") == 2
    assert max(len(part) for path in re.findall(r' d="([^"]+)"', drawn) for part in re.findall(r"\.(\d+)", path)) == 2


def test_labels_keep_their_decimals(tmp_path: Path) -> None:
    _, svg = write_plots([Plot("0.12345", "x", "y", [Curve("c", [0, 1], [0.001, 0.004])])], tmp_path / "a")
    assert {"0.12345", "0.0010", "0.0040"} <= set(re.findall(r">([\d.]+)</text>", svg.read_text(encoding="utf-8")))


def test_the_axis_starts_at_zero_unless_differences_are_small() -> None:
    """A weight of 0.0002 beside one of 0.8 is drawn at zero; accuracies of 0.98 and 0.99 are drawn apart."""
    low = plot_text(Plot("t", "x", "y", [Curve("c", [0, 1], [0.0002, 0.8])]), 40, 5).split("\n")
    near = plot_text(Plot("t", "x", "y", [Curve("c", [0, 1], [0.98, 0.99])]), 40, 5).split("\n")
    assert low[5].split()[0] == "0"
    assert plot_text(Plot("t", "x", "y", [Curve("c", [0, 1], [0.0, 0.992])])).split("\n")[14].split()[0] == "0"
    assert near[5].split()[0] == "0.98"


def test_a_categorical_axis_is_labelled_and_its_points_are_not_joined(tmp_path: Path) -> None:
    plot = Plot(
        "t", "order", "BLEU", [Curve("c", [0, 1], [3.0, 5.0], [2.0, 4.0], [4.0, 6.0])], xticks=["forth", "back"]
    )
    assert "order: forth, back" in plot_text(plot, 60, 5)
    write_plots([plot], tmp_path / "figure")
    svg = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert ">forth</text>" in svg
    assert ">back</text>" in svg
    joined, band = "stroke-width: 1.6; stroke-line", 'id="FillBetweenPolyCollection'
    write_plots([replace(plot, xticks=None)], tmp_path / "measured")
    for element in (joined, band):
        assert element not in svg
        assert element in (tmp_path / "measured.svg").read_text(encoding="utf-8")
