"""`nmt preprocess` and `nmt info`, from raw text to a prepared folder."""

import errno
import gzip
import http.server
import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import Nmt, in_process, restore_default_sigint

from nmt_cli.atomic import dir_lock
from nmt_cli.atomic_directory import MARK, _sweep
from nmt_cli.corpus import prepare as preparation
from nmt_cli.corpus import train_tokenizer
from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.corpus.manifest import PREPARED, PreparedManifest
from nmt_cli.manifest import FolderType

pytestmark = pytest.mark.integration


WORDS = {"one": "하나", "two": "둘", "three": "셋", "four": "넷", "five": "다섯", "red": "빨강", "blue": "파랑"}
LANGUAGES = ("--source", "en", "--target", "ko")


@pytest.fixture
def nmt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nmt:
    """Runs `nmt` in an empty folder; returns exit status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    return in_process(capsys)


def pairs(first: int, last: int) -> list[tuple[str, str]]:
    """Pairs of number words, all different."""
    names = list(WORDS)
    numbers = [[names[i % 7], names[i // 7 % 7], names[i // 49 % 7], names[i // 343]] for i in range(first, last)]
    return [(" ".join(words), " ".join(WORDS[word] for word in words)) for words in numbers]


def write(path: Path, lines: Iterable[str], end: str = "\n") -> None:
    path.write_text("".join(line + end for line in lines), encoding="utf-8", newline="")


def write_pairs(prefix: Path, rows: Iterable[tuple[str, str]]) -> None:
    rows = list(rows)
    write(Path(f"{prefix}.en"), [source for source, _ in rows])
    write(Path(f"{prefix}.ko"), [target for _, target in rows])


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Plain train, dev and test files."""
    for name, first, last in (("train", 0, 120), ("dev", 200, 210), ("test", 300, 312)):
        write_pairs(tmp_path / name, pairs(first, last))
    return tmp_path


def texts(corpus: PreparedCorpus, name: str) -> list[tuple[str, str]]:
    split = corpus.split(name)
    return list(zip(split.source_texts(), split.target_texts(), strict=True))


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if "partial" in path.name]


ALL = ("preprocess", "--train", "train", "--dev", "dev", "--test", "test", *LANGUAGES)


def test_plain_files_are_written_as_a_prepared_folder(nmt: Nmt, text: Path) -> None:
    status, out, err = nmt(*ALL)
    assert status == 0
    assert out.splitlines()[-1] == "Next: nmt train prepared"
    assert "reading train: train.en + train.ko" in err
    corpus = PreparedCorpus.open(text / "prepared")
    assert corpus.manifest.counts == {"train": 120, "dev": 10, "test": 12}
    assert texts(corpus, "train") == pairs(0, 120)
    assert texts(corpus, "test") == pairs(300, 312)
    tokenizers = corpus.tokenizers
    assert tokenizers.joint
    for name in ("train", "dev", "test"):
        split = corpus.split(name)
        for i in range(len(split)):
            assert split.source_ids(i).tolist() == tokenizers.source.encode(split.source_text(i))
            assert tokenizers.target.decode(split.target_ids(i).tolist()) == split.target_text(i)
        assert corpus.manifest.subwords[name] == (split.source_lengths.sum(), split.target_lengths.sum())
    splits = {"train.arrow", "dev.arrow", "test.arrow"}
    expected = {"manifest.json", "report.json", "tokenizer.model", "lexicon.safetensors", *splits}
    assert {path.name for path in (text / "prepared").iterdir()} == expected
    assert not leftovers(text)


def test_default_prepares_the_bundled_sample(nmt: Nmt, tmp_path: Path) -> None:
    status, out, _ = nmt("preprocess")
    assert status == 0
    assert out.splitlines()[-1] == "Next: nmt train prepared"
    manifest = PreparedCorpus.open(tmp_path / "prepared").manifest
    assert (manifest.source, manifest.target) == ("en", "ko")
    assert manifest.command == ["nmt", "preprocess"]
    assert set(manifest.counts) == {"train", "dev", "test"}
    report = json.loads((tmp_path / "prepared" / "report.json").read_text())
    assert not any(f["dropped"] for f in report["splits"]["train"]["findings"]), "the bundled sample is clean"
    assert nmt("preprocess", "--source", "ko", "--target", "en", "--overwrite")[0] == 0
    assert PreparedCorpus.open(tmp_path / "prepared").manifest.source == "ko"


def test_output_is_deterministic(nmt: Nmt, text: Path) -> None:
    assert nmt(*ALL, "--out", "a/b")[0] == 0
    assert nmt(*ALL, "--out", "other", "--threads", 1)[0] == 0
    files = sorted(path.name for path in (text / "other").iterdir())
    assert {name: (text / "a" / "b" / name).read_bytes() for name in files} == {
        name: (text / "other" / name).read_bytes() for name in files
    }


def test_number_of_processes_does_not_change_the_output(nmt: Nmt, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmt_cli.corpus.scratch_file.CHUNK", 7)
    assert nmt(*ALL, "--out", "one", "--threads", 1)[0] == 0
    monkeypatch.setattr("nmt_cli.corpus.corpus_encoder.MIN_PARALLEL_PAIRS", 0)
    assert nmt(*ALL, "--out", "two", "--threads", 2)[0] == 0
    for name in ("train.arrow", "report.json", "manifest.json"):
        assert (text / "one" / name).read_bytes() == (text / "two" / name).read_bytes()
    assert texts(PreparedCorpus.open(text / "two"), "train") == pairs(0, 120)


def test_second_run_leaves_an_up_to_date_folder_untouched(
    nmt: Nmt, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert nmt(*ALL)[0] == 0
    before = {path: path.stat().st_mtime_ns for path in (text / "prepared").iterdir()}
    monkeypatch.setattr(preparation, "check_split", None)
    status, out, _ = nmt(*ALL)
    assert status == 0
    assert "prepared is up to date" in out
    assert out.splitlines()[-1] == "Next: nmt train prepared"
    assert {path: path.stat().st_mtime_ns for path in (text / "prepared").iterdir()} == before
    monkeypatch.undo()
    os.chdir(text)
    assert nmt(*ALL, "--overwrite")[0] == 0
    assert {path: path.stat().st_mtime_ns for path in (text / "prepared").iterdir()} != before


def test_damaged_folder_is_prepared_again(nmt: Nmt, text: Path) -> None:
    assert nmt(*ALL)[0] == 0
    (text / "prepared" / "dev.arrow").write_bytes(b"")
    status, out, _ = nmt(*ALL)
    assert status == 0
    assert "prepared is ready" in out
    assert len(PreparedCorpus.open(text / "prepared").split("dev")) == 10


def test_different_corpus_is_replaced_only_with_overwrite(nmt: Nmt, text: Path) -> None:
    assert nmt(*ALL)[0] == 0
    write_pairs(text / "train", pairs(0, 100))
    status, _, err = nmt(*ALL)
    assert (status, len(err.splitlines())) == (1, 1)
    assert "--overwrite replaces it" in err
    assert PreparedCorpus.open(text / "prepared").manifest.counts["train"] == 120
    assert nmt(*ALL, "--overwrite")[0] == 0
    assert PreparedCorpus.open(text / "prepared").manifest.counts["train"] == 100
    assert nmt(*ALL, "--max-ratio", "8")[0] == 1, "different options count as a different corpus"


def place_file(out: Path) -> None:
    out.write_text("precious")


def place_foreign_folder(out: Path) -> None:
    out.mkdir()
    (out / "precious").write_text("precious")


def place_model(out: Path) -> None:
    out.mkdir()
    (out / "manifest.json").write_text('{"kind": "model", "format": 1}')


def place_file_in_prepared(out: Path) -> None:
    out.mkdir()
    (out / "manifest.json").write_text('{"kind": "prepared", "format": 1}')
    (out / "notes.txt").write_text("precious")


@pytest.mark.parametrize("place", [place_file, place_foreign_folder, place_model, place_file_in_prepared])
@pytest.mark.parametrize("options", [[], ["--overwrite"]])
def test_foreign_files_and_folders_are_left_alone(
    nmt: Nmt, text: Path, place: Callable[[Path], None], options: list[str]
) -> None:
    place(text / "prepared")
    before = {p: p.read_bytes() for p in text.rglob("*") if p.is_file()}
    status, _, err = nmt(*ALL, *options)
    assert (status, len(err.splitlines())) == (1, 1)
    assert err.startswith("nmt: prepared: ")
    assert {p: p.read_bytes() for p in text.rglob("*") if p.is_file()} == before


DIRTY = [
    ("one two three four", "하나 둘 셋 넷"),
    ("", "빈 줄"),
    ("blank target", "\u3000"),
    ("one two three four", "하나 둘 셋 넷"),
    ("the very same text here", "the very same text here"),
    ("OK", "OK"),
    ("with\0nul", "널"),
    ("one one one one", "하나 하나 하나 하나"),
    ("line\u2028separator", "줄 구분"),
    ("wrong script", "english words only"),
    ("much too long " * 70, "너무 길다 " * 70),
    ("ratio", "비율 " * 60),
    ("\u2581", "빈칸"),
    ("red", "빨강"),
]


def test_cleaning_reports_all_splits_and_drops_from_train_only(nmt: Nmt, text: Path) -> None:
    write_pairs(text / "train", DIRTY)
    write_pairs(
        text / "dev", [("one one one one", "하나 하나 하나 하나"), ("", "빈"), ("red", "다른 빨강"), ("a\0b", "널")]
    )
    write_pairs(text / "test", [("blue", "파랑"), ("blue", "파랑")])
    status, out, err = nmt(*ALL)
    assert status == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "train: 14 pairs read, 5 kept, 9 dropped (see report.json)" in err
    report = json.loads((text / "prepared" / "report.json").read_text())["splits"]
    counts = {f["check"]: (f["found"], f["dropped"]) for f in report["train"]["findings"]}
    assert counts == {
        "blank side": (3, 3),
        "control characters": (1, 1),
        "copies": (1, 1),
        "overlap": (1, 1),
        "duplicates": (1, 1),
        "wrong script": (3, 0),
        "too long": (1, 1),
        "length ratio": (1, 1),
        "short copies": (1, 0),
        "line separators": (1, 0),
    }
    train = report["train"]
    assert train["read"] - sum(dropped for _, dropped in counts.values()) == train["kept"] == 5
    examples = {f["check"]: f["examples"] for f in train["findings"]}
    assert [(e["file"], e["number"]) for e in examples["blank side"]] == [("train.en", n) for n in (2, 3, 13)]
    assert examples["overlap"][0] == {
        "file": "train.en",
        "number": 8,
        "source": "one one one one",
        "target": "하나 하나 하나 하나",
    }
    assert examples["too long"][0]["source"].endswith("…")
    corpus = PreparedCorpus.open(text / "prepared")
    assert texts(corpus, "train") == [DIRTY[i] for i in (0, 5, 8, 9, 13)]
    assert len(texts(corpus, "dev")) == 4, "dev keeps all its lines"
    assert corpus.split("dev").source_lengths.tolist()[1] == 0
    dev = {f["check"]: (f["found"], f["dropped"]) for f in report["dev"]["findings"]}
    assert dev == {"blank side": (1, 0), "control characters": (1, 0), "source in train": (1, 0)}
    assert {f["check"] for f in report["test"]["findings"]} == {"duplicates"}
    row = next(line for line in out.splitlines() if line.startswith("blank side"))
    assert row.split() == ["blank", "side", "3", "3", "1", "0", "train.en:2"]


@pytest.mark.parametrize(
    ("options", "dropped", "restored"),
    [
        ("--keep=duplicates --keep=wrong-script", 0, "one two three four"),
        ("--keep=copies --keep=wrong-script", 0, "the very same text here"),
        ("--keep=overlap --keep=wrong-script", 0, "one one one one"),
        ("--keep=control --keep=wrong-script", 0, "with\0nul"),
        ("--keep=none", 2, None),
        ("--max-length=5000", 0, "much too long " * 70),
        ("--max-ratio=200", 0, "ratio"),
    ],
)
def test_each_cleaning_check_has_an_option(
    nmt: Nmt, text: Path, options: str, dropped: int, restored: str | None
) -> None:
    write_pairs(text / "train", DIRTY)
    write_pairs(text / "dev", [("one one one one", "하나 하나 하나 하나")])
    assert nmt(*ALL, "--out", "plain")[0] == 0
    assert nmt(*ALL, "--out", "changed", *options.replace("=", " ").split())[0] == 0
    plain, changed = (
        [source for source, _ in texts(PreparedCorpus.open(text / name), "train")] for name in ("plain", "changed")
    )
    assert len(changed) == len(plain) + (1 if restored else -dropped)
    if restored:
        assert changed.count(restored) == plain.count(restored) + 1


@pytest.mark.parametrize(("suffix", "between"), [("tsv", "\t"), ("csv", ",")])
def test_cleaning_examples_show_file_line_and_text(nmt: Nmt, text: Path, suffix: str, between: str) -> None:
    rows = [("en", "ko"), *pairs(0, 60), ("cat", ""), ("the\1cat sat", "고양이")]
    write(text / f"all.{suffix}", [between.join(row) for row in rows])
    status, out, _ = nmt("preprocess", "--train", f"all.{suffix}", *LANGUAGES, "--out", "out")
    assert status == 0
    assert f"all.{suffix}:{len(rows) - 1}  cat | \n" in out
    assert f"all.{suffix}:{len(rows)}  the\\x01cat sat | 고양이\n" in out


def test_source_field_and_target_field_choose_the_json_keys(nmt: Nmt, text: Path) -> None:
    write(text / "all.jsonl", [json.dumps({"id": "x", "text": {"a": s, "b": t}}) for s, t in pairs(0, 60)])
    fields = ("--source-field", "text.b", "--target-field", "text.a")
    status, _, err = nmt(
        "preprocess",
        "--train",
        "all.jsonl",
        "--source",
        "ko",
        "--target",
        "en",
        *fields,
        "--holdout",
        5,
        "--out",
        "out",
    )
    assert status == 0, err
    corpus = PreparedCorpus.open(text / "out")
    rows = [pair for split in ("train", "dev", "test") for pair in texts(corpus, split)]
    assert sorted(rows) == sorted((t, s) for s, t in pairs(0, 60))


def test_dev_split_of_blank_pairs_is_refused(nmt: Nmt, text: Path) -> None:
    write_pairs(text / "dev", [("", "둘"), ("two", " ")])
    status, _, err = nmt(*ALL)
    assert status == 1
    assert "dev.en + dev.ko: every pair of dev has a blank side" in err


def test_removed_bom_and_carriage_returns_are_reported(nmt: Nmt, text: Path) -> None:
    (text / "train.en").write_bytes(b"\xef\xbb\xbf" + b"".join(s.encode() + b"\r\n" for s, _ in pairs(0, 120)))
    status, out, _ = nmt(*ALL)
    assert status == 0
    assert "train.en: 1 byte order marks removed" in out
    assert "train.en: 120 carriage returns removed from line ends" in out
    assert texts(PreparedCorpus.open(text / "prepared"), "train") == pairs(0, 120)


def test_missing_dev_and_test_are_held_out_of_train(nmt: Nmt, text: Path) -> None:
    command = ("preprocess", "--train", "train", *LANGUAGES, "--overwrite")
    status, _, err = nmt(*command, "--holdout", 7)
    assert status == 0
    for name in ("dev", "test"):
        assert f"no {name} text: held out 7 of 120 training pairs (seed 1)" in err

    def splits() -> dict[str, list[tuple[str, str]]]:
        corpus = PreparedCorpus.open(text / "prepared")
        return {name: texts(corpus, name) for name in ("train", "dev", "test")}

    first = splits()
    assert {name: len(rows) for name, rows in first.items()} == {"train": 106, "dev": 7, "test": 7}
    assert sorted(row for rows in first.values() for row in rows) == sorted(pairs(0, 120))
    assert nmt(*command, "--holdout", 7, "--seed", 2)[0] == 0
    assert splits()["dev"] != first["dev"]
    assert nmt(*command, "--dev", "dev", "--holdout", 1000)[0] == 0
    assert {name: len(rows) for name, rows in splits().items()} == {"train": 108, "dev": 10, "test": 12}


@pytest.mark.parametrize("rows", [pairs(0, 1), pairs(0, 2), pairs(0, 3), [("a", "나"), ("b", "다"), ("c", "라")]])
@pytest.mark.parametrize("options", [[], ["--tokenizer", "bpe", "--vocabulary", "separate"]])
def test_corpora_of_one_to_three_pairs_can_be_prepared(
    nmt: Nmt, tmp_path: Path, rows: list[tuple[str, str]], options: list[str]
) -> None:
    write_pairs(tmp_path / "tiny", rows)
    assert nmt("preprocess", "--train", "tiny", *LANGUAGES, *options)[0] == 0
    counts = PreparedCorpus.open(tmp_path / "prepared").manifest.counts
    assert counts == dict.fromkeys(("train", "dev", "test"), 1 if len(rows) == 3 else len(rows))


def option_cases() -> Iterator[tuple[list[str], Callable[[PreparedCorpus], Any], Any]]:
    yield ["--vocabulary", "separate"], lambda c: c.tokenizers.joint, False
    yield ["--tokenizer", "bpe"], lambda c: c.manifest.tokenizer.type, "bpe"
    yield ["--unicode", "nfkc"], lambda c: c.tokenizers.source.normalize("ﬁ"), "fi"
    yield ["--max-length", "50"], lambda c: c.manifest.max_length, 50
    yield ["--set", "max_length=40"], lambda c: c.manifest.max_length, 40


@pytest.mark.parametrize(("options", "value", "expected"), list(option_cases()))
def test_options_change_the_prepared_corpus(
    nmt: Nmt, text: Path, options: list[str], value: Callable[[PreparedCorpus], Any], expected: Any
) -> None:
    assert nmt(*ALL, *options)[0] == 0
    assert nmt(*ALL, "--out", "plain")[0] == 0
    assert value(PreparedCorpus.open(text / "prepared")) == expected
    assert value(PreparedCorpus.open(text / "plain")) != expected


def test_vocabulary_size_is_exact(nmt: Nmt, text: Path) -> None:
    rng = random.Random(1)
    latin, hangul = (
        [" ".join("".join(rng.choices(letters, k=5)) for _ in range(6)) for _ in range(200)]
        for letters in ("abcdefgh", "가나다라마바사아")
    )
    write_pairs(text / "train", list(zip(latin, hangul, strict=True)))
    for size in (300, 350):
        assert nmt(*ALL, "--vocabulary-size", size, "--out", size)[0] == 0
        assert PreparedCorpus.open(text / str(size)).manifest.tokenizer.source_size == size


def test_tokenizer_model_option_reuses_the_tokenizer(nmt: Nmt, text: Path) -> None:
    assert nmt(*ALL, "--out", "first", "--vocabulary-size", "305")[0] == 0
    model = text / "first" / "tokenizer.model"
    assert nmt(*ALL, "--tokenizer-model", model)[0] == 0
    assert (text / "prepared" / "tokenizer.model").read_bytes() == model.read_bytes()
    manifest = PreparedCorpus.open(text / "prepared").manifest
    assert manifest.tokenizer.type == "given"
    assert manifest.inputs["tokenizer"][0].path == str(model)
    assert nmt(*ALL, "--tokenizer-model", model, "--tokenizer-model", model, "--out", "two")[0] == 0
    assert not PreparedCorpus.open(text / "two").tokenizers.joint


def test_inputs_of_several_formats_are_concatenated(nmt: Nmt, text: Path) -> None:
    (text / "b.tsv.gz").write_bytes(gzip.compress("".join(f"{s}\t{t}\n" for s, t in pairs(120, 130)).encode()))
    write(text / "c.jsonl", [json.dumps({"en": s, "ko": t}) for s, t in pairs(130, 135)])
    status, _, _ = nmt(*ALL, "--train", "b.tsv.gz", "--train", "c.jsonl")
    assert status == 0
    corpus = PreparedCorpus.open(text / "prepared")
    assert texts(corpus, "train") == pairs(0, 135)
    assert [file.path for file in corpus.manifest.inputs["train"]] == ["train.en", "train.ko", "b.tsv.gz", "c.jsonl"]


@pytest.fixture
def server(text: Path) -> Iterator[str]:
    """Serves the text over HTTP; yields the URL."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(text))) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()


def test_input_files_are_read_over_http(nmt: Nmt, text: Path, server: str) -> None:
    (text / "far.ko.gz").write_bytes(gzip.compress((text / "train.ko").read_bytes()))
    (text / "far.en").write_bytes((text / "train.en").read_bytes())
    write(text / "dev.tsv", [f"{s}\t{t}" for s, t in pairs(200, 210)])
    remote = ("--train", f"{server}/far", "--dev", f"{server}/dev.tsv", "--test", f"{server}/test.en,{server}/test.ko")
    assert nmt("preprocess", *remote, *LANGUAGES)[0] == 0
    corpus = PreparedCorpus.open(text / "prepared")
    assert texts(corpus, "train") == pairs(0, 120)
    assert corpus.manifest.inputs["train"][1].path == f"{server}/far.ko.gz"
    status, _, err = nmt("preprocess", "--train", f"{server}/missing", *LANGUAGES, "--out", "other")
    assert (status, err.splitlines()[-1]) == (1, f"nmt: {server}/missing.en: not found (nor with .gz, .bz2, .xz, .zst)")


def test_input_file_may_be_a_pipe(text: Path) -> None:
    command = f"{sys.executable} -m nmt_cli {' '.join(ALL)} --train <(gzip -c train.en | gunzip),train.ko"
    result = subprocess.run(["bash", "-c", command], cwd=text, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert PreparedCorpus.open(text / "prepared").manifest.counts["train"] == 120


def cut_short(source: Path) -> None:
    Path(f"{source}.gz").write_bytes(gzip.compress(source.read_bytes())[:-9])
    source.unlink()


def replace_by_folder(source: Path) -> None:
    source.unlink()
    source.mkdir()


def write_blank(source: Path, target: Path) -> None:
    write(source, [" "] * 5)
    write(target, ["\t"] * 5)


BAD_INPUT: dict[str, Callable[[Path, Path], object]] = {
    "empty": lambda s, t: (s.write_bytes(b""), t.write_bytes(b"")),
    "blank": write_blank,
    "unequal": lambda s, t: write(t, [target for _, target in pairs(0, 119)]),
    "utf-16": lambda s, t: s.write_bytes(s.read_text().encode("utf-16")),
    "binary": lambda s, t: s.write_bytes(bytes(range(256)) * 50),
    "zeros": lambda s, t: s.write_bytes(b"\0" * 1000),
    "folder": lambda s, t: replace_by_folder(s),
    "missing": lambda s, t: s.unlink(),
    "same as test": lambda s, t: write_pairs(s.with_suffix(""), pairs(300, 312)),
    "cut": lambda s, t: cut_short(s),
    "long": lambda s, t: write_pairs(s.with_suffix(""), [("word " * 10_000, "낱말 " * 10_000)]),
}


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("empty", r"train.en + train.ko: is empty"),
        ("blank", r"all 5 pairs would be dropped (blank side 5, duplicates 4)"),
        ("unequal", r"train.en has 120 lines but train.ko has 119"),
        ("utf-16", r"train.en: is UTF-16"),
        ("binary", r"train.en:2: byte 0x80 at byte offset 128 is not UTF-8"),
        ("zeros", r"train.en: more than a quarter of it is NUL bytes"),
        ("folder", r"train.en: no such file"),
        ("missing", r"train.en: no such file"),
        ("same as test", r"nothing is left to train on: all 12 pairs would be dropped (overlap 12)"),
        ("cut", r"train.en.gz: damaged or truncated .gz file"),
        ("long", r"every pair has a side with more than 200 subwords"),
    ],
)
def test_bad_input_is_a_one_line_error_and_leaves_no_files(nmt: Nmt, text: Path, case: str, message: str) -> None:
    BAD_INPUT[case](text / "train.en", text / "train.ko")
    status, out, err = nmt(*ALL)
    assert status == 1
    assert out == ""
    assert err.splitlines()[-1].startswith("nmt: ")
    assert message in err.splitlines()[-1]
    assert sum(line.startswith("nmt: ") for line in err.splitlines()) == 1
    assert not (text / "prepared").exists()
    assert not leftovers(text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--train", "train"], "--train needs the language codes too"),
        (["--dev", "dev"], "--dev and --test need --train"),
        (["--source", "fr"], "the bundled sample is in en and ko, not in fr and ko"),
        ([*ALL[1:], "--target", "en"], "source and target are both en"),
        ([*ALL[1:], "--max-ratio", "1"], "max_ratio = 1.0: input should be greater than 1"),
        ([*ALL[1:], "--set", "max_lenght=3"], "no option max_lenght; did you mean max_length?"),
        ([*ALL[1:], "--tokenizer-model", "x", "--vocabulary-size", "400"], "vocabulary_size applies only to training"),
        ([*ALL[1:], "--tokenizer-model", "none.model"], "none.model: cannot be read: No such file or directory"),
        ([*ALL[1:], "--tokenizer-model", "train.en"], "train.en: not a SentencePiece model"),
        ([*ALL[1:], "--format", "jsonl"], "train: no such file or directory"),
        ([*ALL[1:], "--out", "train.en/x"], "train.en is a file, not a folder"),
    ],
)
def test_wrong_options_are_a_one_line_error(nmt: Nmt, text: Path, options: list[str], message: str) -> None:
    status, _, err = nmt("preprocess", *options)
    assert (status, len(err.splitlines())) == (1, 1)
    assert message in err


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("replaces", [False, True])
def test_write_error_leaves_everything_unchanged(
    nmt: Nmt, text: Path, monkeypatch: pytest.MonkeyPatch, code: int, replaces: bool
) -> None:
    if replaces:
        assert nmt(*ALL, "--max-length", "150")[0] == 0
    before = {p: p.read_bytes() for p in text.rglob("*") if p.is_file()}

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(FolderType, "write", fail)
    status, _, err = nmt(*ALL, "--overwrite")
    assert status == 1
    assert f"nmt: prepared: cannot write the prepared corpus: {os.strerror(code)}" in err.splitlines()[-1]
    assert {p: p.read_bytes() for p in text.rglob("*") if p.is_file()} == before
    assert not leftovers(text)


def test_folder_created_during_the_run_is_left_alone(nmt: Nmt, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = FolderType.write

    def write_too_late(_: object, path: Path, manifest: PreparedManifest) -> None:
        write(PREPARED, path, manifest)
        place_foreign_folder(text / "prepared")

    monkeypatch.setattr(FolderType, "write", write_too_late)
    status, _, err = nmt(*ALL)
    assert status == 1
    assert "prepared: exists and is not a prepared corpus, so it is not touched" in err
    assert [path.name for path in (text / "prepared").iterdir()] == ["precious"]
    assert not leftovers(text)


def test_exceeded_file_size_limit_is_reported(text: Path) -> None:
    """The kernel enforces the limit, at whichever write exceeds it."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    command = [sys.executable, "-m", "nmt_cli", *ALL]
    result = subprocess.run(command, cwd=text, capture_output=True, text=True, check=False, preexec_fn=limit)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("nmt: prepared: cannot write the prepared corpus: File too large")
    assert not (text / "prepared").exists()
    assert not leftovers(text)


@pytest.mark.parametrize(
    ("number", "at"), [(signal.SIGINT, "reading train"), (signal.SIGINT, "training"), (signal.SIGTERM, "encoding")]
)
def test_interrupt_leaves_no_files(text: Path, number: int, at: str) -> None:
    write_pairs(text / "train", pairs(0, 2300) * 40)
    command = [sys.executable, "-m", "nmt_cli", *ALL, "--keep", "duplicates", "--keep", "wrong-script"]
    with subprocess.Popen(
        command, cwd=text, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=restore_default_sigint
    ) as process:
        assert process.stderr is not None
        assert any(line.startswith(at) for line in process.stderr)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does on Ctrl-C
        else:
            process.send_signal(number)
        error = process.stderr.read()
    assert process.returncode == 130
    assert error.splitlines()[-1] == "nmt: interrupted; prepared is unchanged"
    assert "Traceback" not in error
    assert not (text / "prepared").exists()
    assert not leftovers(text)


def test_leftovers_of_a_killed_run_are_removed_by_the_next_run(nmt: Nmt, text: Path) -> None:
    command = [sys.executable, "-m", "nmt_cli", *ALL]
    with subprocess.Popen(command, cwd=text, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any(line.startswith("training") for line in process.stderr)
        process.kill()
    assert len(leftovers(text)) == 1
    in_use = text / ".prepared.in_use12.partial"
    in_use.mkdir()
    (in_use / MARK).touch()
    with dir_lock(in_use):
        assert nmt(*ALL)[0] == 0
        assert leftovers(text) == [in_use.name]
    (text / "prepared").rename(in_use / "old")  # as after a kill between the last two steps of a run
    assert nmt(*ALL, "--out", "other")[0] == 0
    assert leftovers(text) == [in_use.name]
    _sweep(text / "prepared")
    assert not leftovers(text)
    assert nmt(*ALL)[1].startswith("prepared is up to date")


def test_large_text_is_sampled_to_train_the_tokenizer(nmt: Nmt, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert nmt(*ALL, "--out", "all")[0] == 0
    monkeypatch.setattr(train_tokenizer, "MAX_CHARACTERS", 2000)
    assert nmt(*ALL, "--out", "some")[0] == 0
    all_sentences, sampled = (PreparedCorpus.open(text / name).manifest.tokenizer.sentences for name in ("all", "some"))
    assert all_sentences == 240
    assert 40 < sampled < 220


def test_info_shows_a_prepared_corpus(nmt: Nmt, text: Path) -> None:
    assert nmt(*ALL)[0] == 0
    status, out, _ = nmt("info")
    assert status == 0
    assert out.splitlines()[:3] == [
        "prepared: a prepared corpus",
        "  languages  en -> ko",
        "  pairs      train 120, dev 10, test 12",
    ]
    assert "  next       nmt train prepared" in out
    assert len(out.splitlines()) == 7
    status, out, _ = nmt("info", "--all")
    assert out.splitlines()[0] == "prepared: a prepared corpus"
    lines = {line.split(None, 1)[0]: line.split(None, 1)[1] for line in out.splitlines()[1:]}
    assert lines["counts.train"] == "120"
    assert lines["command"] == " ".join(["nmt", *ALL])
    manifest = json.loads(nmt("info", "prepared", "--json")[1])["prepared"]["manifest"]
    assert manifest == json.loads((text / "prepared" / "manifest.json").read_text())
    for path, message in (("nowhere", "it has no manifest.json"), (".", "it has no manifest.json")):
        status, _, err = nmt("info", path)
        assert (status, len(err.splitlines())) == (1, 1)
        assert message in err


@pytest.mark.parametrize("change", [{"counts": [1]}, {"command": 7}, {"tokenizer": None}])
def test_info_does_not_believe_a_manifest_of_other_types(nmt: Nmt, text: Path, change: dict[str, object]) -> None:
    assert nmt(*ALL)[0] == 0
    path = text / "prepared" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    status, out, err = nmt("info", "prepared")
    assert (status, out) == (1, "")
    assert err.startswith(f"nmt: prepared/manifest.json: damaged at {next(iter(change))}")
    assert err.count("\n") == 1


def test_info_summarizes_a_model(nmt: Nmt, tiny_model: Path) -> None:
    status, out, _ = nmt("info", tiny_model)
    lines = {line.split(None, 1)[0]: line.split(None, 1)[1] for line in out.splitlines()}
    assert status == 0
    assert lines["languages"] == "en -> ko"
    assert lines["model"].endswith("layers of 16")
    assert lines["next"] == f"nmt translate -m {tiny_model} < in > out"
    assert len(lines) <= 9


def test_info_shows_a_model_without_importing_torch(tiny_model: Path) -> None:
    probe = (
        f"import sys, nmt_cli.cli.app as app\ntry:\n    app.main(['info', {str(tiny_model)!r}, '--all'])\n"
        "except SystemExit as exited:\n    assert exited.code == 0\nprint('TORCH', 'torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[0] == f"{tiny_model}: a model"
    lines = {line.split(None, 1)[0]: line.split(None, 1)[1] for line in out.splitlines()[1:-1]}
    assert (lines["source"], lines["weights.step"], lines["config.model.hidden_size"]) == ("en", "0", "16")
    assert out.splitlines()[-1] == "TORCH False"


def test_progress_is_printed_while_reading_and_encoding(nmt: Nmt, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmt_cli.progress.LOG_INTERVAL", 0.0)
    monkeypatch.setattr("nmt_cli.corpus.scratch_file.CHUNK", 50)
    err = nmt(*ALL)[2].splitlines()
    assert [line.split(", ")[0] for line in err if line.startswith("reading train: ") and " pairs, " in line] == [
        f"reading train: train.en + train.ko: {rows} pairs" for rows in (50, 100, 120)
    ]
    assert [line.split(", ")[0] for line in err if line.startswith("encoding: ")] == [
        "encoding: 142 pairs",
        *(f"encoding: {rows} of 142 pairs" for rows in (50, 100, 120, 130, 142)),
    ]


def test_files_have_the_permissions_of_the_umask(nmt: Nmt, text: Path) -> None:
    nmt(*ALL)
    (text / "plain").touch()
    assert {path.stat().st_mode for path in (text / "prepared").iterdir()} == {(text / "plain").stat().st_mode}


def test_command_in_the_manifest_reproduces_the_corpus(nmt: Nmt, text: Path) -> None:
    options = [
        "--keep",
        "copies",
        "--keep",
        "wrong-script",
        "--vocabulary",
        "separate",
        "--unicode",
        "none",
        "--max-ratio",
        "7.5",
    ]
    assert nmt(*ALL, *options)[0] == 0
    manifest = PreparedCorpus.open(text / "prepared").manifest
    status, out, _ = nmt(*manifest.command[1:])
    assert status == 0
    assert "prepared is up to date" in out


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_closed_pipe_ends_the_program_silently(text: Path, stream: str) -> None:
    """On standard output when all is done; on standard error at the first message, before the folder stands."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as closed:
        out, error = (closed if name == stream else subprocess.PIPE for name in ("stdout", "stderr"))
        command = [sys.executable, "-m", "nmt_cli", *ALL]
        done = subprocess.run(command, cwd=text, stdout=out, stderr=error, check=False)
    assert done.returncode == 141
    assert (text / "prepared").exists() == (stream == "stdout")
    assert b"Traceback" not in (done.stderr or b"")
    assert not leftovers(text)
