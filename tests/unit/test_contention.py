"""The warning that a run has to share its cores with other processes."""

import time
from pathlib import Path

import pytest

from nmt_cli.kernels import contention
from nmt_cli.kernels.contention import CHECKS_IN_A_ROW, Contention, seconds_waited


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for the folder where Linux describes the threads of a process."""
    monkeypatch.setattr(contention, "THREADS_DIR", tmp_path)
    return tmp_path


def write_waits(tasks: Path, *seconds: float) -> None:
    """Writes the time that each thread has waited for a core, as Linux reports it."""
    for name, waited in enumerate(seconds):
        (tasks / str(name)).mkdir(exist_ok=True)
        (tasks / str(name) / "schedstat").write_text(f"{10**12} {round(waited * 1e9)} 7\n", encoding="ascii")


def test_waiting_time_is_summed_over_threads(tasks: Path) -> None:
    assert seconds_waited() == 0.0  # no such files, as on systems other than Linux
    write_waits(tasks, 1.5, 0.25)
    (tasks / "8").mkdir()
    (tasks / "9").mkdir()
    (tasks / "9" / "schedstat").write_bytes(b"")  # threads that are ending
    assert seconds_waited() == 1.75


def test_waiting_time_can_be_read_on_this_system() -> None:
    assert seconds_waited() >= 0.0


@pytest.mark.parametrize(("share", "threads", "expected"), [(0.33, 2, 1), (0.05, 2, 0), (0.33, 1, 0)])
def test_sustained_contention_is_reported_once(
    share: float, threads: int, expected: int, tasks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    write_waits(tasks, *[30.0] * threads)  # before the run
    watch = Contention(threads)
    warnings = []
    for check in range(1, 4 * CHECKS_IN_A_ROW):
        clock += 5.0
        write_waits(tasks, *[30.0 + 5.0 * check * share] * threads)
        warnings.append(watch.warning())
    reported = [warning for warning in warnings if warning is not None]
    assert len(reported) == expected
    if expected:
        assert warnings[CHECKS_IN_A_ROW - 1] == reported[0]
        assert "threads 1" in reported[0]
        assert "33%" in reported[0]


def test_interrupted_contention_is_not_reported(tasks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, total = 0.0, 0.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    write_waits(tasks, total)
    watch = Contention(2)
    for check in range(5 * CHECKS_IN_A_ROW):
        clock += 5.0
        total += 5.0 if (check + 1) % CHECKS_IN_A_ROW else 0.0  # every check but each third
        write_waits(tasks, total)
        assert watch.warning() is None
