"""`nmt train`: model folder, limits, resuming, overwriting, options, and errors."""

import io
import itertools
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import restore_default_sigint, write_numbers
from send_signal import UPDATE, run_with_signal

from nmt_cli.checkpoint.layout import FORMAT, read_metadata
from nmt_cli.checkpoint.tensors import read_tensors
from nmt_cli.cli.app import main
from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.corpus.manifest import PREPARED, PreparedManifest
from nmt_cli.training.validation import Validator

pytestmark = pytest.mark.integration

SMALL = ["--embedding-size", "16", "--hidden-size", "16", "--threads", "1", "--batch-tokens", "128"]


@dataclass
class Result:
    """What `nmt` returned and printed."""

    returncode: int
    stdout: str
    stderr: str


def nmt(*arguments: object, check: bool = True) -> Result:
    """Run `nmt` in this process, which saves starting Python and importing torch."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as exited:
        main([str(argument) for argument in arguments])
    result = Result(int(exited.value.code or 0), out.getvalue(), err.getvalue())
    assert not check or result.returncode == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of numbers: their digits, and the names of the digits in reverse order."""
    folder = tmp_path_factory.mktemp("corpus")
    for split, start, count in (("train", 1000, 400), ("dev", 3000, 25), ("test", 4000, 20)):
        write_numbers(folder, split, start, count, step=-1)
    splits = [argument for split in ("train", "dev", "test") for argument in (f"--{split}", folder / split)]
    nmt("preprocess", *splits, "--source", "num", "--target", "en", "--vocabulary-size", 308, "--out", folder / "out")
    return folder / "out"


def test_model_folder_has_all_files_and_their_contents(prepared: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    result = nmt("train", prepared, "--out", model, *SMALL, "--max-steps", 30, "--validate-every", 10)
    assert result.stdout == ""
    assert "reached 30 updates" in result.stderr
    assert {f.name for f in model.iterdir()} == {
        "README.md", "config.toml", "last", "lexicon.safetensors", "manifest.json", "metrics.jsonl", "tokenizer.model",
            "weights.safetensors",
    }  # fmt: skip
    config = tomllib.loads((model / "config.toml").read_text())
    assert (config["model"]["hidden_size"], config["training"]["max_steps"]) == (16, 30)
    manifest = json.loads((model / "manifest.json").read_text())
    assert (manifest["kind"], manifest["source"], manifest["target"], manifest["train_pairs"]) == (
        "model", "num", "en", 400,
    )  # fmt: skip
    records = [json.loads(line) for line in (model / "metrics.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records if record["kind"] == "validation"] == [10, 20, 30]
    assert all(
        {"dev_loss", "dev_bleu", "dev_chrf", "samples"} <= record.keys() for record in records if "dev_loss" in record
    )
    assert "num -> en" in (model / "README.md").read_text()
    assert str(read_metadata(model / "weights.safetensors")["sha256"]) in (model / "README.md").read_text()


def test_training_does_not_import_the_torch_compiler(prepared: Path, tmp_path: Path) -> None:
    command = ["train", str(prepared), "--out", str(tmp_path / "m"), *SMALL, "--max-steps", "2"]
    probe = f"""
import sys
from nmt_cli.cli import app
try:
    app.main({command!r})
except SystemExit as end:
    print(end.code, 'torch._dynamo' in sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert result.stdout == "0 False\n", result.stderr


def test_max_minutes_limits_the_whole_run(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that starting took counts: 60 of 90 s are gone when training begins. The remaining time reported is
    within the limit, and the learning rate decays in time. The clock advances by 0.1 s at every call."""
    ticks = itertools.count(1000.0, 0.1)
    clock = SimpleNamespace(monotonic=lambda: next(ticks))
    monkeypatch.setattr("nmt_cli.training.trainer.time", clock)
    monkeypatch.setattr("nmt_cli.training.trainer.LOG_SECONDS", 0.0)
    monkeypatch.setattr("nmt_cli.cli.train.START_TIME", 1000.0 - 60)
    rate = ["--learning-rate", "4e-3"]
    result = nmt("train", prepared, "--out", tmp_path / "m", *SMALL, *rate, "--max-minutes", "1.5")
    assert "reached 1.5 minutes" in result.stderr
    rows = [json.loads(line) for line in (tmp_path / "m" / "metrics.jsonl").read_text().splitlines()]
    reports = [row for row in rows if row["kind"] == "train"]
    assert len(reports) > 3
    assert max(row["elapsed"] + row["remaining"] for row in reports) <= 91
    assert reports[-1]["rate"] < 3e-3


def test_seed_and_learning_rate_determine_the_weights(prepared: Path, tmp_path: Path) -> None:
    def train(name: str, *options: str) -> str:
        nmt("train", prepared, "--out", tmp_path / name, *SMALL, "--max-steps", "12", *options)
        return str(read_metadata(tmp_path / name / "weights.safetensors")["sha256"])

    first = train("a")
    assert train("b") == first
    assert train("c", "--seed", "2") != first
    assert train("d", "--learning-rate", "0.008") == first
    assert train("e", "--learning-rate", "0.007") != first


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_interrupted_and_resumed_run_equals_an_uninterrupted_one(
    number: signal.Signals, prepared: Path, tmp_path: Path
) -> None:
    options = [*SMALL, "--max-steps", "60", "--validate-every", "20", "--subword-regularization", "0.2"]
    nmt("train", prepared, "--out", tmp_path / "uninterrupted", *options)
    state = tmp_path / "interrupted" / "last" / "state.safetensors"
    stopped = run_with_signal(number, UPDATE, 27, "train", prepared, "--out", tmp_path / "interrupted", *options)
    assert stopped.returncode == 130, stopped.stderr
    assert f"interrupted by {number.name}" in stopped.stderr
    assert f"Continue with: nmt train --out {tmp_path / 'interrupted'} --resume" in stopped.stderr
    before = read_metadata(state)["progress"]["step"]
    assert before == 27
    result = nmt("train", "--out", tmp_path / "interrupted", "--resume")  # with the options of the first run
    assert f"resuming at update {before}" in result.stderr
    for name in ("weights.safetensors", "last/state.safetensors"):
        uninterrupted, _ = read_tensors(tmp_path / "uninterrupted" / name)
        interrupted, _ = read_tensors(tmp_path / "interrupted" / name)
        assert uninterrupted.keys() == interrupted.keys()
        for key in uninterrupted:
            assert uninterrupted[key].equal(interrupted[key]), key
    steps = [
        [json.loads(line)["step"] for line in (tmp_path / run / "metrics.jsonl").read_text().splitlines()
         if json.loads(line)["kind"] == "validation"]
        for run in ("uninterrupted", "interrupted")
    ]  # fmt: skip
    assert steps[0] == steps[1]


@pytest.mark.parametrize("stopped_by", [signal.SIGTERM, signal.SIGKILL])
def test_options_of_a_resumed_run_are_in_force_when_it_is_resumed_again(
    stopped_by: signal.Signals, prepared: Path, tmp_path: Path
) -> None:
    """The printed command, which names none, goes on with the last ones; so does config.toml."""
    model = tmp_path / "m"
    nmt("train", prepared, "--out", model, *SMALL, "--max-steps", "4", "--patience", "7")
    again = ("--resume", "--max-steps", "12", "--learning-rate", "0.002", "--metric", "bleu", "--patience", "9")
    run_with_signal(stopped_by, UPDATE, 3, "train", "--out", model, *again)
    for _ in range(2):
        training = tomllib.loads((model / "config.toml").read_text())["training"]
        names = ("max_steps", "learning_rate", "metric", "patience")
        assert [training[name] for name in names] == [12, 0.002, "bleu", 9]
        result = nmt("train", "--out", model, "--resume")
    assert read_metadata(model / "last" / "state.safetensors")["progress"]["step"] == 12
    assert "already at update 12" in result.stderr
    refused = nmt("train", "--out", model, "--resume", "--hidden-size", "8", "--max-steps", "20", check=False)
    assert refused.returncode == 1
    assert tomllib.loads((model / "config.toml").read_text())["training"]["max_steps"] == 12


@pytest.mark.parametrize(("every", "saved"), [(3, 6), (100_000, 0)])  # with and without a validation before
def test_killed_run_resumes_from_the_last_saved_state(every: int, saved: int, prepared: Path, tmp_path: Path) -> None:
    options = [*SMALL, "--max-steps", "100000", "--validate-every", str(every)]
    killed = run_with_signal(signal.SIGKILL, UPDATE, 8, "train", prepared, "--out", tmp_path / "m", *options)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    steps = read_metadata(tmp_path / "m" / "last" / "state.safetensors")["progress"]["step"]
    assert steps == saved
    result = nmt("train", prepared, "--out", tmp_path / "m", *SMALL, "--resume", "--max-steps", steps + 5)
    assert (f"resuming at update {steps}" if steps else "training: num -> en") in result.stderr
    read_tensors(tmp_path / "m" / "weights.safetensors")


def test_resuming_with_a_different_tokenizer_is_refused(prepared: Path, tmp_path: Path) -> None:
    """As if prepared again from the same text and options by a SentencePiece that trains a different tokenizer."""
    corpus, model = tmp_path / "p", tmp_path / "m"
    shutil.copytree(prepared, corpus)
    nmt("train", corpus, "--out", model, *SMALL, "--max-steps", "2")
    original = json.loads((corpus / "manifest.json").read_text())
    options = ["--source", "num", "--target", "en", "--out", corpus, "--overwrite"]
    splits = [argument for split in ("train", "dev", "test") for argument in (f"--{split}", prepared.parent / split)]
    nmt("preprocess", *splits, *options, "--vocabulary-size", 300, "--tokenizer", "bpe")
    retrained = {**PREPARED.read(corpus).model_dump(), "fingerprint": original["fingerprint"]}
    PREPARED.write(corpus, PreparedManifest.model_validate(retrained))
    weights = (model / "last" / "state.safetensors").read_bytes()
    result = nmt("train", "--out", model, "--resume", "--max-steps", "4", check=False)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert f"{corpus}: not the corpus that {model} was trained on" in result.stderr
    (corpus / "manifest.json").write_text(json.dumps(original))  # now only the tokenizer file differs
    result = nmt("train", "--out", model, "--resume", "--max-steps", "4", check=False)
    assert f"{corpus}/tokenizer.model: damaged or changed" in result.stderr
    assert (model / "last" / "state.safetensors").read_bytes() == weights


def test_manifest_records_the_computing_environments(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def environments() -> list[dict[str, object]]:
        manifest: dict[str, list[dict[str, object]]] = json.loads((tmp_path / "m/manifest.json").read_text())
        return manifest["environments"]

    nmt("train", prepared, "--out", tmp_path / "m", *SMALL, "--max-steps", "2", "--precision", "fp32")
    (first,) = environments()
    assert (first["torch"], first["precision"], first["threads"]) == (torch.__version__, "fp32", 1)
    assert str(first["processor"]) in (tmp_path / "m/README.md").read_text()
    result = nmt("train", "--out", tmp_path / "m", "--resume", "--max-steps", "3")
    assert environments() == [first]
    assert "environment has changed" not in result.stderr
    monkeypatch.setattr("nmt_cli.training.environment.version", lambda _: "9.9")
    result = nmt("train", "--out", tmp_path / "m", "--resume", "--max-steps", "4")
    assert f"the environment has changed (sentencepiece {first['sentencepiece']}, now 9.9)" in result.stderr
    assert [environment["sentencepiece"] for environment in environments()] == [first["sentencepiece"], "9.9"]


def test_folder_without_weights_or_state_is_reused(prepared: Path, tmp_path: Path) -> None:
    model = tmp_path / "m"
    train = ["train", prepared, "--out", model, *SMALL, "--max-steps", "2"]
    nmt(*train)
    shutil.rmtree(model / "last")
    (model / "weights.safetensors").unlink()
    nmt(*train)
    assert read_tensors(model / "weights.safetensors")[1]["step"] == 2


def test_run_resumes_from_another_working_directory(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(prepared.parent)
    for options in ([], ["--overwrite"]):
        nmt("train", prepared.name, "--out", tmp_path / "m", *SMALL, "--max-steps", "2", *options)
    monkeypatch.chdir(tmp_path)
    assert "resuming at update 2" in nmt("train", "--out", "m", "--resume", "--max-steps", "4").stderr


def test_overwritten_model_is_kept_until_the_new_run_has_ended(prepared: Path, tmp_path: Path) -> None:
    """Also if the folder is a symbolic link, is the working directory, or holds files of the user."""
    (tmp_path / "m").symlink_to(tmp_path / "elsewhere")
    train = ["train", prepared, "--out", tmp_path / "m", *SMALL]
    nmt(*train, "--max-steps", "2")
    (tmp_path / "m" / "notes.txt").write_text("all my work")
    before = (tmp_path / "m" / "weights.safetensors").read_bytes()
    backup = tmp_path / "m" / "replaced-1"
    arguments = [*train[:3], ".", *SMALL, "--max-steps", "100000", "--validate-every", "2", "--overwrite"]
    command = [sys.executable, "-m", "nmt_cli", *map(str, arguments)]
    with subprocess.Popen(
        command, cwd=tmp_path / "m", stderr=subprocess.PIPE, text=True, preexec_fn=restore_default_sigint
    ) as process:
        while process.poll() is None and not (backup.exists() and (tmp_path / "m/weights.safetensors").exists()):
            time.sleep(0.01)
        refused = nmt(*train, "--resume", check=False)
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate()
    assert process.returncode == 130
    assert "the previous model is kept as replaced-1 until this run has ended" in error
    assert f"{tmp_path / 'm'}: another nmt train is writing to it" in refused.stderr
    assert (backup / "weights.safetensors").read_bytes() == before
    nmt("eval", "--model", backup)
    nmt(*train, "--resume", "--max-steps", "2")
    assert not backup.exists()
    assert (tmp_path / "m").is_symlink()
    assert (tmp_path / "m" / "notes.txt").read_text() == "all my work"


def test_overwrite_removes_the_remains_of_an_incomplete_model(prepared: Path, tmp_path: Path) -> None:
    train = ["train", prepared, "--out", tmp_path / "m", *SMALL, "--max-steps", "2"]
    nmt(*train)
    (tmp_path / "m" / "weights.safetensors").unlink()
    leftovers = [
        tmp_path / "m" / ".weights.safetensors.abcdefgh.partial",
        tmp_path / "m" / "last" / ".state.safetensors.abcdefgh.partial",
        tmp_path / "m" / "tokenizer.source.model",
    ]
    for path in leftovers:
        path.write_bytes(b"half")
    own_files = [tmp_path / "m" / name for name in (".prepared.x.partial", "replaced-7", "weights.keep")]
    for path in own_files:
        path.mkdir()
    shutil.rmtree(tmp_path / "m" / "last")
    assert f"{tmp_path / 'm'}: contains an incomplete model, and " in nmt(*train, check=False).stderr
    nmt(*train, "--overwrite")
    assert not any(path.exists() for path in leftovers)
    assert all(path.exists() for path in own_files)
    card, config = ((tmp_path / "m" / name).read_text() for name in ("README.md", "config.toml"))
    assert config.strip() in card
    assert "overwrite = true" not in config


def test_older_format_is_refused_in_one_line(prepared: Path, tmp_path: Path) -> None:
    train = ["train", prepared, "--out", tmp_path / "m", *SMALL, "--max-steps", "1"]
    nmt(*train)
    manifest = tmp_path / "m" / "manifest.json"
    manifest.write_text(manifest.read_text().replace(f'"format": {FORMAT}', f'"format": {FORMAT - 1}'))
    message = f"nmt: {manifest}: format {FORMAT - 1} is from an older nmt-cli; run nmt train again\n"
    for command in (["train", "--out", tmp_path / "m", "--resume"], ["eval", "--model", tmp_path / "m"]):
        assert nmt(*command, check=False).stderr == message
    nmt(*train, "--overwrite")
    assert f'"format": {FORMAT}' in manifest.read_text()


def test_truncated_metrics_file_does_not_prevent_resuming(prepared: Path, tmp_path: Path) -> None:
    train = ["train", prepared, "--out", tmp_path / "m", *SMALL]
    nmt(*train, "--max-steps", "4", "--validate-every", "2")
    file = tmp_path / "m" / "metrics.jsonl"
    complete = file.read_text().splitlines()
    file.write_text("\n".join([*complete, "[1}", "7", '{"kind": "tra']))
    nmt(*train, "--resume", "--max-steps", "6")
    assert file.read_text().splitlines()[: len(complete)] == complete
    assert all(json.loads(line)["kind"] for line in file.read_text().splitlines())


def test_existing_models_and_files_are_not_overwritten_by_mistake(prepared: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    train = ["train", prepared, "--out", model, *SMALL, "--max-steps", "2"]
    nmt(*train)
    weights = (model / "weights.safetensors").read_bytes()

    def refused(*options: object, message: str) -> None:
        result = nmt(*options, check=False)
        assert result.returncode == 1, result.stderr
        assert message in result.stderr
        assert result.stderr.count("\n") == 1
        assert (model / "weights.safetensors").read_bytes() == weights

    refused(*train, message="contains a model; continue with --resume")
    refused(*train, "--resume", "--overwrite", message="cannot be combined")
    refused(*train, "--resume", "--hidden-size", "8", message="has other model options")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("all my work")
    refused("train", prepared, "--out", tmp_path / "mine", "--overwrite", message="not a model")
    refused("train", prepared, "--out", tmp_path / "mine" / "thesis.tex", message="is a file")
    refused("train", prepared, "--out", tmp_path / "new", "--resume", message="no state to resume from")
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "all my work"
    nmt(*train, "--overwrite", "--seed", "5")
    assert (model / "weights.safetensors").read_bytes() != weights


def test_resuming_a_finished_run_reports_it(prepared: Path, tmp_path: Path) -> None:
    train = ["train", prepared, "--out", tmp_path / "m", *SMALL, "--max-steps", "3"]
    nmt(*train)
    progress = read_metadata(tmp_path / "m" / "last" / "state.safetensors")["progress"]
    result = nmt(*train, "--resume")
    assert "already at update 3, the end of the run; raise its limit" in result.stderr
    after = read_metadata(tmp_path / "m" / "last" / "state.safetensors")["progress"]
    assert {**after, "elapsed": 0} == {**progress, "elapsed": 0}
    assert "resuming at update 3" in nmt(*train, "--resume", "--max-steps", "5").stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_write_permission_is_a_one_line_error(prepared: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    result = nmt("train", prepared, "--out", tmp_path / "m", *SMALL, "--max-steps", "1", check=False)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)


@pytest.mark.slow
def test_training_reaches_90_bleu_on_unseen_numbers(prepared: Path, tmp_path: Path) -> None:
    """Digits to their names in reverse order: BLEU of at least 90 on numbers not in train."""
    sizes = ["--embedding-size", "48", "--hidden-size", "64", "--threads", "1"]
    nmt("train", prepared, "--out", tmp_path / "m", *sizes, "--batch-tokens", "256", "--max-epochs", "60",
        "--learning-rate", "6e-3", "--dropout", "0.1", "--embedding-dropout", "0.1")  # fmt: skip
    result = json.loads(nmt("eval", "--model", tmp_path / "m", "--json").stdout)
    assert result["bleu"]["score"] >= 90


@pytest.fixture(scope="module")
def default_weights(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The hash of the weights after a short run with default options."""
    return weights_after(prepared, tmp_path_factory.mktemp("default") / "m")


def weights_after(prepared: Path, out: Path, *options: str) -> str:
    """The hash of the weights after a short run."""
    nmt("train", prepared, "--out", out, *SMALL, "--max-steps", "4", *options)
    return str(read_metadata(out / "weights.safetensors")["sha256"])


@pytest.mark.parametrize(
    "options",
    [
        "--cell gru",
        "--cell rnn",
        "--score dot",
        "--score general",
        "--score concat",
        "--attention luong",
        "--attention luong --input-feeding",
        "--encoder-layers 2",
        "--decoder-layers 3",
        "--no-bidirectional",
        "--tied-embeddings none",
        "--dropout 0",
        "--embedding-dropout 0",
        "--word-dropout 0.5",
        "--label-smoothing 0",
        "--subword-regularization 0.9",
        "--batch-tokens 64",
        "--gradient-accumulation 2",
        "--learning-rate 0.01",
        "--warmup 0",
        "--schedule constant",
        "--schedule cosine",
        "--weight-decay 0.9",
        "--clip-norm 0.001",
        "--ema-decay 0",
        "--seed 2",
        "--preset luong2015-dot-feed --encoder-layers 1 --decoder-layers 1",
        "--source-order reversed",
        "--source-order doubled",
        "--source-order doubled-reversed",
        "--attention bahdanau",
        "--attention none --encoder-layers 2",
        "--attention none-repeat",
        "--score scaled-dot",
        "--score mlp",
        "--score location",
        "--heads 2",
        "--local-attention monotonic --local-window 2",
        "--local-attention predictive",
        "--coverage",
        "--readout maxout",
        "--scheduled-sampling free",
        "--scheduled-sampling constant",
        "--scheduled-sampling linear",
    ],
)
def test_each_option_changes_the_weights(options: str, prepared: Path, default_weights: str, tmp_path: Path) -> None:
    assert weights_after(prepared, tmp_path / "m", *options.split()) != default_weights


@pytest.mark.parametrize(
    ("options", "others"),
    [
        ("--local-attention monotonic --local-window 2", "--local-attention monotonic --local-window 3"),
        (
            "--scheduled-sampling constant --teacher-forcing-ratio 0.2",
            "--scheduled-sampling constant --teacher-forcing-ratio 0.9",
        ),
        (
            "--scheduled-sampling linear --teacher-forcing-ratio 0.1",
            "--scheduled-sampling exponential --teacher-forcing-ratio 0.1",
        ),
        (
            "--scheduled-sampling linear --teacher-forcing-ratio 0.1",
            "--scheduled-sampling inverse-sigmoid --teacher-forcing-ratio 0.1",
        ),
        ("--preset sutskever2014 --scale 0.016", "--preset sutskever2014 --scale 0.024"),
    ],
)
def test_options_that_modify_other_options_change_the_weights(
    options: str, others: str, prepared: Path, tmp_path: Path
) -> None:
    small = ("--max-steps", "4", "--batch-tokens", "128")
    hashes = set()
    for name, run in (("one", options), ("other", others)):
        sizes = () if "--preset" in run else ("--hidden-size", "16", "--embedding-size", "16")
        nmt("train", prepared, "--out", tmp_path / name, *small, *sizes, *run.split())
        hashes.add(read_metadata(tmp_path / name / "weights.safetensors")["sha256"])
    assert len(hashes) == 2


def test_explicit_default_does_not_change_the_weights(prepared: Path, default_weights: str, tmp_path: Path) -> None:
    assert weights_after(prepared, tmp_path / "m", "--score", "scaled-general") == default_weights


@pytest.mark.parametrize(
    ("metric", "key", "sign"), [("loss", "dev_loss", -1), ("bleu", "dev_bleu", 1), ("chrf", "dev_chrf", 1)]
)
def test_saved_weights_are_the_best_by_the_metric(
    metric: str, key: str, sign: int, prepared: Path, tmp_path: Path
) -> None:
    """The learning rate is so high that validations also get worse."""
    nmt("train", prepared, "--out", tmp_path / "m", *SMALL, "--max-steps", "24", "--validate-every", "4",
        "--metric", metric, "--learning-rate", "0.3", "--schedule", "constant", "--ema-decay", "0")  # fmt: skip
    rows = [json.loads(line) for line in (tmp_path / "m" / "metrics.jsonl").read_text().splitlines()]
    values = {row["step"]: sign * row[key] for row in rows if row["kind"] == "validation"}
    assert values[read_metadata(tmp_path / "m" / "weights.safetensors")["step"]] == max(values.values())


def test_resuming_with_another_batch_size_keeps_the_position_in_the_epoch(prepared: Path, tmp_path: Path) -> None:
    nmt("train", prepared, "--out", tmp_path / "m", *SMALL, "--max-steps", "30")
    nmt("train", "--out", tmp_path / "m", "--resume", "--max-steps", "31", "--batch-tokens", "40")
    rows = [json.loads(line) for line in (tmp_path / "m" / "metrics.jsonl").read_text().splitlines()]
    epochs = {row["step"]: row["epoch"] for row in rows if row["kind"] == "validation"}
    assert 0.4 < epochs[30] < 0.6
    assert epochs[30] - 0.02 < epochs[31] < epochs[30] + 0.02


def test_resuming_with_another_metric_resets_the_best_score(prepared: Path, tmp_path: Path) -> None:
    options = (*SMALL, "--validate-every", "4", "--schedule", "constant")
    nmt("train", prepared, "--out", tmp_path / "m", *options, "--max-steps", "8", "--metric", "chrf")
    nmt("train", "--out", tmp_path / "m", "--resume", "--max-steps", "16", "--metric", "loss")
    rows = [json.loads(line) for line in (tmp_path / "m" / "metrics.jsonl").read_text().splitlines()]
    losses = {row["step"]: row["dev_loss"] for row in rows if row["kind"] == "validation" and row["metric"] == "loss"}
    assert min(losses) == 12
    assert losses[read_metadata(tmp_path / "m" / "weights.safetensors")["step"]] == min(losses.values())


def test_patience_stops_a_run_without_improvement(prepared: Path, tmp_path: Path) -> None:
    result = nmt("train", prepared, "--out", tmp_path / "m", *SMALL, "--max-steps", "1000", "--validate-every", "1",
                 "--metric", "loss", "--learning-rate", "1e-12", "--ema-decay", "0", "--patience", "2")  # fmt: skip
    assert "no better loss in 2 validations" in result.stderr


@pytest.mark.parametrize(("requested", "decoded"), [(1, 1), (3, 3), (25, 25), (1000, 25)])
def test_validate_sentences_limits_decoding_but_not_the_loss(requested: int, decoded: int, prepared: Path) -> None:
    validator = Validator(PreparedCorpus.open(prepared), requested, 64)
    assert len(validator.sources) == len(validator.references) == decoded
    assert len(validator.split) == 25


def long_dev(folder: Path, prepared: Path, lengths: list[int]) -> Path:
    """A corpus with pairs of these many digits in dev, and a limit of 20 subwords."""
    text = prepared.parent
    for code in ("num", "en"):
        (folder / f"dev.{code}").write_text("".join("1 " * length + "\n" for length in lengths))
    files = ["--train", text / "train", "--dev", folder / "dev", "--test", text / "test", "--max-length", 20]
    options = ["--vocabulary-size", 308, "--max-ratio", 100, "--source", "num", "--target", "en"]
    nmt("preprocess", *files, *options, "--out", folder / "long")
    return folder / "long"


def test_dev_loss_leaves_out_long_pairs_and_says_so(
    prepared: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    corpus = PreparedCorpus.open(long_dev(tmp_path, prepared, [3, 5000, 4, 300]))
    validator = Validator(corpus, 10, 64)
    assert sorted(row for rows in validator._batches for row in rows.tolist()) == [0, 2]
    assert "dev loss leaves out 2 pairs of more than 20 subwords" in caplog.text
    assert len(validator.sources) == 4, "they are translated"
    result = nmt("train", corpus.path, "--out", tmp_path / "m", *SMALL, "--max-steps", "2")
    assert "dev loss leaves out 2 pairs of more than 20 subwords" in result.stderr


def test_a_dev_split_of_long_pairs_only_is_told(prepared: Path, tmp_path: Path) -> None:
    corpus = long_dev(tmp_path, prepared, [300, 400])
    result = nmt("train", corpus, "--out", tmp_path / "m", *SMALL, "--max-steps", "2", check=False)
    assert result.returncode == 1
    assert "every pair of dev has a side with more than 20 subwords" in result.stderr


def test_repeated_non_finite_loss_stops_the_run(prepared: Path, tmp_path: Path) -> None:
    result = nmt("train", prepared, "--out", tmp_path / "m", *SMALL, "--max-steps", "50", "--validate-every", "100",
                 "--learning-rate", "1e38", "--warmup", "0", "--schedule", "constant", check=False)  # fmt: skip
    assert result.returncode == 1
    assert "updates in a row without a finite loss" in result.stderr
    assert "lower --learning-rate" in result.stderr


def test_non_finite_dev_loss_stops_the_run(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search would find no probabilities and blame the weights' file."""
    monkeypatch.setattr(Validator, "_loss", lambda *_: (math.nan, None))
    train = ["train", prepared, "--out", tmp_path / "m", *SMALL, "--max-steps", "5", "--validate-every", "2"]
    result = nmt(*train, check=False)
    assert result.returncode == 1
    assert result.stderr.endswith(
        "nmt: update 2: the dev loss is not finite; lower --learning-rate or use --precision fp32; "
        "no model has been saved yet\n"
    )


def test_clipping_warning_counts_updates_before_the_last_log_line(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every update is logged here, so that none has been made since the last log line when the model is validated."""
    monkeypatch.setattr("nmt_cli.training.trainer.LOG_SECONDS", 0.0)
    options = ["--clip-norm", "1e-3", "--max-steps", "4", "--validate-every", "2"]
    result = nmt("train", prepared, "--out", tmp_path / "m", *SMALL, *options)
    assert "100% of the updates were clipped" in result.stderr


def test_missing_tensorboard_is_a_one_line_error(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    result = nmt("train", prepared, "--out", tmp_path / "m", *SMALL, "--max-steps", "1",
                 "--tensorboard", tmp_path / "t", check=False)  # fmt: skip
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "pip install 'nmt-cli[tensorboard]'" in result.stderr


def test_tensorboard_receives_the_metrics(prepared: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the tensorboard extra is not installed")
    nmt("train", prepared, "--out", tmp_path / "m", *SMALL, "--max-steps", "2", "--tensorboard", tmp_path / "t")
    (events,) = (tmp_path / "t").iterdir()
    assert b"dev/bleu" in events.read_bytes()


def test_the_end_of_a_run_judges_the_model_and_names_the_next_command(prepared: Path, tmp_path: Path) -> None:
    model = tmp_path / "m"
    lines = nmt("train", prepared, "--out", model, *SMALL, "--max-steps", "4").stderr.splitlines()
    assert re.fullmatch(r"The model is not usable yet \(chrF \d+\.\d on dev\), still rising\.", lines[-3])
    assert lines[-2] == f"To train longer: nmt train --out {model} --resume --max-steps 8"
    assert lines[-1].startswith(f"Next: nmt translate --model {model} ")
    records = [json.loads(line) for line in (model / "metrics.jsonl").read_text().splitlines()]
    samples = [record["samples"] for record in records if "samples" in record]
    assert {sample["source"] for sample in samples[0]} == {sample["source"] for sample in samples[-1]}
