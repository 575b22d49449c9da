"""The display of training progress on the terminal."""

from dataclasses import replace

import pytest

from nmt_cli.cli.display import TrainingDisplay, sparkline
from nmt_cli.cli.messages import show_messages
from nmt_cli.decoding.confidence import Calibration
from nmt_cli.training.callbacks import Callback, LogCallback, LogEvent, ValidationEvent
from nmt_cli.training.validation import Validation

REPORT = LogEvent(
    step=1200, epoch=2.5, loss=3.21, speed=9876.0, rate=3e-3, norm=0.5, clipped=0.1, progress=0.25, elapsed=60.0,
    remaining=180.0,
)  # fmt: skip
CALIBRATION = Calibration(threshold=40.0, intercept=-4.0, slope=-4.0, floor=0.3, sentences=500)
VALIDATION = ValidationEvent(
    step=1200, epoch=2.5, elapsed=61.0,
    validation=Validation(2.0, 23.456, 45.6, 0.4, ["나는 [b]집에[/b] 간다"], 1.0, CALIBRATION),
    metric="chrf", best=True, samples=[("I go home", "나는 [b]집에[/b] 간다", "나는 집에 간다")],
)  # fmt: skip


@pytest.mark.parametrize("display", [LogCallback, TrainingDisplay])
def test_messages_logs_and_validations_are_shown(
    display: type[LogCallback | TrainingDisplay], capsys: pytest.CaptureFixture[str]
) -> None:
    show_messages()
    callback: Callback = display()
    callback.message("training: en -> ko")
    callback.warning("attention is flat [really]")
    callback.on_log(REPORT)
    callback.on_validation(VALIDATION)
    callback.close()
    shown = " ".join(capsys.readouterr().err.split())
    for part in ("training: en -> ko", "warning: attention is flat [really]", "1,200", "23.46", "best by chrf"):
        assert part in shown
    assert "나는 [b]집에[/b] 간다" in shown


def test_the_same_sentences_and_all_validations_stay_on_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    display = TrainingDisplay()
    for number in range(1, 9):
        validation = Validation(9.0 - number, number / 3, 10.0 * number, None, ["x"], 1.0, CALIBRATION)
        display.on_validation(replace(VALIDATION, step=number, validation=validation, best=number < 8))
    display.close()
    lines = [line.split() for line in capsys.readouterr().err.splitlines()]
    assert [line[0] for line in lines[1:9]] == [str(number) for number in range(1, 9)]
    assert [line[-1] for line in lines[1:9]].count("chrf") == 1, "only the best so far is marked"
    assert lines[7][-3:] == ["best", "by", "chrf"]
    assert lines[9] == ["chrF", "▁▂▃▄▅▆▇█", "dev", "loss", "█▇▆▅▄▃▂▁"]
    assert ["output", "나는", "[b]집에[/b]", "간다"] in lines


@pytest.mark.parametrize(("values", "line"), [([1.0], "▁"), ([2.0, 2.0], "▁▁"), ([0.0, 7.0, 3.0], "▁█▄")])
def test_a_sparkline_spans_its_values(values: list[float], line: str) -> None:
    assert sparkline(values) == line
    assert sparkline([9.0] * 30 + values, len(values)) == line, "only the last are shown"


def test_plain_log_lines_are_rate_limited(capsys: pytest.CaptureFixture[str]) -> None:
    show_messages()
    plain = LogCallback()
    for _ in range(10):
        plain.on_log(REPORT)
    assert capsys.readouterr().err.count("\n") == 1
