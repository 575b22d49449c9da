"""The parts of the report page that need no model: charts, dev sentences over time, the history of a run."""

import math
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from nmt_cli.errors import CheckpointError
from nmt_cli.report.page.charts import LABEL_HEIGHT, LABEL_WIDTH, MOST_POINTS, WIDTH, Line, line_chart, thin
from nmt_cli.report.page.samples import samples_over_time
from nmt_cli.training.history import History, history_line, read_history


def validation(step: int, **outputs: str) -> dict[str, Any]:
    samples = [{"source": source, "reference": "a red car", "output": output} for source, output in outputs.items()]
    scores = {"dev_loss": 1.0, "dev_perplexity": 2.7, "dev_bleu": 0.0, "dev_chrf": 0.0, "attention_entropy": None}
    times = {"step": step, "epoch": 1.0, "elapsed": 60.0 * step}
    return {"kind": "validation", **times, **scores, "best": True, "samples": samples}


def chart(*lines: Line) -> str:
    drawn = line_chart("Loss", "updates", lines)
    assert drawn is not None
    return str(drawn)


def test_chart_has_a_title_a_description_and_a_marker_for_each_point() -> None:
    svg = chart(Line("dev", [(0, 3.0), (100, 2.0), (200, 1.5)]), Line("train", [(0, 4.0), (200, 1.0)], faint=True))
    assert "<title>Loss</title><desc>dev ends at 1.5; train ends at 1</desc>" in svg
    assert re.findall(r"<title>([^<]*: [^<]*)</title>", svg) == ["0: 3", "100: 2", "200: 1.5"]
    (dev, train) = re.findall(r'class="line" d="M([^"]*)"', svg)
    heights = [float(point.split()[1]) for point in dev.split("L")]
    assert heights == sorted(heights), "a falling loss falls on the page"
    places = [float(point.split()[0]) for point in (dev + "L" + train).split("L")]
    assert min(places) >= 0
    assert max(places) <= WIDTH


def test_points_without_a_finite_value_are_left_out() -> None:
    assert "nan" not in chart(Line("dev", [(0, math.nan), (1, 2.0), (2, math.inf)]))
    assert line_chart("Loss", "updates", [Line("dev", []), Line("train", [(0, math.nan)])]) is None


@pytest.mark.parametrize("ends", [[1.0] * 4, [1.0, 1.01, 5.0, 1.02], [0.0, 0.0, 10.0, 10.0]])
def test_labels_of_lines_do_not_overlap(ends: list[float]) -> None:
    svg = chart(*(Line(f"L{style}", [(0, 5.0), (100 + style, end)], style) for style, end in enumerate(ends)))
    found = re.findall(r'class="label s\d" x="([\d.]+)" y="([\d.]+)"', svg)
    assert len(found) == len(ends)
    for (x, y), (other_x, other_y) in combinations([(float(x), float(y)) for x, y in found], 2):
        assert abs(y - other_y) >= LABEL_HEIGHT or abs(x - other_x) >= LABEL_WIDTH


def test_long_lines_are_thinned_and_keep_their_mean() -> None:
    points = [(float(x), float(x % 7)) for x in range(1400)]
    thinned = thin(points)
    assert len(thinned) <= MOST_POINTS
    assert sum(y for _, y in thinned) / len(thinned) == pytest.approx(3.0)
    assert thin(points[:MOST_POINTS]) == points[:MOST_POINTS]


def test_samples_merge_outputs_that_did_not_change() -> None:
    texts = ["a car", "a red car", "a red car", "a red car", "a blue car"]
    history = History([], [validation(step, one=text) for step, text in enumerate(texts)], [])
    (sample,) = samples_over_time([None, history], "en", "nfc")
    assert (sample.source, sample.reference) == ("one", "a red car")
    nothing, outputs = sample.outputs
    assert nothing == []
    assert [(output.step, output.text, output.repeated) for output in outputs] == [
        (0, "a car", 0),
        (1, "a red car", 2),
        (4, "a blue car", 0),
    ]
    assert outputs[1].chrf == pytest.approx(100)
    assert outputs[0].chrf < 100
    assert outputs[1].minutes == 1


def test_history_is_read_by_kind_without_a_line_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    assert read_history(path, "run") == History([], [], [])
    records = [
        {"kind": "train", "step": 1, "elapsed": 1.0, "loss": 2.0},
        validation(2, one="a car"),
        {"kind": "message", "step": 2, "message": "the loss {rises}"},
        {"kind": "message", "step": 3, "message": "warning: attention is flat"},
    ]
    path.write_text("".join(history_line(record, "run") for record in records) + '{"kind": "train", "st')
    history = read_history(path, "run")
    assert [history.updates, history.validations, history.messages[:2]] == [records[:1], records[1:2], records[2:]]
    assert [(warning["step"], warning["message"]) for warning in history.warnings] == [
        (3, "attention is flat"), (3, "the last line of metrics.jsonl was cut off"),
    ]  # fmt: skip
    path.write_text("".join(history_line(record, "run") for record in records[::-1]))
    with pytest.raises(CheckpointError, match=r"metrics.jsonl: line 2 is of update 2, but follows one of update 3"):
        read_history(path, "run")
    path.write_text(history_line(records[0], "another"))
    with pytest.raises(CheckpointError, match=r"metrics.jsonl: line 1 is damaged .*; restore the file, or delete it"):
        read_history(path, "run")
