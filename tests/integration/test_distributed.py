"""Training under torchrun: the same weights as one process, and nothing is lost when a process fails."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from send_signal import UPDATE, signal_command

from nmt_cli.checkpoint.tensors import read_tensors

pytestmark = pytest.mark.integration

# the hostname may resolve to another interface
os.environ["GLOO_SOCKET_IFNAME"] = "lo" if sys.platform == "linux" else "lo0"

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1",
            "--nproc-per-node", "2", "-m", "nmt_cli"]  # fmt: skip
RESTARTING = [*TORCHRUN[:-2], "--max-restarts", "1", *TORCHRUN[-2:]]
ALONE = [sys.executable, "-m", "nmt_cli"]
EXACT = ["--embedding-size", "16", "--hidden-size", "16", "--dropout", "0", "--embedding-dropout", "0", "--precision",
         "fp32", "--threads", "1", "--batch-tokens", "128", "--schedule", "constant", "--warmup", "0",
         "--device", "cpu"]  # fmt: skip


def run(program: list[str], *arguments: object) -> subprocess.CompletedProcess[str]:
    result = subprocess.run([*program, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for split, count in (("train", 150), ("dev", 10), ("test", 10)):
        lines = [f"{i} {i * i} {len(split)}" for i in range(count)]
        (folder / f"{split}.a").write_text("\n".join(lines) + "\n")
        (folder / f"{split}.b").write_text("\n".join(line[::-1] + " x" * (len(line) % 5) for line in lines) + "\n")
    splits = [argument for split in ("train", "dev", "test") for argument in (f"--{split}", folder / split)]
    run(ALONE, "preprocess", *splits, "--source", "a", "--target", "b", "--vocabulary-size", 308, "--out", folder / "p")
    return folder / "p"


def assert_equal_states(one: Path, other: Path) -> None:
    (expected, metadata), (actual, _) = (read_tensors(path / "last" / "state.safetensors") for path in (one, other))
    assert metadata["progress"]["step"] > 0
    for name, tensor in expected.items():
        if not name.startswith("random"):
            torch.testing.assert_close(actual[name], tensor, atol=1e-5, rtol=1e-4, msg=f"{name}: {{}}".format)


def test_two_processes_equal_gradient_accumulation_also_when_resumed_by_one(prepared: Path, tmp_path: Path) -> None:
    """Over the end of an epoch, where one process may have no batch left."""
    train = ["train", prepared, *EXACT]
    run(ALONE, *train, "--out", tmp_path / "one", "--gradient-accumulation", 2, "--max-steps", 20)
    progress = read_tensors(tmp_path / "one" / "last" / "state.safetensors")[1]["progress"]
    assert progress["epoch"] > 0
    result = run(TORCHRUN, *train, "--out", tmp_path / "two", "--max-steps", 20)
    assert result.stderr.count("training: a -> b") == 1
    assert "on 2 times CPU, 1 thread, fp32" in result.stderr
    assert_equal_states(tmp_path / "one", tmp_path / "two")

    run(TORCHRUN, *train, "--out", tmp_path / "on", "--max-steps", 9)
    run(ALONE, "train", "--out", tmp_path / "on", "--resume", "--gradient-accumulation", 2, "--max-steps", 20)
    assert_equal_states(tmp_path / "one", tmp_path / "on")


@pytest.mark.slow
def test_two_processes_adapt_a_model_with_frozen_parts(prepared: Path, tmp_path: Path) -> None:
    run(ALONE, "train", prepared, *EXACT, "--out", tmp_path / "base", "--max-steps", 5)
    adapt = ["train", prepared, "--from", tmp_path / "base", "--freeze", "embeddings", "--freeze", "encoder",
             *EXACT[4:], "--validate-every", 3, "--max-steps", 6]  # fmt: skip
    run(ALONE, *adapt, "--out", tmp_path / "one", "--gradient-accumulation", 2)
    result = run(TORCHRUN, *adapt, "--out", tmp_path / "two")
    assert result.stderr.count("parameters are trained") == 1
    assert_equal_states(tmp_path / "one", tmp_path / "two")
    frozen, adapted = (read_tensors(tmp_path / name / "weights.safetensors")[0] for name in ("base", "two"))
    assert all(torch.equal(frozen[name], adapted[name]) for name in frozen if name.startswith("encoder."))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_all_processes_end_when_one_does_and_the_run_can_be_resumed(
    prepared: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """SIGTERM goes to torchrun, as a cluster sends it; SIGKILL to one process, as the out-of-memory killer sends it."""
    out = tmp_path / "m"
    command = [*TORCHRUN, "train", prepared, *EXACT, "--out", out, "--max-steps", "1000000", "--validate-every", "20"]
    with subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not validated(out):
            time.sleep(0.05)
        os.kill(process.pid if number == signal.SIGTERM else rank_one_pid(process.pid), number)
        _, error = process.communicate()
    assert process.returncode != 0
    state = read_tensors(out / "last" / "state.safetensors")[1]["progress"]
    assert state["step"] >= 20, error
    run(TORCHRUN, "train", "--out", out, "--resume", "--max-steps", state["step"] + 1)
    lines = (out / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["step"] == state["step"] + 1


@pytest.mark.slow
@pytest.mark.parametrize(("older", "overwrite"), [(False, False), (False, True), (True, True)])
def test_run_restarted_by_torchrun_resumes(prepared: Path, tmp_path: Path, older: bool, overwrite: bool) -> None:
    out = tmp_path / "m"
    if older:
        run(ALONE, "train", prepared, *EXACT, "--out", out, "--max-steps", 30)
    train = ["train", prepared, *EXACT, "--out", out, "--max-steps", 150, "--validate-every", 20]
    train += ["--overwrite"] if overwrite else []
    killed = signal_command(signal.SIGKILL, UPDATE, 30)[1:]  # the second process, in its thirtieth update
    error = run([*RESTARTING[:-2], *killed], *train).stderr
    assert error.count("training: a -> b") == 1
    assert error.count("resuming at update") == 1
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["kind"] == "validation"] == [*range(20, 141, 20), 150]
    assert not (out / "replaced-1").exists()


@pytest.mark.slow
def test_run_restarted_by_torchrun_does_not_replace_an_older_model(prepared: Path, tmp_path: Path) -> None:
    out = tmp_path / "m"
    run(ALONE, "train", prepared, *EXACT, "--out", out, "--max-steps", 5)
    before = (out / "last" / "state.safetensors").read_bytes()
    command = [*RESTARTING, "train", str(prepared), *EXACT, "--out", str(out), "--max-steps", "9"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert result.stderr.count("contains a model; continue with --resume") == 2, "at both starts"
    assert (out / "last" / "state.safetensors").read_bytes() == before


def validated(out: Path) -> bool:
    return (out / "weights.safetensors").exists()


def rank_one_pid(torchrun: int) -> int:
    """The process id of rank 1 under a torchrun process."""
    children = subprocess.run(["pgrep", "-P", str(torchrun)], capture_output=True, text=True, check=True).stdout.split()
    ranks = {Path(f"/proc/{pid}/environ").read_bytes().partition(b"\0RANK=")[2][:1]: int(pid) for pid in children}
    return ranks[b"1"]


def test_error_is_printed_once(prepared: Path, tmp_path: Path) -> None:
    command = [*TORCHRUN, "train", str(tmp_path / "nowhere"), "--out", str(tmp_path / "m")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert result.stderr.count("nowhere: no prepared corpus here") == 1
    assert "nmt: another process of this run has ended; its output says why" in result.stderr
    assert result.stderr.count("Traceback") == 1, "only that of torchrun"
