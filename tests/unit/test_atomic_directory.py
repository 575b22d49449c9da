"""A folder is written whole or not at all, and nothing but what nmt wrote is removed."""

import errno
import os
from pathlib import Path

import pytest

from nmt_cli import atomic_directory as module
from nmt_cli.atomic import target_of_partial
from nmt_cli.atomic_directory import MARK, atomic_directory
from nmt_cli.errors import OutputError


def write(out: Path, content: str = "new") -> None:
    with atomic_directory(out, "the folder", lambda: None) as (fresh, work):
        (work / "scratch").touch()
        (fresh / "file").write_text(content)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "file").write_text("old")
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "dangling").symlink_to(tmp_path / "later" / "deep")
    write(tmp_path / "link")
    write(tmp_path / "dangling")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target" / "file").read_text() == "new"
    assert (tmp_path / "later" / "deep" / "file").read_text() == "new"
    assert names(tmp_path) == ["dangling", "later", "link", "target"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [(errno.EBUSY, "Device or resource busy"), (errno.EXDEV, "Invalid cross-device"), (errno.EPERM, "not permitted")],
)
def test_a_folder_that_cannot_be_moved_is_told_before_the_work(
    code: int, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "rename", refuse)
    with (
        pytest.raises(OutputError, match=f"out: cannot be replaced: .*{reason}"),
        atomic_directory(tmp_path / "out", "the folder", lambda: None),
    ):
        pytest.fail("the work has begun")
    assert names(tmp_path) == ["out"]


def test_asking_whether_a_folder_can_be_moved_does_not_move_it(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").write_text("old")
    inode = (tmp_path / "out").stat().st_ino
    with atomic_directory(tmp_path / "out", "the folder", lambda: None):
        assert (tmp_path / "out").stat().st_ino == inode
        assert (tmp_path / "out" / "file").read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_only_marked_folders_are_removed_as_leftovers(tmp_path: Path) -> None:
    marked, empty, users, other = (
        tmp_path / name
        for name in (".out.abcdefgh.partial", ".out.bcdefghi.partial", ".out.cdefghij.partial", ".out.mine.partial")
    )
    for folder in (marked, empty, users, other):
        folder.mkdir()
    for folder in (marked, other):
        (folder / MARK).touch()
    for folder in (marked, users):
        (folder / "fresh").mkdir()
        (folder / "fresh" / "file").touch()
    write(tmp_path / "out")
    assert names(tmp_path) == [users.name, other.name, "out"]


@pytest.mark.parametrize("failing", range(4))
def test_what_a_killed_run_had_moved_away_is_put_back(
    failing: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before or after either rename: with nothing cleaned up, the old folder or the new one is there next."""
    write(tmp_path / "out", "old")
    rename, calls = os.rename, 0

    def killing(source: Path, target: Path) -> None:
        nonlocal calls
        if target.name == "full":  # the question whether the folder can be moved
            rename(source, target)
        for moment in ("before", "after"):
            if calls == failing:
                monkeypatch.setattr(module, "_remove", lambda _: None)  # the process is gone
                raise SystemExit(137)
            calls += 1
            if moment == "before":
                rename(source, target)

    monkeypatch.setattr(os, "rename", killing)
    with pytest.raises(SystemExit):
        write(tmp_path / "out")
    monkeypatch.undo()
    with atomic_directory(tmp_path / "out", "the folder", lambda: None):
        assert (tmp_path / "out" / "file").read_text() == ("new" if failing == 3 else "old")
    assert names(tmp_path) == ["out"]


def test_names_of_temporary_files() -> None:
    assert target_of_partial(".a.b.abc_d123.partial") == "a.b"
    for name in ("a.abcdefgh.partial", ".a.abc.partial", ".a.abcdefgh.partia", "..partial", ".a.ABCDEFGH.partial"):
        assert target_of_partial(name) is None
