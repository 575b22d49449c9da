"""Messages and counted steps: in the log of a program, and on standard error of the command line."""

import logging

import pytest

from nmt_cli.cli.messages import show_messages
from nmt_cli.progress import Progress, clock


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that the test sets."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_a_step_logs_its_start_and_a_line_every_thirty_seconds(
    time: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nmt_cli")
    with Progress().step("encoding", 1000, "pairs") as step:
        for _ in range(10):
            time[0] += 10
            step.advance(100)
    assert caplog.messages == [
        "encoding: 1,000 pairs",
        "encoding: 300 of 1,000 pairs, 10 a second, 1:10 left",
        "encoding: 600 of 1,000 pairs, 10 a second, 0:40 left",
        "encoding: 900 of 1,000 pairs, 10 a second, 0:10 left",
    ]


def test_a_step_without_a_total_counts_without_an_end(time: list[float], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "nmt_cli")
    with Progress().step("reading train", unit="pairs") as step:
        time[0] += 40
        step.advance(200)
    assert caplog.messages == ["reading train", "reading train: 200 pairs, 5 a second"]


def test_a_step_that_has_done_nothing_yet_has_no_rate(time: list[float]) -> None:
    with Progress().step("translating", 5) as step:
        assert (step.rate, step.remaining) == (0, None)
        step.advance(5)
        assert (step.rate, step.remaining) == (5000, 0), "no time has passed, and nothing is divided by it"


def test_the_command_line_prints_messages_as_they_are_and_marks_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    show_messages()
    show_messages()  # a second command in the same process prints nothing twice
    Progress().message("100 % of [train]")
    Progress().warning("attention is flat")
    assert capsys.readouterr() == ("", "100 % of [train]\nwarning: attention is flat\n")


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3725, "1:02:05")])
def test_clock_formats_seconds(seconds: float, text: str) -> None:
    assert clock(seconds) == text
