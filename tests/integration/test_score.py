"""`nmt score`, and the filter of `nmt preprocess` by its scores."""

import io
import json
import math
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import TINY_TEXT
from send_signal import run_with_signal

from nmt_cli.api.shards import ShardResult
from nmt_cli.cli.app import main
from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.corpus.tokenizer import Tokenizer
from nmt_cli.decoding.translator import WINDOW

pytestmark = pytest.mark.integration

Nmt = Callable[..., tuple[int, str, str]]
WORDS = {"one": "하나", "two": "둘", "three": "셋", "four": "넷", "five": "다섯", "red": "빨강", "blue": "파랑"}
PREPARE = ("preprocess", "--source", "en", "--target", "ko", "--threads", 1, "--out", "prepared", "--train", "train")


@pytest.fixture
def nmt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Nmt:
    """Runs `nmt` in an empty folder; returns exit status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        with pytest.raises(SystemExit) as exited:
            main([str(argument) for argument in arguments])
        captured = capsysbinary.readouterr()
        return int(exited.value.code or 0), captured.out.decode(), captured.err.decode()

    return run


def write(name: str, lines: list[str]) -> None:
    Path(name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")


def write_pairs(prefix: str, count: int, first: int = 0) -> list[str]:
    """Write so many different pairs; returns their targets."""
    names = list(WORDS)
    numbers = [
        [names[i % 7], names[i // 7 % 7], names[i // 49 % 7], names[i // 343]] for i in range(first, first + count)
    ]
    targets = [" ".join(WORDS[word] for word in words) for words in numbers]
    write(f"{prefix}.en", [" ".join(words) for words in numbers])
    write(f"{prefix}.ko", targets)
    return targets


def test_one_score_for_each_pair_in_order_in_every_form(nmt: Nmt, tiny_model: Path) -> None:
    sources = [TINY_TEXT[0], "", "a dog", TINY_TEXT[0], "x\u2028y"]
    targets = ["개가", "개", " ", "개가", "old man " * 200]
    write("p.en", sources)
    write("p.ko", targets)
    write("p.tsv", [f"{s}\t{t}" for s, t in zip(sources, targets, strict=True)])
    status, out, err = nmt("score", "-m", tiny_model, "--pairs", "p")
    assert status == 0
    numbers = [float(line) for line in out.split("\n")[:-1]]
    assert [math.isnan(number) for number in numbers] == [False, True, True, False, True]
    assert numbers[0] == pytest.approx(numbers[3], abs=1e-4)
    assert "2 of 5 pairs have a blank side; their score is nan" in err
    assert "1 of 5 pairs have a side that is too long for the model; their score is nan" in err
    assert nmt("score", "-m", tiny_model, "--pairs", "p.en,p.ko")[1] == out
    assert nmt("score", "-m", tiny_model, "--pairs", "p.tsv", "--source-field", 1, "--target-field", 2)[1] == out
    assert nmt("score", "-m", tiny_model, "--pairs", "p", "--out", "p.scores")[0] == 0
    assert Path("p.scores").read_text() == out
    refused = nmt("score", "-m", tiny_model, "--pairs", "p", "--out", "p.scores")
    assert (refused[0], refused[2].count("\n")) == (1, 1)
    assert nmt("score", "-m", tiny_model, "--pairs", "p", "--out", "p.scores", "--overwrite")[0] == 0
    objects = [
        json.loads(line)
        for line in nmt("score", "-m", tiny_model, "--pairs", "p", "--output-format", "jsonl")[1].splitlines()
    ]
    per_subword = nmt("score", "-m", tiny_model, "--pairs", "p", "--per-subword")[1].split()
    for number, entry, each in zip(numbers, objects, per_subword, strict=True):
        if entry["log_prob"] is None:
            assert entry["per_subword"] is None
            assert each == "nan"
        else:
            assert entry["log_prob"] == number
            assert float(each) == entry["per_subword"]
            assert float(each) == pytest.approx(number / (entry["target_subwords"] + 1), abs=1e-5)


def test_a_translation_scores_the_log_probability_that_translate_reports(
    nmt: Nmt, tiny_model: Path, tiny_tokenizer: Tokenizer
) -> None:
    lines = [TINY_TEXT[0], *TINY_TEXT[3:], *dict.fromkeys(" ".join(TINY_TEXT).split())]
    write("p.en", lines)
    options = ("--beam-size", 2, "--min-length", 1, "--max-length", 12, "--output-format", "jsonl", "-m", tiny_model)
    reported = [json.loads(line) for line in nmt("translate", "p.en", *options)[1].splitlines()]
    write("p.ko", [entry["translation"] for entry in reported])
    scored = [
        json.loads(line)
        for line in nmt("score", "-m", tiny_model, "--pairs", "p", "--output-format", "jsonl")[1].splitlines()
    ]
    compared = 0
    for ours, theirs in zip(scored, reported, strict=True):
        segmented = tiny_tokenizer.pieces(tiny_tokenizer.encode(theirs["translation"]))
        if theirs["translation"] and theirs["tokens"] == segmented and theirs["finished"]:
            assert ours["log_prob"] == pytest.approx(theirs["log_prob"], abs=1e-4)
            compared += 1
    assert compared >= 3


def test_a_killed_run_resumes_and_keeps_what_is_done(nmt: Nmt, tiny_model: Path) -> None:
    count = 2 * WINDOW + 100
    write("x.en", ["red", "", *["two"] * (count - 2)])
    write("x.ko", ["빨강", "둘", *["둘"] * (count - 2)])
    run = ("score", "-m", tiny_model, "--pairs", "x", "--out")
    assert nmt(*run, "whole")[0] == 0
    killed = run_with_signal(signal.SIGKILL, "nmt_cli.api.shards:ShardDir.write", 2, *run, "scores")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not Path("scores").exists()
    first, _ = sorted(Path("scores.shards").glob("0*.json"))
    done = ShardResult.from_json(first.read_text(encoding="utf-8"))
    marked = done.texts["scores"].replace("-", "-1", 1)  # to see that the second run does not score it again
    first.write_text(str(ShardResult({"scores": marked}, done.issue_counts)), encoding="utf-8")
    status, _, err = nmt(*run, "scores", "--per-subword")
    assert (status, err.count("\n")) == (1, 1)
    assert "scores.shards: was started with per_subword False; use the same again" in err
    status, _, err = nmt(*run, "scores")
    assert status == 0
    assert f"{2 * WINDOW:,} of {count:,} pairs had been scored before" in err
    assert f"1 of {count:,} pairs have a blank side; their score is nan" in err
    whole, resumed = (Path(name).read_text().splitlines() for name in ("whole", "scores"))
    assert resumed == [whole[0].replace("-", "-1"), *whole[1:]]
    assert whole[1] == "nan"
    assert not Path("scores.shards").exists()


def test_a_special_file_gets_no_folder_of_shards(nmt: Nmt, tiny_model: Path) -> None:
    write("x.en", ["red"])
    write("x.ko", ["빨강"])
    status, _, err = nmt("score", "-m", tiny_model, "--pairs", "x", "--out", "/dev/null", "--overwrite")
    assert status == 0, err
    assert sorted(path.name for path in Path().iterdir()) == ["x.en", "x.ko"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name the pairs to score with --pairs"),
        (("--pairs", "nowhere"), "nowhere.en and nowhere.ko: no such file"),
        (("--pairs", "uneven"), "uneven.en has 2 lines but uneven.ko has 1; line i must translate line i"),
        (("--pairs", "p", "--out", "p.en", "--overwrite"), "p.en: is read as --pairs, and would be written"),
        (("--pairs", "p", "--per-subword", "--output-format", "jsonl"), "per_subword applies to output_format text"),
    ],
)
def test_what_cannot_be_scored_is_said_in_one_line(
    arguments: tuple[str, ...], message: str, nmt: Nmt, tiny_model: Path
) -> None:
    write("uneven.en", ["a", "b"])
    write("uneven.ko", ["개"])
    write("p.en", ["a"])
    write("p.ko", ["개"])
    status, out, err = nmt("score", "-m", tiny_model, *arguments)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert message in err
    assert Path("p.en").read_text() == "a\n"


def test_preprocess_drops_the_lowest_scores_and_says_which(nmt: Nmt) -> None:
    targets = write_pairs("train", 100)
    write_pairs("dev", 5, 200)
    write_pairs("test", 5, 300)
    scores = random.Random(1).sample(range(-1000, 0), 100)
    write("scores", ["nan" if i == 7 else f"{score:.3f}" for i, score in enumerate(scores)])
    scored = (*PREPARE, "--dev", "dev", "--test", "test", "--scores", "scores", "--keep-best", 0.8)
    status, out, err = nmt(*scored)
    assert status == 0, err
    ranked = sorted(range(100), key=lambda i: -math.inf if i == 7 else scores[i])
    kept = PreparedCorpus.open(Path("prepared")).split("train").target_texts()
    assert list(kept) == [targets[i] for i in sorted(ranked[20:])]
    assert f"20 of 100 pairs dropped for their score, kept from {scores[ranked[20]]:.4f} on" in err
    assert "the worst, nan, train.en:8: one two one one | 하나 둘 하나 하나" in err
    row = next(line.split() for line in out.splitlines() if line.startswith("low score"))
    assert row == ["low", "score", "20", "20", "0", "0", "train.en:8"]
    report = json.loads(Path("prepared/report.json").read_text(encoding="utf-8"))
    (finding,) = [each for each in report["splits"]["train"]["findings"] if each["check"] == "low score"]
    assert [each["number"] - 1 for each in finding["examples"]] == ranked[:3]
    Path("renamed").write_bytes(Path("scores").read_bytes())
    for name in ("scores", "renamed"):
        assert "up to date" in nmt(*(name if word == "scores" else word for word in scored))[1]
    write("scores", ["0"] * 100)
    assert "other inputs or options" in nmt(*scored)[2]


def test_each_corpus_is_filtered_by_its_own_scores_and_counts_only_what_is_not_dropped(nmt: Nmt) -> None:
    first, second = write_pairs("train", 40), write_pairs("more", 40, 40)
    write("train.ko", ["" if i < 20 else target for i, target in enumerate(first)])  # blank: dropped anyway
    write_pairs("dev", 5, 200)
    write_pairs("test", 5, 300)
    write("scores", [str(i) for i in range(40)])
    splits = ("--dev", "dev", "--test", "test", "--train", "more", "--keep-best", 0.5)
    for scores, expected in (
        (("scores", "-"), [*first[30:], *second]),
        (("-", "scores"), [*first[20:], *second[20:]]),
        (("scores", "scores"), [*first[30:], *second[20:]]),
    ):
        given = [word for name in scores for word in ("--scores", name)]
        status, _, err = nmt(*PREPARE, *splits, *given, "--overwrite")
        assert status == 0, err
        assert list(PreparedCorpus.open(Path("prepared")).split("train").target_texts()) == expected


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        (["1"] * 30, ("--scores", "s"), "--scores has an effect only with --keep-best"),
        (["1"] * 30, ("--keep-best", 0.5), "--scores is given 0 times and --train 1 times"),
        (["1"] * 29, ("--scores", "s", "--keep-best", 0.5), "s: 29 scores, but train.en + train.ko has 30 pairs"),
        (["1", "one"], ("--scores", "s", "--keep-best", 0.5), "s:2: one is not a number"),
        (["1"], ("--scores", "no", "--keep-best", 0.5), "no: no such file"),
        (["1"], ("--scores", "s", "--keep-best", 1), "keep_best = 1.0: input should be less than 1"),
    ],
)
def test_scores_that_do_not_fit_are_reported_in_one_line(
    scores: list[str], options: tuple[object, ...], message: str, nmt: Nmt
) -> None:
    write_pairs("train", 30)
    write("s", scores)
    status, _, err = nmt(*PREPARE, *options)
    assert status == 1
    assert message in err.splitlines()[-1]
    assert not Path("prepared").exists()
