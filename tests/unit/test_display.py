"""The display of training progress on the terminal."""

import pytest

from nmt_cli.cli.display import Live
from nmt_cli.cli.messages import show_messages
from nmt_cli.training.callbacks import Callback, LogCallback, LogEvent, ValidationEvent
from nmt_cli.training.validation import Validation

REPORT = LogEvent(
    step=1200, epoch=2.5, loss=3.21, speed=9876.0, rate=3e-3, norm=0.5, clipped=0.1, progress=0.25, elapsed=60.0,
    remaining=180.0,
)  # fmt: skip
VALIDATION = ValidationEvent(
    step=1200, epoch=2.5, elapsed=61.0, validation=Validation(2.0, 23.456, 45.6, 0.4, ["나는 [b]집에[/b] 간다"], 1.0),
    metric="chrf", best=True, sample=("I go home", "나는 [b]집에[/b] 간다", "나는 집에 간다"),
)  # fmt: skip


@pytest.mark.parametrize("display", [LogCallback, Live])
def test_messages_logs_and_validations_are_shown(
    display: type[LogCallback | Live], capsys: pytest.CaptureFixture[str]
) -> None:
    show_messages()
    callback: Callback = display()
    callback.message("training: en -> ko")
    callback.warning("attention is flat [really]")
    callback.on_log(REPORT)
    callback.on_validation(VALIDATION)
    callback.close()
    shown = " ".join(capsys.readouterr().err.split())
    for part in (
        "training: en -> ko",
        "warning: attention is flat [really]",
        "update 1,200",
        "BLEU 23.46",
        "best by chrf",
    ):
        assert part in shown
    assert ("나는 [b]집에[/b] 간다" in shown) or display is Live  # Live removes the sample when it closes


def test_plain_log_lines_are_rate_limited(capsys: pytest.CaptureFixture[str]) -> None:
    show_messages()
    plain = LogCallback()
    for _ in range(10):
        plain.on_log(REPORT)
    assert capsys.readouterr().err.count("\n") == 1
