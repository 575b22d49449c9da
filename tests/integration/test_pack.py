"""`nmt pack`: a copy of a model that works, holds nothing of this machine, and replaces nothing but another copy."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from nmt_cli.checkpoint.layout import MODEL
from nmt_cli.cli.app import main

pytestmark = pytest.mark.integration

SENTENCE = "3 0 7 0"
"""A sentence of dev."""
SMALL = ["--embedding-size", "16", "--hidden-size", "16", "--threads", "1", "--batch-tokens", "128"]
NAMES = {"README.md", "config.toml", "lexicon.safetensors", "manifest.json", "metrics.jsonl"} | {
    "tokenizer.model", "weights.safetensors"
}  # fmt: skip


def nmt(*arguments: object, status: int = 0) -> tuple[str, str]:
    """Run `nmt` in this process; returns what it prints."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as exited:
        main([str(argument) for argument in arguments])
    assert int(exited.value.code or 0) == status, err.getvalue()
    return out.getvalue(), err.getvalue()


def refused(*arguments: object) -> str:
    """The one line with which a command refuses to run."""
    out, err = nmt(*arguments, status=1)
    assert (out, err.count("\n")) == ("", 1), err
    return err


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody's folder, with text, a corpus and a model, all named by their whole path."""
    folder = tmp_path_factory.mktemp("work") / "maria"
    folder.mkdir()
    for split, start, count in (("train", 1000, 300), ("dev", 3000, 20), ("test", 4000, 20)):
        lines = [" ".join(str(start + 7 * n)) for n in range(count)]
        (folder / f"{split}.en").write_text("".join(f"{line}\n" for line in lines))
        (folder / f"{split}.ko").write_text("".join(f"{line[::-1]} .\n" for line in lines))
    texts = [word for split in ("train", "dev", "test") for word in (f"--{split}", folder / split)]
    nmt("preprocess", *texts, "--source", "en", "--target", "ko", "--out", folder / "corpus")
    (folder / "options.toml").write_text("max_steps = 12\n")
    train = ["train", folder / "corpus", "--out", folder / "translator", "--config", folder / "options.toml", *SMALL]
    nmt(*train)
    nmt(*train, "--overwrite")  # the log names the folder of the previous model
    return folder


@pytest.fixture(scope="module")
def packed(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model, packed into a folder."""
    out = tmp_path_factory.mktemp("packed") / "en-ko"
    nmt("pack", home / "translator", out, "--licence", "CC BY 4.0")
    return out


def unzip(path: Path, folder: Path) -> Path:
    """Unpack a zip into a new folder, and return the one that was in it."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    (model,) = folder.iterdir()
    return model


def test_a_packed_model_has_no_training_state_and_no_trace_of_the_machine(home: Path, packed: Path) -> None:
    assert {path.name for path in packed.iterdir()} == NAMES
    assert (home / "translator" / "last").is_dir()
    metrics = (home / "translator" / "metrics.jsonl").read_text()
    assert str(home) in metrics, "what is to be removed must be there"
    assert SENTENCE in metrics
    assert str(home) in (home / "translator" / "manifest.json").read_text()
    folders = [home / "translator", *(home / "translator").parents, packed.parent, Path.home()]
    traces = {str(folder) for folder in folders if len(str(folder)) > 1} | {"maria", SENTENCE}
    for path in packed.iterdir():
        content = path.read_bytes()
        assert not [trace for trace in traces if trace.encode() in content], path.name
    manifest = json.loads((packed / "manifest.json").read_text())
    assert manifest["prepared"] == "corpus"
    command = ["nmt", "train", "corpus", "--out", "translator", "--threads", "1", "--embedding-size", "16"]
    assert manifest["command"][: len(command)] == command
    assert manifest["command"][-2:] == ["--max-steps", "12"]
    records = [json.loads(line) for line in (packed / "metrics.jsonl").read_text().splitlines()]
    assert "validation" in {record["kind"] for record in records}
    assert all("dev_chrf" in record for record in records if record["kind"] == "validation")


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_the_example_of_the_card_works_where_the_model_is(home: Path, packed: Path, tmp_path: Path, form: str) -> None:
    if form == "zip":
        nmt("pack", home / "translator", tmp_path / "Our models.zip")
        packed = unzip(tmp_path / "Our models.zip", tmp_path / "elsewhere")
        assert packed.name == "Our models"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "nmt").write_text(f'#!/bin/sh\nexec {sys.executable} -m nmt_cli "$@"\n')
    (tmp_path / "bin" / "nmt").chmod(0o755)
    work = packed.parent
    shutil.copy(home / "test.en", work / "in.en")
    (example,) = re.findall(r"^    (nmt translate .*)$", (packed / "README.md").read_text(), re.M)
    path = os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]])
    subprocess.run(["bash", "-c", example], cwd=work, env={**os.environ, "PATH": path}, check=True)
    nmt("translate", "--model", home / "translator", home / "test.en", "--out", tmp_path / "expected")
    assert (work / "out.ko").read_bytes() == (tmp_path / "expected").read_bytes()


def test_the_card_has_licence_and_scores_of_the_test_split(home: Path, packed: Path) -> None:
    card = (packed / "README.md").read_text()
    assert "## Licence\n\nCC BY 4.0\n" in card
    scores = json.loads(nmt("eval", "--model", home / "translator", "--json")[0])
    for name, key in (("BLEU", "bleu"), ("chrF++", "chrf")):
        score = scores[key]
        assert f"| {name} | {score['score']:.2f} | {score['low']:.2f} to {score['high']:.2f} |" in card
        assert score["signature"] in card
    assert "| test, 20 sentences | score | 95 % interval |" in card
    assert "Beam 5, length penalty 1.0" in card
    assert "on 300 sentence pairs" in card


def test_without_the_corpus_the_card_has_scores_on_dev(home: Path, tmp_path: Path) -> None:
    for change, reason in (({"prepared": str(tmp_path)}, "no prepared corpus"), ({"corpus": "0"}, "prepared again")):
        model = shutil.copytree(home / "translator", tmp_path / "model", dirs_exist_ok=True)
        MODEL.write(model, MODEL.read(home / "translator").model_copy(update=change))
        _, err = nmt("pack", model, tmp_path / "out", "--overwrite")
        assert "the card has scores on dev only: " in err
        assert reason in err
        card = (tmp_path / "out" / "README.md").read_text()
        assert "| dev, at most 500 sentences, greedy | score |" in card
        assert "| test, " not in card
        assert "Not stated." in card
        nmt("pack", model, tmp_path / "with", "--prepared", home / "corpus", "--overwrite")
        assert "| test, 20 sentences |" in (tmp_path / "with" / "README.md").read_text()


def test_a_packed_model_does_what_a_model_does_except_resuming(home: Path, packed: Path, tmp_path: Path) -> None:
    assert "en -> ko" in nmt("info", packed)[0]
    assert "attention" in nmt("explain", "1 2", "--model", packed)[0]
    files = [home / "test.en", "--reference", home / "test.ko"]
    scores = [json.loads(nmt("eval", "--model", model, *files, "--json")[0]) for model in (packed, home / "translator")]
    assert scores[0]["chrf"] == scores[1]["chrf"]
    assert "without its corpus; give --prepared FOLDER, or a file with" in refused("eval", "--model", packed)
    quick = ["--lines", 2, "--repeats", 1, "--batch-size", 2, "--threads", 1, "--precision", "fp32"]
    assert "20 lines of" in nmt("bench", packed, *files, *quick)[0]
    assert "without the state to resume from; resume the model that" in refused(
        "train", home / "corpus", "--out", packed, "--resume"
    )
    nmt("pack", packed, tmp_path / "again")
    assert (tmp_path / "again" / "manifest.json").read_text() == (packed / "manifest.json").read_text()


def test_zips_of_a_model_are_equal_and_must_be_unpacked(home: Path, packed: Path, tmp_path: Path) -> None:
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        nmt("pack", home / "translator", tmp_path / folder / "en-ko.zip", "--licence", "CC BY 4.0")
    first, second = (tmp_path / folder / "en-ko.zip" for folder in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    unpacked = unzip(first, tmp_path / "unpacked")
    assert {path.name: path.read_bytes() for path in unpacked.iterdir()} == {
        path.name: path.read_bytes() for path in packed.iterdir()
    }
    for command in (["translate", "--model", first, home / "test.en", "-o", tmp_path / "out"], ["info", first]):
        assert "en-ko.zip: is a zip file; unpack it and name the folder that was in it" in refused(*command)


def test_only_a_packed_model_is_replaced_and_only_on_request(home: Path, packed: Path, tmp_path: Path) -> None:
    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    pack = ["pack", home / "translator"]
    foreign = shutil.copytree(packed, tmp_path / "foreign")
    (foreign / "notes.txt").write_text("mine")
    shutil.copytree(home / "translator", tmp_path / "trained", ignore=shutil.ignore_patterns("last"))
    (tmp_path / "file").write_text("mine")
    (tmp_path / "text.zip").write_text("mine")
    (tmp_path / "folder.zip").mkdir()
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("album/manifest.json", "{}")
    before = files()
    assert "is read as model and written by out" in refused(*pack, home / "translator", "--overwrite")
    for out in sorted(tmp_path.iterdir()):
        assert "was not written by nmt pack, so it is not touched" in refused(*pack, out, "--overwrite")
    assert files() == before
    assert (home / "translator" / "last").is_dir()
    (tmp_path / "empty").mkdir()
    for out in (tmp_path / "empty", tmp_path / "new", tmp_path / "new.zip"):
        nmt(*pack, out)
        before = files()
        assert f"{out}: already exists; choose another name, or use --overwrite" in refused(*pack, out)
        assert files() == before
        nmt(*pack, out, "--overwrite", "--licence", "MIT")
        folder = unzip(out, tmp_path / "unpacked") if out.is_file() else out
        assert "## Licence\n\nMIT\n" in (folder / "README.md").read_text()
    assert not list(tmp_path.glob(".*")), "nothing temporary is left"
    assert "name the model, and the folder or .zip file to write" in refused("pack", home / "translator")
