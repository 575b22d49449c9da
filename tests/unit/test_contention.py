"""A run that has to share its cores says so."""

from pathlib import Path

import pytest

from nmt_cli.kernels import contention
from nmt_cli.kernels.contention import LOOKS, Contention, seconds_waited


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(contention, "TASKS", tmp_path)
    return tmp_path


def wait(tasks: Path, *seconds: float) -> None:
    """So long has each thread waited."""
    for name, time in enumerate(seconds):
        (tasks / str(name)).mkdir(exist_ok=True)
        (tasks / str(name) / "schedstat").write_text(f"{10**12} {round(time * 1e9)} 7\n", encoding="ascii")


def test_what_the_system_tells(tasks: Path) -> None:
    assert seconds_waited() == 0.0  # nothing, as on other systems
    wait(tasks, 1.5, 0.25)
    (tasks / "8").mkdir()
    (tasks / "9").mkdir()
    (tasks / "9" / "schedstat").write_bytes(b"")  # threads that are just ending
    assert seconds_waited() == 1.75


def test_what_this_system_tells() -> None:
    assert seconds_waited() >= 0.0


@pytest.mark.parametrize(("share", "threads", "told"), [(0.33, 2, 1), (0.05, 2, 0), (0.33, 1, 0)])
def test_tells_once(share: float, threads: int, told: int, tasks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 100.0
    monkeypatch.setattr(contention.time, "monotonic", lambda: clock)
    wait(tasks, *[30.0] * threads)  # before the run
    watch = Contention(threads)
    warnings = []
    for look in range(1, 4 * LOOKS):
        clock += 5.0
        wait(tasks, *[30.0 + 5.0 * look * share] * threads)
        warnings.append(watch.warning())
    said = [warning for warning in warnings if warning is not None]
    assert len(said) == told
    if told:
        assert warnings[LOOKS - 1] == said[0]
        assert "--threads 1" in said[0]
        assert "33%" in said[0]


def test_a_moment_does_not_count(tasks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, total = 0.0, 0.0
    monkeypatch.setattr(contention.time, "monotonic", lambda: clock)
    wait(tasks, total)
    watch = Contention(2)
    for look in range(5 * LOOKS):
        clock += 5.0
        total += 5.0 if (look + 1) % LOOKS else 0.0  # in all but every third look
        wait(tasks, total)
        assert watch.warning() is None
