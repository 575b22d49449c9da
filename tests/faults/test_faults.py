"""Generated faults at length: damage of every file, and documents of strangers, through the real commands."""

import io
import os
import random
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from faulty_folders import Folders, check_damage, small_folders
from generated_faults import changed_folder, damaged, outcome, read_corpus, read_model

from nmt_cli.cli.app import main

pytestmark = pytest.mark.faults

SECONDS = 2.0
"""CPU time that reading a hostile document takes at most; the slowest of 10,000 took 0.4 s."""
GROWTH = 300 * 2**10
"""KiB that the process may grow by while it reads hostile documents."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return small_folders(tmp_path_factory.mktemp("faults"))


def run(*arguments: object) -> tuple[int, bytes, str]:
    """Run `nmt` in this process -> status, stdout, stderr."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as exited:
        main([str(argument) for argument in arguments])
    out.flush()
    assert isinstance(out.buffer, io.BytesIO)
    return int(exited.value.code or 0), out.buffer.getvalue(), err.getvalue()


def commands(corpus: Path, model: Path, out: Path) -> Iterator[tuple[object, ...]]:
    """Yield commands that read these folders."""
    lines = out / "lines"
    lines.write_text("en1 en2\n")
    yield "info", corpus, "--all"
    yield "info", model
    yield "translate", "--model", model, lines, "--shortlist", 4
    yield "explain", "--model", model, "en1 en2"
    yield "eval", "--model", model, "--prepared", corpus, "--resamples", 5
    yield "report", model, "--prepared", corpus, "--out", out / "r.html", "--overwrite"
    yield "pack", model, out / "packed", "--prepared", corpus, "--overwrite"
    yield "train", corpus, "--out", model, "--resume", "--max-steps", 3


@pytest.mark.parametrize(("kind", "read"), [("corpus", read_corpus), ("model", read_model)])
def test_damage_of_any_file_is_told(folders: Folders, tmp_path: Path, kind: str, read: Callable[[Path], str]) -> None:
    check_damage(folders, tmp_path, kind, read, random.Random(3), flips=100)


@pytest.mark.parametrize("seed", range(8))
def test_commands_tell_damage_in_one_line(folders: Folders, tmp_path: Path, seed: int) -> None:
    """With whatever fault, a command ends as without it, or with status 1 and one line that names the folder."""
    rng = random.Random(seed)
    for number in range(40):
        home = tmp_path / str(number)
        corpus, model = home / "corpus", home / "model"
        shutil.copytree(folders.one.corpus, corpus)
        shutil.copytree(folders.one.model, model)
        kind = rng.choice(["corpus", "model"])
        file = rng.choice(folders.files(kind))
        name, changed = rng.choice(
            list(damaged((home / kind / file).read_bytes(), (getattr(folders.other, kind) / file).read_bytes(), rng, 6))
        )
        (home / kind / file).unlink()
        if changed is not None:
            (home / kind / file).write_bytes(changed)
        command = rng.choice(list(commands(corpus, model, home)))
        status, _, err = run(*command)
        assert status in (0, 1), (command, file, name, err)
        assert status == 0 or err.splitlines()[-1].startswith("nmt: "), (command, file, name, err)
        shutil.rmtree(home)


@pytest.mark.parametrize("seed", range(10))
def test_documents_of_strangers_are_used_or_refused(folders: Folders, tmp_path: Path, seed: int) -> None:
    """1,000 changed documents for each seed, read by the functions that all commands use."""
    rng = random.Random(seed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(1000):
        corpus, model = tmp_path / "corpus", tmp_path / "model"
        shutil.copytree(folders.one.corpus, corpus)
        shutil.copytree(folders.one.model, model)
        kind = changed_folder(corpus, model, rng)
        started = time.process_time()
        outcome(read_corpus, corpus)
        outcome(read_model, model)
        assert time.process_time() - started < SECONDS, kind
        shutil.rmtree(corpus)
        shutil.rmtree(model)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH


@pytest.mark.parametrize("seed", range(8))
def test_commands_refuse_documents_of_strangers_in_one_line(folders: Folders, tmp_path: Path, seed: int) -> None:
    rng = random.Random(100 + seed)
    for number in range(60):
        home = tmp_path / str(number)
        corpus, model = home / "corpus", home / "model"
        shutil.copytree(folders.one.corpus, corpus)
        shutil.copytree(folders.one.model, model)
        kind = changed_folder(corpus, model, rng)
        command = rng.choice(list(commands(corpus, model, home)))
        status, _, err = run(*command)
        assert status in (0, 1), (kind, command, err)
        assert status == 0 or err.splitlines()[-1].startswith("nmt: "), (kind, command, err)
        shutil.rmtree(home)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["manifest.json", "config.toml", "tokenizer.model", "weights.safetensors"])
def test_pipes_and_devices_are_not_read(folders: Folders, tmp_path: Path, name: str) -> None:
    model = Path(shutil.copytree(folders.one.model, tmp_path / "model"))
    (model / name).unlink()
    os.mkfifo(model / name)
    assert outcome(read_model, model) == "told"
    (model / name).unlink()
    (model / name).symlink_to("/dev/zero")
    assert outcome(read_model, model) == "told"
