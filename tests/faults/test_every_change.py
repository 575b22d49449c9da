"""Killed, or out of space, at every change of a file: nothing that was there is lost, and the next command goes on or
begins again, as it is asked to, and ends like a run that nothing disturbed.

`make test` takes a sample of the changes, `make faults` every one.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import write_numbers
from fault_runner import Ended, Faults, fault_server

from nmt_cli.checkpoint.layout import read_metadata
from nmt_cli.training.history import CHECK

KILLED = 137
VOLATILE = ("elapsed", "validation_seconds", CHECK)
"""What a validation records of the time that it took."""
TRAIN: tuple[object, ...] = (
    *("train", "../prepared", "--out", "m", "--embedding-size", 8, "--hidden-size", 8, "--threads", 1),
    *("--batch-tokens", 256, "--max-steps", 4, "--validate-every", 2, "--validate-sentences", 2),
)
TEXT = ("--train", "../train", "--dev", "../dev", "--test", "../test", "--source", "num", "--target", "en")
PREPARE = ("preprocess", *TEXT, "--threads", 1, "--tokenizer-model", "../prepared/tokenizer.model", "--out", "p")
BULK: tuple[object, ...] = (
    *("bulk", "../train.num", "--model", "../model", "--out", "o.en", "--receipt", "r", "--shard-size", 30),
    *("--beam-size", 1, "--max-length", 5, "--overwrite"),
)
AUGMENT: tuple[object, ...] = (
    *("augment", "--text", "../train.num", "--model", "../model", "--out", "a", "--tag", "t", "--receipt", "r"),
    *("--keep-all", "--shard-size", 30, "--beam-size", 1, "--max-length", 5, "--overwrite"),
)
PACK = ("pack", "../model", "given", "--prepared", "../prepared", "--overwrite")

STEPS: tuple[tuple[int, list[pytest.MarkDecorator]], ...] = ((1, [pytest.mark.faults]), (37, []))
"""How many changes apart the faults are, and the marker of the test."""
EVERY = pytest.mark.parametrize(
    ("fault", "step"), [pytest.param(fault, step, marks=marks) for fault in ("kill", "full") for step, marks in STEPS]
)


@pytest.fixture(scope="module")
def run() -> Iterator[Faults]:
    with fault_server() as server:
        yield server


@pytest.fixture(scope="module")
def home(run: Faults, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with text, a corpus prepared from it, and a model."""
    folder = tmp_path_factory.mktemp("home")
    for split, start, count in (("train", 1000, 60), ("dev", 4, 4), ("test", 5, 4)):
        write_numbers(folder, split, start, count)
    (folder / "here").mkdir()
    succeed(run(folder / "here", "preprocess", *TEXT, "--vocabulary-size", 300, "--out", "../prepared"))
    succeed(run(folder / "here", *TRAIN))
    (folder / "here" / "m").rename(folder / "model")
    return folder


def succeed(ended: Ended) -> Ended:
    assert ended.status == 0, ended.output
    return ended


def fail_in_one_line(ended: Ended) -> None:
    assert ended.status == 1, ended.output
    assert "Traceback" not in ended.output
    assert ended.output.splitlines()[-1].startswith("nmt: ")
    assert "No space left on device" in ended.output.splitlines()[-1]


def faults(
    run: Faults, home: Path, arguments: tuple[object, ...], before: dict[str, Path], fault: str, step: int
) -> Iterator[tuple[int, Path]]:
    """Run a command with a fault at every `step`-th change, each time in a folder that holds copies of `before`; yields
    the number of the change, and the folder."""
    number = 1 + step // 2
    while True:
        folder = home / f"{fault}-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "notes.txt").write_text("precious")
        for name, origin in before.items():
            shutil.copytree(origin, folder / name)
        ended = run(folder, *arguments, fault=fault, at=number)
        if fault == "kill" and ended.status != KILLED:
            succeed(ended)
            break
        if fault == "full":
            if ended.status == 0:  # it was full when nothing more was to be written
                break
            fail_in_one_line(ended)
        yield number, folder
        assert (folder / "notes.txt").read_text() == "precious"
        assert not [path.name for path in folder.rglob("*.partial") if path.is_dir() or path.parent != folder]
        shutil.rmtree(folder)
        number += step
    shutil.rmtree(folder)
    assert number > step, "the fault was never reached"


def training(folder: Path) -> tuple[object, ...]:
    """What does not depend on the time that a run took: the hashes of its weights and of its state, its validations."""
    validations = []
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["kind"] == "validation":
            validations.append({key: value for key, value in record.items() if key not in VOLATILE})
    hashes = [read_metadata(folder / name)["sha256"] for name in ("weights.safetensors", "last/state.safetensors")]
    return (*hashes, validations)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def weights(folder: Path) -> set[bytes]:
    return {path.read_bytes() for path in folder.rglob("weights.safetensors")}


@EVERY
@pytest.mark.parametrize("go_on", ["--resume", "--overwrite"])
def test_training_a_new_model(run: Faults, home: Path, fault: str, step: int, go_on: str) -> None:
    expected = training(home / "model")
    for number, folder in faults(run, home, TRAIN, {}, fault, step):
        existed = (folder / "m").exists()
        saved = any((folder / "m" / name).exists() for name in ("unfinished.toml", "config.toml"))
        # the command that nmt prints, without options, suffices as soon as they are saved
        ended = run(folder, *(("train", "--out", "m") if go_on == "--resume" and saved else TRAIN), go_on)
        if go_on == "--resume" and not existed:
            assert "no state to resume from" in ended.output
            continue
        succeed(ended)
        assert training(folder / "m") == expected, number


@EVERY
@pytest.mark.parametrize("go_on", ["--resume", "--overwrite"])
def test_training_in_place_of_a_model(run: Faults, home: Path, fault: str, step: int, go_on: str) -> None:
    again = (*TRAIN, "--seed", 5)
    succeed(run(home / "here", *again))
    expected = training(home / "here" / "m")
    shutil.rmtree(home / "here" / "m")
    old = weights(home / "model").pop()
    for number, folder in faults(run, home, (*again, "--overwrite"), {"m": home / "model"}, fault, step):
        begun = {"unfinished.toml", "replaced-1"} & {path.name for path in (folder / "m").iterdir()}
        assert old in weights(folder) or training(folder / "m") == expected, number
        succeed(run(folder, *again, go_on))
        if go_on == "--overwrite" or begun:
            assert training(folder / "m") == expected, number
            assert not list((folder / "m").glob("replaced-*")), number


@EVERY
def test_adapting_a_model(run: Faults, home: Path, fault: str, step: int) -> None:
    """Also if the model that it starts from is gone when the run is resumed from a saved state."""
    adapt = (*TRAIN, "--from", "base", "--freeze", "embeddings")
    shutil.copytree(home / "model", home / "here" / "base")
    succeed(run(home / "here", *adapt))
    expected = training(home / "here" / "m")
    shutil.rmtree(home / "here" / "m")
    shutil.rmtree(home / "here" / "base")
    for number, folder in faults(run, home, adapt, {"base": home / "model"}, fault, step):
        begun = any((folder / "m" / name).exists() for name in ("unfinished.toml", "config.toml"))
        if (folder / "m" / "last" / "state.safetensors").exists() and not (folder / "m" / "unfinished.toml").exists():
            shutil.rmtree(folder / "base")
        succeed(run(folder, *adapt, *(["--resume"] if begun else ["--overwrite"])))
        assert training(folder / "m") == expected, number


@EVERY
def test_resuming_a_model(run: Faults, home: Path, fault: str, step: int) -> None:
    longer = ("train", "--out", "m", "--resume", "--max-steps", 8)
    shutil.copytree(home / "model", home / "here" / "m")
    succeed(run(home / "here", *longer))
    expected = training(home / "here" / "m")
    shutil.rmtree(home / "here" / "m")
    for number, folder in faults(run, home, longer, {"m": home / "model"}, fault, step):
        assert weights(folder), number
        succeed(run(folder, *longer))
        assert training(folder / "m") == expected, number


@EVERY
@pytest.mark.parametrize("existing", [False, True])
def test_preparing_a_corpus(run: Faults, home: Path, fault: str, step: int, existing: bool) -> None:
    succeed(run(home / "here", *PREPARE))
    expected = contents(home / "here" / "p")
    shutil.rmtree(home / "here" / "p")
    before = {"p": home / "prepared"} if existing else {}
    old = contents(home / "prepared")["train.arrow"]
    for number, folder in faults(run, home, (*PREPARE, "--overwrite"), before, fault, step):
        assert not existing or old in {path.read_bytes() for path in folder.rglob("train.arrow")}, number
        succeed(run(folder, *PREPARE, "--overwrite"))
        assert contents(folder / "p") == expected, number


@EVERY
def test_translating_in_bulk(run: Faults, home: Path, fault: str, step: int) -> None:
    succeed(run(home / "here", *BULK))
    expected = {name: (home / "here" / name).read_bytes() for name in ("o.en", "r")}
    for name in expected:
        (home / "here" / name).unlink()
    for number, folder in faults(run, home, BULK, {}, fault, step):
        succeed(run(folder, *BULK))
        left = contents(folder)
        assert left == {**expected, "notes.txt": b"precious"}, number


@EVERY
def test_making_pairs(run: Faults, home: Path, fault: str, step: int) -> None:
    succeed(run(home / "here", *AUGMENT))
    expected = {name: (home / "here" / name).read_bytes() for name in ("a.num", "a.en", "a.augment.json", "r")}
    for name in expected:
        (home / "here" / name).unlink()
    for number, folder in faults(run, home, AUGMENT, {}, fault, step):
        succeed(run(folder, *AUGMENT))
        left = {name: content for name, content in contents(folder).items() if not name.endswith(".partial")}
        assert left == {**expected, "notes.txt": b"precious"}, number


@EVERY
def test_packing_a_model(run: Faults, home: Path, fault: str, step: int) -> None:
    succeed(run(home / "here", *PACK))
    expected = contents(home / "here" / "given")
    for number, folder in faults(run, home, PACK, {"given": home / "here" / "given"}, fault, step):
        assert expected["weights.safetensors"] in weights(folder), number
        succeed(run(folder, *PACK))
        assert contents(folder / "given") == expected, number
    shutil.rmtree(home / "here" / "given")
