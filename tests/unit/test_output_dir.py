"""The output folder of train: a replaced model is never left in two halves."""

import shutil
from pathlib import Path

import pytest

from nmt_cli.checkpoint.layout import MODEL
from nmt_cli.checkpoint.model_dir import load_model
from nmt_cli.checkpoint.output_dir import (
    backup,
    check_output_dir,
    restore_interrupted,
)
from nmt_cli.errors import CheckpointError
from nmt_cli.kernels.device import compute_for_search


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Killed(BaseException):
    """As if the process were killed."""


def kill_at(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill the process instead of its rename of this number, from 0."""
    done, rename = 0, Path.rename

    def renamed(path: Path, target: Path) -> Path:
        nonlocal done
        if done == number:
            raise Killed
        done += 1
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", renamed)


@pytest.mark.parametrize("number", range(5))
def test_a_killed_replacement_is_undone_by_the_next_run(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    (model / "notes.txt").write_text("of the user")
    before = contents(model)
    with monkeypatch.context() as patch:
        kill_at(number, patch)
        with pytest.raises(Killed):
            backup(model)
    if number > 0:
        with pytest.raises(CheckpointError, match=r"model.*replaced-1.moving|no model here"):
            load_model(model, compute_for_search("cpu", "fp32", 1))
    if number > 1:  # the repair may be killed too
        with monkeypatch.context() as patch:
            kill_at(1, patch)
            with pytest.raises(Killed):
                restore_interrupted(model)
    check_output_dir(model, resume=False, overwrite=True)
    assert contents(model) == before
    load_model(model, compute_for_search("cpu", "fp32", 1))
    assert [path.name for path in model.iterdir() if path.is_dir()] == []


def test_a_replaced_model_is_whole_in_its_folder_and_named_by_commands(tiny_model: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    backup(model)
    load_model(model / "replaced-1", compute_for_search("cpu", "fp32", 1))
    with pytest.raises(CheckpointError, match=r"no model here, but the one .* is whole in .*replaced-1"):
        MODEL.read(model)


def test_files_of_another_model_are_not_mixed_with_those_of_an_interrupted_replacement(
    tiny_model: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    (model / "replaced-3.moving").mkdir()
    (model / "replaced-3.moving" / "config.toml").write_text("other")
    with pytest.raises(CheckpointError, match=r"replaced-3.moving: holds a part of the previous model.*config.toml"):
        check_output_dir(model, resume=False, overwrite=True)
    assert (model / "config.toml").read_bytes() == (tiny_model / "config.toml").read_bytes()
