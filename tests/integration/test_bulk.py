"""`nmt bulk`: the output of `nmt translate`, computed by several processes, also after some were killed."""

import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import DIFFICULT_LINES
from send_signal import run_with_signal

from nmt_cli.api import shards
from nmt_cli.api.bulk import COMMAND, RECEIPT, TEXT, bulk_manifest, bulk_shard, translate_file
from nmt_cli.api.shards import ShardDir, ShardResult, split_file
from nmt_cli.atomic import dir_lock
from nmt_cli.config import BulkConfig
from nmt_cli.corpus.text_io import TextFile
from nmt_cli.decoding.issues import IssueCounts
from nmt_cli.errors import CheckpointError, OutputError
from nmt_cli.progress import Progress

pytestmark = pytest.mark.integration

OPTIONS = ("--beam-size", "1", "--max-length", "8", "--device", "cpu")
LINES = b"\n".join(DIFFICULT_LINES * 4) + b"\n"


def command(name: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", "nmt_cli", name, *map(str, arguments), *OPTIONS]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "lines.en"
    path.write_bytes(LINES)
    return path


@pytest.fixture
def translated(tiny_model: Path, tmp_path: Path) -> tuple[bytes, bytes]:
    """Output and receipt of `nmt translate` for the same lines."""
    receipt = tmp_path / "expected.jsonl"
    arguments = command("translate", "--model", tiny_model, "--receipt", receipt)
    result = subprocess.run(arguments, input=LINES, capture_output=True, check=True)
    return result.stdout, receipt.read_bytes()


def test_several_processes_equal_one_also_after_a_kill(
    source: Path, tiny_model: Path, translated: tuple[bytes, bytes], tmp_path: Path
) -> None:
    out, receipt = tmp_path / "out.ko", tmp_path / "receipt.jsonl"
    shards = tmp_path / "out.ko.shards"
    arguments = command(
        "bulk", source, "--model", tiny_model, "--out", out, "--receipt", receipt, "--workers", 2, "--shard-size", 3
    )
    first = run_with_signal(signal.SIGKILL, "nmt_cli.api.shards:ShardDir.write", 1, *arguments[3:])
    assert first.returncode == -signal.SIGKILL, first.stderr
    finished = sorted(shards.glob("0*.json"))
    assert finished
    assert not out.exists()

    # replace the text of a finished shard, to see that the second run takes it from the file
    result = ShardResult.from_json(finished[0].read_text(encoding="utf-8"))
    marked = ShardResult({**result.texts, TEXT: "marked\n" * result.issue_counts.lines}, result.issue_counts)
    finished[0].write_text(str(marked), encoding="utf-8")
    second = subprocess.run(arguments, capture_output=True, check=True)
    assert f"of {4 * len(DIFFICULT_LINES)} lines are already translated" in second.stderr.decode()
    assert "12 of 60 lines blank, left blank (the first is line 2)" in second.stderr.decode()
    lines, expected = out.read_bytes().split(b"\n"), translated[0].split(b"\n")
    assert len(lines) == len(expected)
    assert {ours for ours, theirs in zip(lines, expected, strict=True) if ours != theirs} == {b"marked"}
    assert lines.count(b"marked") == result.issue_counts.lines
    assert receipt.read_bytes() == translated[1]
    assert not shards.exists()


def test_existing_output_file_is_not_replaced(source: Path, tiny_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.ko"
    out.write_text("precious\n")
    refused = subprocess.run(
        command("bulk", source, "--model", tiny_model, "--out", out), capture_output=True, check=False
    )
    assert (refused.returncode, out.read_text()) == (1, "precious\n")
    assert b"already exists" in refused.stderr


def test_failed_run_leaves_no_files(tiny_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.ko"
    failed = subprocess.run(
        command("bulk", tmp_path / "no.en", "--model", tiny_model, "--out", out), capture_output=True, check=False
    )
    assert failed.returncode == 1
    assert b"no.en: no such file" in failed.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [1, 7, 60, 100])
def test_shards_hold_all_lines_in_order(source: Path, size: int) -> None:
    shards = list(split_file(TextFile(source), size))
    assert b"".join(line + b"\n" for shard in shards for line in shard.lines) == LINES
    assert [shard.first for shard in shards] == list(range(1, 61, size))
    assert len({shard.name for shard in shards}) == len(shards)


def test_shards_of_equal_lines_at_different_positions_differ(tmp_path: Path) -> None:
    path = tmp_path / "same"
    path.write_bytes(b"a\nb\n" * 2)
    first, second = split_file(TextFile(path), 2)
    assert first.lines == second.lines
    assert first.name != second.name
    path.write_bytes(b"a\nb\nc\nd\n")
    assert [shard.name == first.name for shard in split_file(TextFile(path), 2)] == [True, False]


def test_jsonl_output_equals_that_of_translate(source: Path, tiny_model: Path) -> None:
    search = {"beam_size": 1, "max_length": 8}
    config = BulkConfig.model_validate(
        {"model": tiny_model, "output_format": "jsonl", "device": "cpu", "search": search}
    )
    (shard,) = split_file(TextFile(source), 100)
    result = bulk_shard(config, bulk_manifest(config).models, shard)
    arguments = command("translate", "--model", tiny_model, "--output-format", "jsonl")
    expected = subprocess.run(arguments, input=LINES, capture_output=True, check=True).stdout.decode()
    for ours, theirs in zip(result.texts[TEXT].split("\n")[:-1], expected.split("\n")[:-1], strict=True):
        assert json.loads(ours)["translation"] == json.loads(theirs)["translation"]
        assert json.loads(ours)["alignment"] == json.loads(theirs)["alignment"]


def test_shard_folder_is_resumed_only_with_the_same_options_and_model(tiny_model: Path, tmp_path: Path) -> None:
    config = BulkConfig(model=tiny_model)
    folder = ShardDir(tmp_path / "shards", COMMAND)
    manifest = bulk_manifest(config)
    folder.path.mkdir()
    folder.open(manifest)
    folder.open(bulk_manifest(config.model_copy(update={"shard_size": 3})))  # no shard is finished yet
    folder.open(manifest)
    folder.write("0000000-0.json", ShardResult({TEXT: "a\n", RECEIPT: ""}, IssueCounts(1)))
    folder.open(manifest)
    with pytest.raises(OutputError, match="was started with shard_size 2000"):
        folder.open(bulk_manifest(config.model_copy(update={"shard_size": 3})))
    with pytest.raises(OutputError, match="was started with another model"):
        folder.open(manifest.model_copy(update={"models": ["0"]}))
    (folder.path / "0000000-0.json").write_text('{"text": 1}')
    with pytest.raises(OutputError, match="cannot be read"):
        list(folder.read(["0000000-0.json"]))


def test_worker_refuses_a_different_model(source: Path, tiny_model: Path) -> None:
    (shard,) = split_file(TextFile(source), 100)
    with pytest.raises(CheckpointError, match="not the same model for all workers"):
        bulk_shard(BulkConfig(model=tiny_model), ["0"], shard)


FAULTS = """
import resource, sys
from pathlib import Path
import torch
from nmt_cli.atomic import dir_lock
from nmt_cli.config import BulkConfig
from nmt_cli.api.bulk import bulk_manifest, bulk_shard
from nmt_cli.api.shards import Shard

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(1 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

config = BulkConfig(model=Path(sys.argv[1]), device="cpu", search={"max_length": 2})
before = faults()
bulk_shard(config, bulk_manifest(config).models, Shard(0, 1, [b"I go home."]))
faults()
print(before, faults())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs mallopt of glibc")
def test_worker_process_keeps_freed_memory(tiny_model: Path) -> None:
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "65536"}  # as Dask starts its workers
    command = [sys.executable, "-c", FAULTS, str(tiny_model)]
    result = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    before, after = map(int, result.stdout.split())
    if before < 1000:
        pytest.skip("pages are so large that page faults do not matter")
    assert after < before / 10, "freed memory was returned to the system each time"


@pytest.mark.parametrize("names", [("notes.txt",), ("manifest.json",), ("0000000-0.json",), ("sub/deep.txt", "a")])
def test_a_folder_of_the_user_beside_the_output_is_left_alone(
    names: tuple[str, ...], source: Path, tiny_model: Path, tmp_path: Path
) -> None:
    shards, out = tmp_path / "out.ko.shards", tmp_path / "out.ko"
    for name in names:
        (shards / name).parent.mkdir(parents=True, exist_ok=True)
        (shards / name).write_text("{}")
    refused = subprocess.run(
        command("bulk", source, "--model", tiny_model, "--out", out), capture_output=True, text=True, check=False
    )
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "out.ko.shards: exists and was not written by nmt bulk" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert {str(path.relative_to(shards)) for path in shards.rglob("*") if path.is_file()} == set(names)
    assert not out.exists()


def test_files_that_a_user_put_among_the_shards_are_kept(tiny_model: Path, tmp_path: Path) -> None:
    folder = ShardDir(tmp_path / "shards", COMMAND)
    with folder.lock():
        folder.open(bulk_manifest(BulkConfig(model=tiny_model)))
        folder.write("0000000-0.json", ShardResult({TEXT: "a\n", RECEIPT: ""}, IssueCounts(1)))
        (folder.path / "notes.txt").write_text("mine")
        (folder.path / ".manifest.json.abcdefgh.partial").touch()  # of a killed run
        folder.delete()
    assert [path.name for path in folder.path.iterdir()] == ["notes.txt"]


def test_results_of_shards_are_bounded_in_size_and_depth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, name = ShardDir(tmp_path, COMMAND), "0000000-0.json"
    result = ShardResult({TEXT: "가\n" * 100}, IssueCounts(100))
    folder.write(name, result)
    assert list(folder.read([name])) == [result]
    size = (tmp_path / name).stat().st_size
    monkeypatch.setattr(shards, "MAX_RESULT", size - 1)
    with pytest.raises(OutputError, match=f"{name}: cannot be read: longer than"):
        list(folder.read([name]))
    with pytest.raises(OutputError, match=f"{name}: more than .* use a smaller --shard-size"):
        folder.write(name, result)
    monkeypatch.setattr(shards, "MAX_RESULT", size)
    folder.write(name, result)
    (tmp_path / name).write_text("[" * (size // 2) + "]" * (size // 2))
    with pytest.raises(OutputError, match=f"{name}: cannot be read: nested deeper"):
        list(folder.read([name]))


def test_a_second_run_changes_nothing_while_the_first_holds_the_lock(tiny_model: Path, tmp_path: Path) -> None:
    """Neither before the first has written its manifest, nor after, nor when it has just ended."""
    folder = ShardDir(tmp_path / "out.shards", COMMAND)
    config = BulkConfig(model=tiny_model, source_file=tmp_path / "in", out=tmp_path / "out", shard_size=7)
    (tmp_path / "in").write_text("x\n")
    with folder.lock():
        for begun in (False, True):
            if begun:
                folder.open(bulk_manifest(BulkConfig(model=tiny_model)))
            before = {path: path.read_bytes() for path in folder.path.iterdir()}
            with pytest.raises(OutputError, match="another nmt bulk is running here"):
                translate_file(config, Progress())
            assert {path: path.read_bytes() for path in folder.path.iterdir()} == before
    assert not folder.path.exists()


def test_a_lock_on_a_folder_that_was_removed_meanwhile_is_not_held(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    opened = os.open

    def remove(path: object, flags: int) -> int:
        handle = opened(str(path), flags)
        folder.rmdir()
        folder.mkdir()
        return handle

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", remove)
        with dir_lock(folder) as held:
            assert held is False
    with dir_lock(folder) as held:
        assert held is True
