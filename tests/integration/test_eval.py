"""`nmt eval` and `nmt bench` on a small corpus and a model trained on it."""

import gzip
import json
import random
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import in_process
from sacrebleu.metrics.bleu import BLEU

from nmt_cli.checkpoint.layout import MODEL
from nmt_cli.checkpoint.model_dir import load_model
from nmt_cli.cli.app import main
from nmt_cli.decoding.alignment import format_pharaoh
from nmt_cli.decoding.forced_decoding import STEPS, forced_attention, forced_links
from nmt_cli.decoding.translator import Batching
from nmt_cli.evaluation import translate
from nmt_cli.kernels.device import compute_for_search, computes_bf16

Call = Callable[..., tuple[int, str, str]]
CallJson = Callable[..., dict[str, Any]]
Change = Callable[..., Path]

pytestmark = pytest.mark.integration

WORDS = {"one": "하나", "two": "둘", "three": "셋", "four": "넷", "five": "다섯", "six": "여섯", "red": "빨강"}


def nmt(*arguments: object, folder: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "nmt_cli", *map(str, arguments)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the text, `prepared/` and `model/`."""
    folder = tmp_path_factory.mktemp("trained")
    rng = random.Random(3)
    lines = list({" ".join(rng.choices(list(WORDS), k=rng.randint(2, 7))): None for _ in range(160)})
    for name, part in (("train", lines[24:]), ("dev", lines[:10]), ("test", lines[10:24])):
        write(folder / f"{name}.en", part)
        write(folder / f"{name}.ko", [" ".join(WORDS[word] for word in line.split()) + "." for line in part])
    text = ["--train", "train", "--dev", "dev", "--test", "test", "--source", "en", "--target", "ko"]
    nmt("preprocess", *text, "--vocabulary-size", 330, folder=folder)
    small = ["--hidden-size", 32, "--embedding-size", 32, "--dropout", 0, "--embedding-dropout", 0]
    nmt("train", *small, "--max-steps", 60, "--learning-rate", 0.01, "--precision", "fp32", folder=folder)
    return folder


@pytest.fixture
def call(trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs `nmt` in the folder `trained`; returns exit status, standard output and standard error."""
    monkeypatch.chdir(trained)
    return in_process(capsys)


@pytest.fixture
def evaluate(call: Call) -> Call:
    """Runs `nmt eval` like `call`."""
    return partial(call, "eval")


@pytest.fixture
def eval_json(evaluate: Call) -> CallJson:
    """Runs `nmt eval --json` and returns the object that it prints."""

    def run(*arguments: object) -> dict[str, Any]:
        status, out, err = evaluate(*arguments, "--json")
        assert status == 0, err
        result: dict[str, Any] = json.loads(out)
        return result

    return run


def write(path: Path, lines: Iterable[str]) -> None:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())


def read(path: Path | str) -> list[str]:
    return Path(path).read_bytes().decode().split("\n")[:-1]


def test_default_evaluates_the_model_on_its_test_split(evaluate: Call, trained: Path) -> None:
    status, out, err = evaluate()
    assert status == 0
    assert err.startswith(f"translating test of {trained / 'prepared'} with model on CPU")
    assert "\x1b" not in out
    for expected in (
        "chrF++",
        "95 % interval",
        "By length of the source",
        "tok:char",
        "beam size 5, length penalty 1.0",
    ):
        assert expected in out
    assert "14 sentences against test of" in out
    assert evaluate("--model", "model")[1] == out
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])


def test_progress_of_the_translation_is_printed(evaluate: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmt_cli.progress.LOG_INTERVAL", 0.0)
    _, _, err = evaluate()
    counts = [n for n in range(1, 15) if f": {n} of 14 lines, " in err]
    assert counts[-1] == 14


def test_json_output_has_all_keys(eval_json: CallJson, trained: Path) -> None:
    result = eval_json("--worst", 3)
    parts = ["lengths", "worst", "confidence", "baseline", "alignment", "recipe", "notes"]
    assert list(result) == ["chrf", "bleu", "ter", *parts]
    for name in ("bleu", "chrf", "ter"):
        score = result[name]
        assert set(score) == {"score", "low", "high", "signature"}
        assert score["low"] <= score["score"] <= score["high"]
    assert sum(bucket["sentences"] for bucket in result["lengths"]) == 14
    assert set(result["lengths"][0]) == {"shortest", "longest", "sentences", "bleu", "chrf"}
    assert 0 < len(result["worst"]) <= 3
    assert set(result["worst"][0]) == {"line", "chrf", "source", "hypothesis", "references"}
    assert result["baseline"] is None
    assert result["alignment"] is None
    recipe = result["recipe"]
    weights = (trained / "model" / "weights.safetensors").read_bytes()
    assert recipe["model"]["sha256"].encode() in weights
    assert (recipe["source_language"], recipe["target_language"], recipe["unicode"]) == ("en", "ko", "nfc")
    assert recipe["search"]["beam_size"] == 5


def test_saved_hypotheses_get_the_same_scores(eval_json: CallJson, tmp_path: Path) -> None:
    saved = tmp_path / "out.ko"
    direct = eval_json("--save", saved)
    assert len(read(saved)) == 14
    assert direct["bleu"]["score"] == BLEU(tokenize="char").corpus_score(read(saved), [read("test.ko")]).score
    for arguments in (
        ["--prepared", "prepared"],
        ["--model", "model"],
        ["--reference", "test.ko", "test.en", "--target", "ko"],
        ["--reference", "test.ko", "test.en", "--model", "model"],
    ):
        again = eval_json("--hypotheses", saved, *arguments)
        assert {key: again[key] for key in ("bleu", "chrf", "ter", "lengths", "worst")} == {
            key: direct[key] for key in ("bleu", "chrf", "ter", "lengths", "worst")
        }
        assert again["recipe"]["hypotheses"] == str(saved)
    notes = eval_json("--hypotheses", saved, "--model", "model")["notes"]
    assert "model was not used to translate, only for its languages and corpus" in notes


def test_validation_scores_in_training_equal_those_of_eval(eval_json: CallJson, trained: Path) -> None:
    records = [json.loads(line) for line in read(trained / "model" / "metrics.jsonl")]
    best = [record for record in records if record.get("best")][-1]
    result = eval_json("--split", "dev", "--beam-size", 1, "--precision", "fp32", "--no-search-again")
    assert result["bleu"]["score"] == pytest.approx(best["dev_bleu"])
    assert result["chrf"]["score"] == pytest.approx(best["dev_chrf"])
    assert best["dev_chrf"] > 0


def test_source_file_is_translated_and_several_references_are_used(eval_json: CallJson, tmp_path: Path) -> None:
    default = eval_json()
    compressed = tmp_path / "test.en.gz"
    compressed.write_bytes(gzip.compress(Path("test.en").read_bytes()))
    result = eval_json(compressed, "--reference", "test.ko")
    assert result["bleu"] == default["bleu"]
    assert result["recipe"]["source"] == str(compressed)
    other = [line.replace("하나", "한") for line in read("test.ko")]
    write(tmp_path / "other.ko", other)
    two = eval_json("--reference", "test.ko", "--reference", tmp_path / "other.ko")
    assert "nrefs:2" in two["bleu"]["signature"]
    assert two["bleu"]["score"] >= default["bleu"]["score"]


def test_unicode_normal_form_does_not_change_the_score(eval_json: CallJson, tmp_path: Path) -> None:
    write(tmp_path / "nfd", [unicodedata.normalize("NFD", line) for line in read("test.ko")])
    for arguments in (["--prepared", "prepared"], ["--reference", "test.ko"]):
        assert eval_json("--hypotheses", tmp_path / "nfd", *arguments)["bleu"]["score"] == pytest.approx(100)


def test_baseline_is_compared_with_a_significance_test(eval_json: CallJson, evaluate: Call, tmp_path: Path) -> None:
    write(tmp_path / "bad", ["나쁜 번역" for _ in read("test.ko")])
    arguments = ["--hypotheses", "test.ko", "--prepared", "prepared", "--baseline", tmp_path / "bad"]
    result = eval_json(*arguments)["baseline"]
    assert (result["hypotheses"], result["test"]) == (str(tmp_path / "bad"), "bootstrap")
    assert result["bleu"]["system"] > result["bleu"]["baseline"]
    assert result["bleu"]["p_value"] < 0.01
    other = eval_json(*arguments, "--significance", "randomisation", "--resamples", 200)["baseline"]
    assert (other["test"], "ar:200" in other["chrf"]["signature"]) == ("randomisation", True)
    assert f"Against {tmp_path / 'bad'} (paired bootstrap, 1,000 times)" in evaluate(*arguments)[1]
    same = eval_json(*arguments[:-1], "test.ko")["baseline"]
    assert same["ter"]["p_value"] == 1
    assert same["differing"] == []
    assert len(result["differing"]) == 5
    first = result["differing"][0]
    assert (first["chrf"], first["baseline"]) == (pytest.approx(100), "나쁜 번역")
    text = evaluate(*arguments, "--worst", 1)[1]
    assert text.count("Sentences that differ most\nline ") == text.count("difference +") == 1
    assert "\nbaseline   나쁜 번역\n" in text


def test_a_model_as_baseline_translates_with_the_same_search(
    eval_json: CallJson, evaluate: Call, trained: Path, changed_model: Change, tmp_path: Path
) -> None:
    shutil.copytree(trained / "model", tmp_path / "other")
    weaker = ["--beam-size", 1, "--max-length", 2]
    eval_json(*weaker, "--save", tmp_path / "weaker.ko", "--split", "test")
    result = eval_json(*weaker, "--hypotheses", "test.ko", "--prepared", "prepared", "--baseline", tmp_path / "other")
    by_file = eval_json("--hypotheses", "test.ko", "--prepared", "prepared", "--baseline", tmp_path / "weaker.ko")
    assert {**result["baseline"], "hypotheses": ""} == {**by_file["baseline"], "hypotheses": ""}
    assert result["recipe"]["baseline"]["search"]["max_length"] == 2
    sha256 = result["recipe"]["baseline"]["model"]["sha256"]
    assert result["baseline"]["hypotheses"] == f"{tmp_path / 'other'} {sha256[:12]}"
    assert not any("ignored" in note for note in result["notes"])
    saved = tmp_path / "saved.ko"
    ensemble = eval_json("--ensemble", "model", "--max-length", 3, "--baseline", "model", "--save", saved)
    assert ensemble["baseline"]["chrf"]["system"] == pytest.approx(ensemble["baseline"]["chrf"]["baseline"])
    assert [len(ensemble["recipe"]["ensemble"]), len(read(saved))] == [1, 14]
    unused = eval_json("--hypotheses", saved, "--prepared", "prepared", "--baseline", "model", "--save", "x")["notes"]
    assert "ignored, since nothing is translated with --hypotheses: save" in unused
    other = changed_model(target="de")
    assert "is en -> de, but what is evaluated is en -> ko; give a baseline" in evaluate("--baseline", other)[2]
    assert "prepared: is a prepared corpus, not a model" in evaluate("--baseline", "prepared")[2]
    files = ["--hypotheses", "test.ko", "--reference", "test.ko"]
    assert "model: is a model, which needs the source: " in evaluate(*files, "--baseline", "model")[2]


def test_gold_alignment_gives_the_alignment_error_rate(eval_json: CallJson, evaluate: Call, tmp_path: Path) -> None:
    """With the model's own links as gold the AER is 0; with links that it does not make it is 1."""
    loaded = load_model(Path("model"), compute_for_search("cpu", "fp32", 1))
    sources = read("test.en")
    texts = zip(sources, read("test.ko"), strict=True)
    pairs = [(loaded.tokenizers.source.encode(en), loaded.tokenizers.target.encode(ko)) for en, ko in texts]
    attention = forced_attention(loaded, pairs)
    for step in STEPS:
        own_links = list(forced_links(loaded, pairs, attention, step))
        write(tmp_path / step, [format_pharaoh(links) for links in own_links])
        other = [
            f"{(links[0][0] + 1) % len(text.split())}-{links[0][1]}"
            for links, text in zip(own_links, sources, strict=True)
        ]
        write(tmp_path / f"not-{step}", other)
        perfect = eval_json("--gold-alignment", tmp_path / step)["alignment"][step]
        assert perfect == {"aer": 0.0, "precision": 1.0, "recall": 1.0, "sentences": 14}
        assert eval_json("--gold-alignment", tmp_path / f"not-{step}")["alignment"][step]["aer"] == 1.0
    assert attention[0].shape == (len(pairs[0][1]) + 1, len(pairs[0][0]) + 1)
    assert "their own step" in evaluate("--gold-alignment", tmp_path / "own")[1]


def test_each_option_has_an_effect(eval_json: CallJson, evaluate: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    default = eval_json()
    assert eval_json("--split", "dev")["recipe"]["sentences"] == 10
    assert eval_json("--target", "en")["bleu"]["signature"].count("tok:13a") == 1
    assert "bs:7|" in eval_json("--resamples", 7)["bleu"]["signature"]
    assert eval_json("--worst", 0)["worst"] == []
    assert eval_json("--length-penalty", 0)["recipe"]["search"]["length_penalty"] == 0
    assert eval_json("--max-length", 1)["bleu"] != default["bleu"]
    assert any("cut at the length limit" in note for note in eval_json("--max-length", 1)["notes"])
    if computes_bf16():
        assert eval_json("--precision", "bf16")["recipe"]["model"]["compute"].endswith("bf16")
    else:
        assert "has no bf16 kernels" in evaluate("--precision", "bf16")[2]
    cpu = eval_json("--threads", 1, "--device", "cpu", "--precision", "fp32")
    assert cpu["recipe"]["model"]["compute"] == "CPU, 1 thread, fp32"
    sizes: list[int] = []

    def recording_batching(size: int) -> Batching:
        sizes.append(size)
        return Batching(size)

    monkeypatch.setattr(translate, "Batching", recording_batching)
    assert eval_json("--batch-size", 3)["bleu"] == default["bleu"]
    assert sizes == [3]


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        (["--beam-size", 2, "--save", "x"], "ignored, since nothing is translated with --hypotheses: beam_size, save"),
        (["--significance", "bootstrap"], "significance is ignored without --baseline"),
        (["--target", "ko"], "without the source, lengths are those of the reference"),
        ([], "target language not known: BLEU with the 13a tokenizer; --target CODE chooses another"),
    ],
)
def test_options_without_effect_are_noted(eval_json: CallJson, evaluate: Call, arguments: list[str], note: str) -> None:
    files_and_options = ["--hypotheses", "test.ko", "--reference", "test.ko", *arguments]
    assert note in eval_json(*files_and_options)["notes"]
    assert f"note: {note}\n" in evaluate(*files_and_options)[1]


def test_carriage_returns_and_bom_are_removed_and_other_line_breaks_kept(eval_json: CallJson, tmp_path: Path) -> None:
    lines = read("test.ko")
    hypotheses = tmp_path / "crlf"
    hypotheses.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*lines[:-1], lines[-1] + "\u2028\x0c", ""]).encode())
    result = eval_json("--hypotheses", hypotheses, "--prepared", "prepared")
    assert result["chrf"]["score"] == pytest.approx(100)
    assert f"{hypotheses}: removed a carriage return from the end of 14 lines and 1 byte order marks" in result["notes"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hypotheses", "none", "--reference", "test.ko"], "none: no such file"),
        (["--hypotheses", "model", "--reference", "test.ko"], "model: is a folder"),
        (["--hypotheses", "short", "--reference", "test.ko"], "short has 2 lines, but test.ko has 14; both must"),
        (["--hypotheses", "short", "--prepared", "prepared"], "short has 2 lines, but test of prepared has 14; both"),
        (["--reference", "short"], "prepared has 14 lines, but short has 2; both must have the same number of lines"),
        (["--baseline", "short"], "prepared has 14 lines, but short has 2; both must have the same number of lines"),
        (["--hypotheses", "empty", "--reference", "empty"], "empty: is empty; there is nothing to score"),
        (["--hypotheses", "latin", "--reference", "test.ko"], "latin:2: byte 0xE9 at byte offset 4 is not UTF-8"),
        (["--hypotheses", "test.ko"], "--hypotheses test.ko: needs a reference: --reference FILE"),
        (["test.en"], "test.en: needs its reference translation, --reference FILE"),
        (["test.en", "--reference", "test.ko", "--split", "dev"], "replaces --prepared and --split"),
        (["--model", "none"], "none: no model here; make one with nmt train"),
        (["--prepared", "none"], "none: no prepared corpus here"),
        (["--model", "prepared"], "prepared: is a prepared corpus, not a model; make one with nmt train"),
        (["--prepared", "model"], "model: is a model, not a prepared corpus"),
        (
            ["--gold-alignment", "few"],
            "few has 2 lines, but there are 14 sentences; both must have the same number",
        ),
        (["--gold-alignment", "links"], "links:14: links target word 9, but there are"),
        (["--gold-alignment", "test.ko"], "is not a link; write 3-4 (sure) or 3p4 (possible), counted from 0"),
        (["--gold-alignment", "good", "--ensemble", "model"], "--gold-alignment: measures the attention of one model"),
        (["--resamples", "0"], "--resamples: resamples = 0: input should be greater than or equal to 1"),
    ],
)
def test_errors_are_one_line(evaluate: Call, trained: Path, arguments: list[str], message: str) -> None:
    write(trained / "short", ["a", "b"])
    (trained / "empty").write_bytes(b"")
    write(trained / "few", ["0-0"] * 2)
    write(trained / "good", ["0-0"] * 14)
    write(trained / "links", [*["0-0"] * 13, "0-0 1p9"])
    (trained / "latin").write_bytes("ab\nçé\n".encode("latin-1").replace(b"\xe7", b"c"))
    for form in ([], ["--json"]):
        status, out, err = evaluate(*arguments, *form)
        assert (status, out) == (1, "")
        assert err.startswith("nmt: ")
        assert message in err
        assert err.count("\n") == 1


@pytest.fixture
def changed_model(trained: Path, tmp_path: Path) -> Change:
    """Copies model and corpus; returns a function that changes the copied model's manifest and returns its folder."""
    shutil.copytree(trained / "model", tmp_path / "model")
    shutil.copytree(trained / "prepared", tmp_path / "prepared")

    def change(**values: str) -> Path:
        path = tmp_path / "model"
        MODEL.write(path, MODEL.read(path).model_copy(update=values))
        return path

    return change


def test_missing_corpus_is_named(evaluate: Call, changed_model: Change, tmp_path: Path) -> None:
    model = changed_model(prepared=str(tmp_path / "gone"))
    status, _, err = evaluate("--model", model)
    assert status == 1
    assert err == (
        f"nmt: {tmp_path / 'gone'}: the corpus that {model} was trained on no longer exists; give --prepared "
        "FOLDER, or a file with its --reference\n"
    )
    assert evaluate("--model", model, "--prepared", tmp_path / "prepared")[0] == 0


def test_corpus_of_other_languages_is_refused(evaluate: Call, changed_model: Change) -> None:
    status, _, err = evaluate("--model", changed_model(target="de"), "--prepared", "prepared")
    assert status == 1
    assert "prepared: is en -> ko, but" in err
    assert "is en -> de; give a corpus of the same languages" in err


def test_corpus_prepared_again_gives_a_note(eval_json: CallJson, changed_model: Change) -> None:
    notes = eval_json("--model", changed_model(corpus="f" * 64))["notes"]
    assert any("was prepared again after" in note and "its test split may contain" in note for note in notes)


def test_scoring_files_does_not_import_torch(trained: Path) -> None:
    probe = (
        "import sys, nmt_cli.cli.app as app\ntry:\n"
        "    app.main(['eval', '--hypotheses', 'test.ko', '--reference', 'test.ko'])\n"
        "except SystemExit as exited:\n    assert not exited.code\nprint('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", probe], cwd=trained, capture_output=True, text=True, check=True)
    assert result.stdout.endswith("\nFalse\n")


def test_int8_bleu_is_close_to_fp32(eval_json: CallJson) -> None:
    fp32, int8 = eval_json("--precision", "fp32"), eval_json("--precision", "int8")
    assert int8["recipe"]["model"]["compute"].endswith("int8")
    assert abs(int8["bleu"]["score"] - fp32["bleu"]["score"]) < 10


def test_bench_reports_speed_and_quality(call: Call, eval_json: CallJson) -> None:
    bench = partial(call, "bench")
    options = ("--precision", "fp32", "--precision", "int8", "--threads", 1, "--batch-size", 4, "--lines", 6)
    status, out, err = bench(*options, "--repeats", 2, "--json")
    assert status == 0, err
    result = json.loads(out)
    assert [(speed["precision"], speed["threads"], speed["batch_size"]) for speed in result["speeds"]] == [
        ("fp32", 1, 1), ("fp32", 1, 4), ("int8", 1, 1), ("int8", 1, 4)
    ]  # fmt: skip
    for speed in result["speeds"]:
        assert speed["tokens_per_second"] > speed["sentences_per_second"] > 0
        assert (speed["p50"] is None) == (speed["p95"] is None) == (speed["batch_size"] > 1)
    first, second = result["quality"]
    assert (first["precision"], first["same"]) == ("fp32", 1.0)
    assert second["mebibytes"] < first["mebibytes"]
    assert first["bleu"] == pytest.approx(eval_json("--precision", "fp32")["bleu"]["score"])

    status, out, err = bench("model", "--lines", 2, "--repeats", 1, "--batch-size", 2)
    assert status == 0, err
    assert "int8" in out
    assert "one line, ms" in out
    assert ("bf16" in out) != ("bf16 is skipped" in err)

    status, out, err = bench(*options, "--repeats", 1, "--shortlist", 4, "--json")
    assert status == 0, err
    rows = [(row["precision"], row["shortlist"]) for row in json.loads(out)["quality"]]
    assert rows == [("fp32", 0), ("fp32", 4), ("int8", 4)]

    files = ["model", "test.en", *options, "--repeats", 1, "--json"]
    for reference, bleu in ((["--reference", "test.ko"], first["bleu"]), ([], None)):
        status, out, err = bench(*files, *reference)
        assert status == 0, err
        assert json.loads(out)["quality"][0]["bleu"] == (bleu if bleu is None else pytest.approx(bleu))
        assert json.loads(out)["text"].startswith("14 lines of test.en, 6 timed")
    assert "100%" in bench(*files[:-1])[1]
    assert "test.en: replaces --prepared and --split" in bench("model", "test.en", "--split", "dev")[2]
    assert "--reference test.ko: name the file that it translates" in bench("--reference", "test.ko")[2]
    assert "test.en has 14 lines, but train.ko has" in bench("model", "test.en", "--reference", "train.ko")[2]
    assert bench("--precision", "int4")[0] == 1
    assert bench("--prepared", "nowhere")[2].startswith("nmt: nowhere: ")
