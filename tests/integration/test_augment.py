"""`nmt augment`: pairs by back-translation and distillation, and their description that nmt preprocess reads."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from conftest import DIFFICULT_LINES, TINY_TEXT, Nmt, in_process
from send_signal import run_with_signal

from nmt_cli.api import workers
from nmt_cli.api.augment import LEFT_OUT
from nmt_cli.api.shards import Shard, ShardDir, ShardResult
from nmt_cli.checkpoint.layout import MODEL, read_weights_metadata
from nmt_cli.config import PreprocessConfig
from nmt_cli.corpus.augmented import read_augmented
from nmt_cli.corpus.train_text import train_texts
from nmt_cli.errors import CorpusError

pytestmark = pytest.mark.integration

SEARCH = ("--beam-size", 1, "--min-length", 1, "--max-length", 8, "--device", "cpu")
LINES = [*TINY_TEXT, *dict.fromkeys(" ".join(TINY_TEXT).split())]


def translate_here(
    work: Callable[[Shard], ShardResult], _: object, shards: Iterator[Shard], folder: ShardDir
) -> Iterator[int]:
    """Instead of handing shards to worker processes, which take seconds to start."""
    for shard in shards:
        folder.write(shard.name, work(shard))
        yield len(shard.lines)


@pytest.fixture
def nmt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nmt:
    """Runs `nmt` in an empty folder, without worker processes; returns exit status, standard output and error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workers, "_dispatch", translate_here)
    monkeypatch.setattr(workers, "_workers", lambda config: nullcontext())
    return in_process(capsys)


def write(name: str, lines: list[str]) -> None:
    Path(name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")


def read(name: str) -> list[str]:
    return Path(name).read_bytes().decode().split("\n")[:-1]


def translations(nmt: Nmt, model: Path, file: str) -> tuple[list[str], list[set[str]]]:
    """What `nmt translate` writes for each line of a file, and the issues that it reports."""
    entries = [
        json.loads(line)
        for line in nmt("translate", file, "-m", model, "--output-format", "jsonl", *SEARCH)[1].split("\n")[:-1]
    ]
    return [entry["translation"] for entry in entries], [set(entry["issues"]) for entry in entries]


@pytest.mark.parametrize("keep_all", [False, True])
def test_back_translation_pairs_each_line_with_its_translation_in_order(
    nmt: Nmt, tiny_model: Path, keep_all: bool
) -> None:
    Path("mono.en").write_bytes(b"\n".join(DIFFICULT_LINES) + b"\n" + "\n".join(LINES).encode() + b"\n")
    texts, issues = translations(nmt, tiny_model, "mono.en")
    arguments = ("augment", "-m", tiny_model, "--text", "mono.en", "--out", "back", "--tag", "bt", "--shard-size", 7)
    status, _, err = nmt(*arguments, *SEARCH, "--receipt", "r", *(["--keep-all"] if keep_all else []))
    assert status == 0, err
    left_out = {"blank"} if keep_all else {"blank", *LEFT_OUT}
    kept = [not found & left_out for found in issues]
    assert 0 < sum(kept) < len(kept)
    assert read("back.ko") == [text for text, keep in zip(texts, kept, strict=True) if keep]
    given = [line.removesuffix(b"\r").decode(errors="replace").removeprefix("\ufeff") for line in DIFFICULT_LINES]
    assert read("back.en") == [line for line, keep in zip(given + LINES, kept, strict=True) if keep]
    assert f"back: {sum(kept)} pairs of {len(kept)} lines, {len(kept) - sum(kept)} left out" in err
    assert "left out: 3 of" in err
    assert len(read("r")) == sum(map(bool, issues))
    assert not Path("back.shards").exists()
    manifest = read_augmented("back")
    assert manifest is not None
    assert (manifest.method, manifest.source, manifest.target) == ("back-translation", "ko", "en")
    assert (manifest.tag, manifest.lines, manifest.pairs) == ("bt", len(kept), sum(kept))
    assert manifest.left_out == {kind: count for kind in left_out if (count := sum(kind in found for found in issues))}
    (model,) = manifest.models
    assert model.sha256 == read_weights_metadata(tiny_model, MODEL.read(tiny_model))["sha256"]


def test_distillation_keeps_the_source_side_of_any_form_of_pairs(nmt: Nmt, tiny_model: Path) -> None:
    rows = [f"{line}\t집 {n}" for n, line in enumerate(LINES)]
    write("pairs.tsv", ["en\tko", *rows, "a\tb\tc", "\t집"])
    write("sources", [*LINES, ""])
    texts, issues = translations(nmt, tiny_model, "sources")
    kept = [found.isdisjoint({"blank", *LEFT_OUT}) for found in issues]
    status, _, err = nmt("augment", "-m", tiny_model, "--pairs", "pairs.tsv", "--out", "taught", *SEARCH)
    assert status == 0, err
    assert read("taught.en") == [line for line, keep in zip([*LINES, ""], kept, strict=True) if keep]
    assert read("taught.ko") == [text for text, keep in zip(texts, kept, strict=True) if keep]
    assert err.count("rows with 3 columns instead of 2, skipped") == 1
    manifest = read_augmented("taught")
    assert manifest is not None
    assert (manifest.method, manifest.source, manifest.target) == ("distillation", "en", "ko")
    assert manifest.tag is None


def test_a_killed_run_resumes_and_keeps_what_is_done(tmp_path: Path, tiny_model: Path) -> None:
    """With worker processes, as users run it."""
    text, out = tmp_path / "mono.en", tmp_path / "back"
    text.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    arguments = ["augment", "-m", tiny_model, "--text", text, "--out", out, "--keep-all", *SEARCH]
    arguments = [*arguments, "--workers", 1, "--shard-size", 5]
    first = run_with_signal(signal.SIGKILL, "nmt_cli.api.shards:ShardDir.write", 2, *arguments)
    assert first.returncode == -signal.SIGKILL, first.stderr
    finished = sorted(Path(f"{out}.shards").glob("0*.json"))
    assert len(finished) == 2
    assert [path.name for path in tmp_path.glob("back.*")] == ["back.shards"]
    done = ShardResult.from_json(finished[0].read_text(encoding="utf-8"))
    lines = done.texts["generated"].count("\n")
    marked = ShardResult({**done.texts, "generated": "marked\n" * lines}, done.issue_counts)
    finished[0].write_text(str(marked), encoding="utf-8")  # to see that the second run does not translate it again
    command = [sys.executable, "-m", "nmt_cli", *map(str, arguments)]
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stderr
    assert f"10 of {len(LINES)} lines are already translated" in second.stderr
    assert read(f"{out}.en") == LINES
    assert len(read(f"{out}.ko")) == len(LINES)
    assert read(f"{out}.ko").count("marked") == lines
    assert not Path(f"{out}.shards").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--text", "mono.en"), "name with --out the prefix"),
        (("--out", "o"), "give either --text"),
        (("--out", "o", "--text", "mono.en", "--pairs", "mono"), "give either --text"),
        (("--out", "o", "--text", "nowhere"), "nowhere: no such file"),
        (("--out", "o", "--pairs", "nowhere"), "nowhere.en and nowhere.ko: no such file"),
        (("--out", "o", "--text", "mono.en", "--n-best", 2), "n_best 2: a pair has one translation"),
        (("--out", "o", "--text", "mono.en", "--format", "tsv"), "format applies to --pairs, not to --text"),
        (("--out", "o", "--text", "mono.en", "--tag", "a b"), "--tag: tag = 'a b': a tag has 1 to 32"),
        (("--out", "mono", "--text", "mono.en"), "already exists; choose another --out"),
        (("--out", "mono", "--text", "mono.en", "--overwrite"), "mono.en: is read as --text, and would be written"),
        (("--out", "mono", "--pairs", "mono", "--overwrite"), "mono.en: is read as --pairs, and would be written"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_and_changes_nothing(
    arguments: tuple[object, ...], message: str, nmt: Nmt, tiny_model: Path
) -> None:
    write("mono.en", ["a dog"])
    write("mono.ko", ["개"])
    status, out, err = nmt("augment", "-m", tiny_model, *arguments)
    assert (status, out, err.count("\n")) == (1, "", 1), err
    assert message in err
    assert sorted(path.name for path in Path().iterdir()) == ["mono.en", "mono.ko"]
    assert (read("mono.en"), read("mono.ko")) == (["a dog"], ["개"])


def test_shards_of_another_command_or_of_other_options_are_not_used(
    nmt: Nmt, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("mono.en", LINES)

    def interrupted(*arguments: object) -> Iterator[int]:
        yield next(translate_here(*arguments))  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(workers, "_dispatch", interrupted)
    arguments = ("-m", tiny_model, "--out", "o", "--shard-size", 3)
    assert nmt("augment", "--text", "mono.en", *arguments, *SEARCH)[0] == 130
    for command, message in (
        (("augment", "--text", "mono.en", *arguments, *SEARCH, "--keep-all"), "was started with keep_all False"),
        (("bulk", "mono.en", *arguments, *SEARCH), "holds finished shards of nmt augment"),
    ):
        status, _, err = nmt(*command)
        assert (status, err.count("\n")) == (1, 1)
        assert message in err


@pytest.fixture
def augmented(nmt: Nmt, tiny_model: Path) -> str:
    """The prefix of pairs that nmt augment made."""
    write("mono.en", [f"{word} {other}" for word in LINES[6:16] for other in LINES[6:]])
    assert (
        nmt("augment", "-m", tiny_model, "--text", "mono.en", "--out", "b", "--tag", "bt", "--keep-all", *SEARCH)[0]
        == 0
    )
    return "b"


@pytest.mark.parametrize(("given", "tag"), [([], "bt"), (["-"], None), (["web"], "web")])
def test_pairs_have_the_tag_that_they_were_made_with_unless_another_is_given(
    augmented: str, given: list[str], tag: str | None
) -> None:
    for name in (augmented, f"{augmented}=2"):
        (text,) = train_texts(PreprocessConfig(train=[name], tag=given), ("ko", "en"))
        assert (text.name, text.tag) == (augmented, tag)


def test_preprocess_says_how_pairs_were_made_and_refuses_changed_ones(nmt: Nmt, augmented: str) -> None:
    text = ("--train", augmented, "--source", "ko", "--target", "en", "--keep", "wrong-script")
    prepare = ("preprocess", *text, "--out", "p", "--threads", 1)
    err = nmt(*prepare)[2]
    assert f"b: {len(read('mono.en')):,} pairs made by back-translation with tiny, tag bt" in err
    write("b.ko", [*read("b.ko")[:-1], "changed"])
    with pytest.raises(CorpusError, match="is not the file that"):
        read_augmented(augmented)
    status, _, err = nmt(*prepare)
    assert (status, err.count("\n")) == (1, 1)
    assert "b.ko: is not the file that b.augment.json describes" in err
    Path("b.augment.json").unlink()
    assert read_augmented(augmented) is None
    assert "is not the file" not in nmt(*prepare)[2]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"tag": "bt"', '"tag": "other"', "does not match the hash that it holds"),
        ('"source": "ko"', '"source": "../ko"', "damaged at source"),
        ('"kind": "augmented"', '"kind": "model"', "not a description of augmented pairs"),
        ("{", "", "cannot be read"),
    ],
)
def test_a_changed_description_is_refused(old: str, new: str, message: str, augmented: str) -> None:
    path = Path(f"{augmented}.augment.json")
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        read_augmented(augmented)
