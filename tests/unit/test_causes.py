"""The commands name the true cause: files for folders and prefixes, permission, memory, threads, semaphores, GPUs."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from nmt_cli import parallel
from nmt_cli.checkpoint.layout import WEIGHTS
from nmt_cli.cli.app import main
from nmt_cli.documents import open_file

Told = Callable[..., str]

MODEL_COMMANDS = {
    "translate": ["translate", "--model", "{}"],
    "eval": ["eval", "s.en", "--reference", "s.de", "--model", "{}"],
    "bench": ["bench", "{}"],
    "explain": ["explain", "a small dog", "--model", "{}"],
    "report": ["report", "{}"],
    "pack": ["pack", "{}", "packed"],
    "info": ["info", "{}"],
    "bulk": ["bulk", "s.en", "--out", "o", "--model", "{}"],
}


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    """Run a command that fails, in a folder with the text s.en and s.de; returns its error message."""
    monkeypatch.chdir(tmp_path)
    for language in ("en", "de"):
        Path(f"s.{language}").write_text("a b c\n" * 20)

    def run(*arguments: object) -> str:
        with pytest.raises(SystemExit) as ended:
            main(list(map(str, arguments)))
        lines = capsys.readouterr().err.splitlines()
        assert ended.value.code == 1, lines
        assert lines[-1].startswith("nmt: ")
        assert not any(line.startswith("nmt: ") for line in lines[:-1])
        return lines[-1].removeprefix("nmt: ")

    return run


def refused(path: Path) -> PermissionError:
    return PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


@pytest.mark.parametrize("command", MODEL_COMMANDS)
def test_weights_given_for_a_model_name_its_folder(told: Told, tiny_model: Path, command: str) -> None:
    weights = tiny_model / WEIGHTS
    arguments = [argument.format(weights) for argument in MODEL_COMMANDS[command]]
    assert told(*arguments) == f"{weights}: is a file; name its folder, {tiny_model}"


def test_a_model_given_for_a_corpus_is_named(told: Told, tiny_model: Path) -> None:
    message = told("train", tiny_model, "--out", "m")
    assert message == f"{tiny_model}: is a model, not a prepared corpus; make one with nmt preprocess"


@pytest.mark.parametrize("command", MODEL_COMMANDS)
def test_a_model_that_may_not_be_read_is_not_missing(
    told: Told, tiny_model: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = tiny_model / "manifest.json"

    def open_or_refuse(path: Path, folder: Path | None = None) -> object:
        if path == manifest:
            raise refused(path)
        return open_file(path, folder)

    monkeypatch.setattr("nmt_cli.documents.open_file", open_or_refuse)
    message = told(*(argument.format(tiny_model) for argument in MODEL_COMMANDS[command]))
    assert message.startswith(f"{manifest}: cannot be read: Permission denied; give this user access")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("s.en", "s.en: is a file, not a folder that nmt wrote; prepare the text in s.de and s.en with "),
        ("s", "s: no prepared corpus here; prepare the text in s.de and s.en with "),
    ],
)
def test_text_given_to_train_is_to_be_prepared(told: Told, given: str, expected: str) -> None:
    assert told("train", given, "--out", "m") == expected + "nmt preprocess --train s first"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("s.en", "s.en: is the en side only; give the prefix of both sides, s"),
        ("s.de", "s.de: is the de side only; give the prefix of both sides, s"),
        ("t.en.gz", "t.en.gz: is the en side only; give the prefix of both sides, t; t.de is missing"),
        ("text", "text: is one file of text; give both sides as SOURCE,TARGET"),
    ],
)
@pytest.mark.parametrize("option", ["--train", "--dev"])
def test_a_file_given_for_a_prefix_names_the_prefix(told: Told, option: str, given: str, expected: str) -> None:
    Path("text").touch()
    Path("t.en.gz").touch()
    train = [] if option == "--train" else ["--train", "s"]
    assert told("preprocess", *train, option, given, "--source", "en", "--target", "de").startswith(expected)


def test_text_that_may_not_be_reached_is_not_an_error_of_the_output(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = os.stat

    def stat_or_refuse(path: str | Path, **options: bool) -> os.stat_result:
        if str(path) == "s.en":
            raise refused(Path("s.en"))
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", stat_or_refuse)
    message = told("preprocess", "--train", "s", "--source", "en", "--target", "de")
    assert message.startswith("s.en: cannot be read: Permission denied")


@pytest.mark.parametrize("command", ["translate", "eval", "bench", "explain", "pack"])
def test_a_missing_gpu_is_told(told: Told, tiny_model: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    text = ["s.en"] if command == "bench" else []
    arguments = [argument.format(tiny_model) for argument in MODEL_COMMANDS[command]]
    assert told(*arguments, *text, "--device", "cuda").startswith("device cuda: no GPU that PyTorch can use")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), "not enough memory; use smaller batches"),
        (RuntimeError("can't start new thread"), "the system refuses new threads"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."), "the GPU has not enough memory"),
    ],
)
def test_what_the_system_refuses_is_told_in_one_line(
    told: Told, tiny_model: Path, error: Exception, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("nmt_cli.checkpoint.model_dir.load_weights", refuse)
    assert told("explain", "a small dog", "--model", tiny_model).startswith(expected)


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EACCES, errno.ENOENT, errno.ENOSPC, errno.EROFS])
def test_missing_semaphores_are_told(told: Told, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(parallel, "ProcessPoolExecutor", refuse)
    message = told("preprocess", "--train", "s", "--source", "en", "--target", "de", "--keep", "duplicates")
    assert message == (
        f"no worker process can be started: the system refuses semaphores ({os.strerror(code)}); "
        "/dev/shm must exist, be writable and have space"
    )


def test_a_copied_model_in_a_folder_of_a_state_names_the_model(told: Told, tiny_model: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "m"))
    (model / "last").mkdir()
    (model / "last" / "state.safetensors").touch()
    assert told("info", "m/last/state.safetensors") == "m/last/state.safetensors: is a file; name its folder, m"


def test_workers_that_cannot_be_started_are_told(told: Told, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("Nanny failed to start.") from OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("distributed.LocalCluster", refuse)
    message = told("bulk", "s.en", "--out", "o", "--model", tiny_model, "--workers", "1")
    assert message.startswith("no worker process can be started: the system refuses semaphores (Read-only file system)")
    assert sorted(os.listdir()) == ["s.de", "s.en"]


@pytest.mark.parametrize("option", ["--out", "--receipt", "--alignment", "--attention"])
def test_an_output_removes_what_a_killed_run_left_beside_it(tiny_model: Path, tmp_path: Path, option: str) -> None:
    text, out, left = tmp_path / "s.en", tmp_path / "o.html", tmp_path / ".o.html.abcdefgh.partial"
    text.write_text("a small dog\n")
    left.write_text("half")
    with pytest.raises(SystemExit) as ended:
        main(["translate", str(text), "--model", str(tiny_model), option, str(out)])
    assert not ended.value.code
    assert out.exists()
    assert not left.exists()
