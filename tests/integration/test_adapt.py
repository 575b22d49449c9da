"""`nmt train --from`, `nmt preprocess --like`: a model goes on learning from the weights of another."""

import io
import json
import shutil
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import write_numbers
from torch import Tensor

from nmt_cli.checkpoint.layout import MODEL, read_config, read_metadata
from nmt_cli.checkpoint.tensors import read_tensors
from nmt_cli.cli.app import main
from nmt_cli.config import ModelConfig, TrainConfig, TrainingConfig
from nmt_cli.corpus.manifest import PREPARED
from nmt_cli.training.schedule import default_learning_rate
from nmt_cli.training.train import train

pytestmark = pytest.mark.integration

SMALL = ("--embedding-size", "16", "--hidden-size", "16", "--score", "dot", "--threads", "1", "--batch-tokens", "128")
RUN = ("--threads", "1", "--batch-tokens", "128", "--validate-sentences", "5")


def nmt(*arguments: object, status: int = 0) -> str:
    """Run `nmt` in this process -> what it printed."""
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out), pytest.raises(SystemExit) as exited:
        main([str(argument) for argument in arguments])
    assert int(exited.value.code or 0) == status, out.getvalue()
    return out.getvalue()


def fails(*arguments: object) -> str:
    """Run `nmt`, which must fail with one line -> that line."""
    printed = nmt(*arguments, status=1)
    assert printed.count("\n") == 1, printed
    return printed


def write_text(folder: Path, start: int, count: int) -> None:
    for split, first, size in (("train", start, count), ("dev", start + 5000, 20)):
        write_numbers(folder, split, first, size)


def text(folder: Path) -> tuple[object, ...]:
    return ("--train", folder / "train", "--dev", folder / "dev", "--holdout", "5")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus `prepared`, a model `base` trained on it, and the text of another domain, of which
    `medical` was prepared like the model."""
    home = tmp_path_factory.mktemp("home")
    for name, start, count in (("general", 1000, 150), ("domain", 9000, 60)):
        (home / name).mkdir()
        write_text(home / name, start, count)
    languages = ("--source", "num", "--target", "en")
    nmt("preprocess", *text(home / "general"), *languages, "--vocabulary-size", 310, "--unicode", "nfkc", "--out",
        home / "prepared")  # fmt: skip
    nmt("train", home / "prepared", "--out", home / "base", *SMALL, "--max-steps", 12)
    nmt("preprocess", *text(home / "domain"), "--like", home / "base", "--out", home / "medical")
    return home


def weights(model: Path) -> dict[str, Tensor]:
    return read_tensors(model / "weights.safetensors")[0]


def equal(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)


def test_a_run_without_updates_keeps_every_bit(home: Path, tmp_path: Path) -> None:
    printed = nmt("train", home / "medical", "--from", home / "base", "--out", tmp_path / "m", *RUN, "--max-steps", 0)
    digest = read_metadata(home / "base" / "weights.safetensors")["sha256"]
    assert f"training from the weights {digest[:12]} of {home / 'base'}" in printed
    assert "To train longer" not in printed
    assert read_metadata(tmp_path / "m" / "weights.safetensors")["sha256"] == digest
    before, after = weights(home / "base"), weights(tmp_path / "m")
    assert before.keys() == after.keys()
    assert all(equal(before[name], after[name]) for name in before)


def test_updates_change_the_weights_and_the_start_is_validated(home: Path, tmp_path: Path) -> None:
    """So that a run that makes the model worse keeps the weights that it came from."""
    ruin = ("--learning-rate", "10", "--schedule", "constant", "--warmup", "0", "--label-smoothing", "0")
    good = tmp_path / "good"
    nmt("train", home / "medical", "--from", home / "base", "--out", good, *RUN, "--max-steps", 6, "--metric", "loss")
    assert read_metadata(good / "weights.safetensors")["step"] == 6
    bad = tmp_path / "bad"
    nmt("train", home / "medical", "--from", good, "--out", bad, *RUN, *ruin, "--max-steps", 4, "--metric", "loss")
    records = [json.loads(line) for line in (bad / "metrics.jsonl").read_text().splitlines()]
    losses = {record["step"]: record["dev_loss"] for record in records if record["kind"] == "validation"}
    assert losses.keys() == {0, 4}
    assert losses[4] > losses[0]
    assert read_metadata(bad / "weights.safetensors")["sha256"] == read_metadata(good / "weights.safetensors")["sha256"]


def test_the_chain_of_parents_is_recorded_and_shown(home: Path, tmp_path: Path) -> None:
    adapt = ("train", home / "medical", *RUN, "--max-steps", 2, "--metric", "loss", "--from")
    nmt(*adapt, home / "base", "--out", tmp_path / "second")
    nmt(*adapt, tmp_path / "second", "--out", tmp_path / "third")
    base, second, third = (MODEL.read(path) for path in (home / "base", tmp_path / "second", tmp_path / "third"))
    assert base.parents == []
    assert [parent.name for parent in third.parents] == ["base", "second"]
    assert third.parents[0] == second.parents[0]
    for parent, path, manifest in zip(third.parents, (home / "base", tmp_path / "second"), (base, second), strict=True):
        metadata = read_metadata(path / "weights.safetensors")
        assert (parent.sha256, parent.steps) == (metadata["sha256"], metadata["step"])
        assert (parent.corpus, parent.train_pairs) == (manifest.corpus, manifest.train_pairs)
    nmt("pack", tmp_path / "third", tmp_path / "given", "--prepared", home / "medical")
    for model in ("third", "given"):
        assert MODEL.read(tmp_path / model).parents == third.parents
        lines = [line.strip() for line in nmt("info", tmp_path / model).splitlines()]
        shown = [line.split(None, 2)[2] for line in lines if line.startswith("adapted from")]
        assert [line.partition(",")[0] for line in shown] == ["second", "base"]
        card = (tmp_path / model / "README.md").read_text()
        first, then = (third.parents[i].sha256[:12] for i in (1, 0))
        assert f"Adapted from `second`, weights {first}" in card
        assert f"which was adapted from `base`, weights {then}" in card
    assert str(tmp_path) not in (tmp_path / "given" / "config.toml").read_text()
    assert tomllib.loads((tmp_path / "given" / "config.toml").read_text())["from"] == "second"


def test_a_packed_model_can_be_adapted(home: Path, tmp_path: Path) -> None:
    nmt("pack", home / "base", tmp_path / "given")
    nmt("train", home / "medical", "--from", tmp_path / "given", "--out", tmp_path / "m", *RUN, "--max-steps", 0)
    assert [parent.name for parent in MODEL.read(tmp_path / "m").parents] == ["given"]


def test_architecture_is_inherited_dropout_may_differ_and_the_learning_rate_is_lower(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    adapt = ("train", home / "medical", "--from", "base", "--out", tmp_path / "m", *RUN, "--max-steps", 1)
    nmt(*adapt, "--dropout", "0.1", "--score", "dot")
    base, adapted = read_config(home / "base"), read_config(tmp_path / "m")
    assert adapted.model == base.model.model_copy(update={"dropout": 0.1})
    assert adapted.training.learning_rate == default_learning_rate(base.model) / 2
    assert adapted.from_ == home / "base"
    assert adapted.training.validate_sentences == 5, "only the architecture is inherited"


def test_python_callers_give_no_architecture_either(home: Path, tmp_path: Path) -> None:
    config = TrainConfig(
        prepared=home / "medical",
        from_=home / "base",
        out=tmp_path / "m",
        threads=1,
        model=ModelConfig(embedding_dropout=0.2),
        training=TrainingConfig(max_steps=0, validate_sentences=5),
    )
    train(config)
    expected = read_config(home / "base").model.model_copy(update={"embedding_dropout": 0.2})
    assert read_config(tmp_path / "m").model == expected
    assert "from_" not in (tmp_path / "m" / "config.toml").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hidden-size", 32], "hidden_size is 32, but 16 in BASE, whose weights --from starts from; leave it out"),
        (["--score", "general"], "score is general, but dot in BASE"),
        (["--preset", "bahdanau2014"], "cell is gru, but lstm in BASE"),
        (["--set", "attention=none"], "attention"),
    ],
)
def test_another_architecture_is_refused(home: Path, tmp_path: Path, arguments: list[object], message: str) -> None:
    error = fails("train", home / "medical", "--from", home / "base", "--out", tmp_path / "m", *arguments)
    assert message.replace("BASE", str(home / "base")) in error
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--source", "num", "--target", "en", "--unicode", "nfkc", "--vocabulary-size", 300],
         "PREPARED: has other subwords (OURS joint) than BASE (THEIRS joint)"),
        (["--source", "num", "--target", "en", "--unicode", "nfkc", "--vocabulary", "separate"],
         "PREPARED: has other subwords (OURS and TARGET) than BASE (THEIRS joint)"),
        (["--source", "num", "--target", "en", "--tokenizer-model", "BASE/tokenizer.model"],
         "PREPARED: has the Unicode form nfc, but BASE has nfkc"),
        (["--source", "en", "--target", "num", "--tokenizer-model", "BASE/tokenizer.model", "--unicode", "nfkc"],
         "PREPARED: is en -> num, but BASE translates num -> en"),
    ],
)  # fmt: skip
def test_another_corpus_is_refused(home: Path, tmp_path: Path, options: list[object], message: str) -> None:
    base, prepared = str(home / "base"), tmp_path / "prepared"
    nmt("preprocess", *text(home / "domain"), *(str(option).replace("BASE", base) for option in options), "--out",
        prepared)  # fmt: skip
    ours, theirs = (PREPARED.read(folder).tokenizer for folder in (prepared, home / "prepared"))
    error = fails("train", prepared, "--from", base, "--out", tmp_path / "m")
    sizes = {"OURS": ours.source_size, "TARGET": ours.target_size, "THEIRS": theirs.source_size}
    for name, value in {"BASE": base, "PREPARED": prepared, **sizes}.items():
        message = message.replace(name, str(value))
    assert message in error
    assert error.endswith(f"; prepare the text with nmt preprocess --like {base}\n")
    assert not (tmp_path / "m").exists()


def test_what_is_not_a_model_to_start_from_is_refused(home: Path, tmp_path: Path) -> None:
    adapt = ("train", home / "medical", "--out", tmp_path / "m", "--from")
    assert "nowhere: no model here" in fails(*adapt, tmp_path / "nowhere")
    assert "prepared: is a prepared corpus, not a model" in fails(*adapt, home / "prepared")
    shutil.copytree(home / "base", tmp_path / "damaged")
    content = (tmp_path / "damaged" / "weights.safetensors").read_bytes()
    (tmp_path / "damaged" / "weights.safetensors").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "damaged: its content does not match its hash" in fails(*adapt, tmp_path / "damaged")
    before = (home / "base" / "manifest.json").read_bytes()
    error = fails("train", home / "medical", "--from", home / "base", "--out", home / "base", "--overwrite")
    assert f"{home / 'base'}: is read as --from and written by --out" in error
    assert (home / "base" / "manifest.json").read_bytes() == before
    assert "freeze keeps weights of another model; name it with --from" in fails(
        "train", home / "medical", "--out", tmp_path / "m", "--freeze", "encoder"
    )


@pytest.mark.parametrize("freeze", [(), ("embeddings",)])
def test_a_resumed_run_equals_an_uninterrupted_one_without_its_parent(
    home: Path, tmp_path: Path, freeze: tuple[str, ...]
) -> None:
    parent = shutil.copytree(home / "base", tmp_path / "parent")
    options: list[object] = [*RUN, "--schedule", "constant", "--warmup", 0, "--validate-every", 3]
    options += [argument for part in freeze for argument in ("--freeze", part)]
    adapt = ("train", home / "medical", "--from", parent, *options, "--out")
    nmt(*adapt, tmp_path / "whole", "--max-steps", 9)
    nmt(*adapt, tmp_path / "parts", "--max-steps", 4)
    shutil.rmtree(parent)
    nmt("train", "--out", tmp_path / "parts", "--resume", "--max-steps", 9)
    nmt("train", "--out", tmp_path / "parts", "--resume", "--from", home / "prepared", "--max-steps", 9)
    whole, parts = (read_tensors(tmp_path / name / "last" / "state.safetensors")[0] for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(equal(whole[name], parts[name]) for name in whole)
    assert MODEL.read(tmp_path / "parts").parents == MODEL.read(tmp_path / "whole").parents
    assert read_config(tmp_path / "parts").from_ == parent


def test_a_run_stopped_before_its_first_update_counts_its_validations_once(home: Path, tmp_path: Path) -> None:
    ruin = ("--learning-rate", 10, "--schedule", "constant", "--warmup", 0, "--metric", "loss")
    adapt = ("train", home / "medical", "--from", home / "base", *RUN, *ruin, "--out")
    nmt(*adapt, tmp_path / "whole", "--max-steps", 4)
    nmt(*adapt, tmp_path / "parts", "--max-steps", 0)
    nmt("train", "--out", tmp_path / "parts", "--resume", "--max-steps", 4)
    whole, parts = (read_metadata(tmp_path / name / "last" / "state.safetensors") for name in ("whole", "parts"))
    assert whole["sha256"] == parts["sha256"]
    assert whole["progress"]["bad_validations"] == 1
    for name in whole["progress"].keys() - {"elapsed", "validation_seconds"}:
        assert whole["progress"][name] == parts["progress"][name], name
    steps = [json.loads(line) for line in (tmp_path / "parts" / "metrics.jsonl").read_text().splitlines()]
    assert [record["step"] for record in steps if record["kind"] == "validation"] == [0, 4]


@pytest.mark.parametrize("tied", ["all", "none"])
@pytest.mark.parametrize("freeze", [("embeddings",), ("encoder",), ("embeddings", "encoder")])
@pytest.mark.parametrize("attention", ["gnmt", "luong"])
def test_frozen_parts_keep_every_bit_and_the_others_are_trained(
    home: Path, tmp_path: Path, tied: str, freeze: tuple[str, ...], attention: str
) -> None:
    """Also where the decoder runs step by step, whose gradients are deferred."""
    model: tuple[object, ...] = ("--attention", attention, "--tied-embeddings", tied)
    model += ("--input-feeding",) if attention == "luong" else ()
    nmt("train", home / "prepared", "--out", tmp_path / "base", *SMALL, *model, "--max-steps", 1)
    parts = [argument for part in freeze for argument in ("--freeze", part)]
    printed = nmt("train", home / "medical", "--from", tmp_path / "base", "--out", tmp_path / "m", *RUN, *parts,
                  "--max-steps", 3, "--metric", "loss", "--ema-decay", 0.5, "--learning-rate", 0.01)  # fmt: skip
    assert read_metadata(tmp_path / "m" / "weights.safetensors")["step"] == 3
    before, after = weights(tmp_path / "base"), weights(tmp_path / "m")
    prefixes = {"embeddings": ("source_embedding", "target_embedding"), "encoder": ("encoder.",)}
    frozen = {name for part in freeze for name in before if name.startswith(prefixes[part])}
    unchanged = {name for name in before if equal(before[name], after[name])}
    assert unchanged == frozen
    total, trained = (sum(before[name].numel() for name in names) for names in (before, before.keys() - frozen))
    assert f"{trained:,} of {total:,} parameters are trained" in printed
    assert ("which the output layer shares" in printed) == (tied == "all" and "embeddings" in freeze)
    state = read_tensors(tmp_path / "m" / "last" / "state.safetensors")[0]
    assert not [name for name in state if name.startswith("optimiser/") and name.split("/")[2] in frozen]


def manifest(folder: Path) -> dict[str, Any]:
    return PREPARED.read(folder).model_dump()


def test_a_corpus_like_another_has_its_subwords_unicode_form_and_languages(home: Path, tmp_path: Path) -> None:
    given = ("--tokenizer-model", home / "base" / "tokenizer.model", "--unicode", "nfkc", "--source", "num",
             "--target", "en")  # fmt: skip
    nmt("preprocess", *text(home / "domain"), *given, "--out", tmp_path / "given")
    nmt("preprocess", *text(home / "domain"), "--like", home / "prepared", "--out", tmp_path / "like")
    ours = [manifest(path) for path in (home / "medical", tmp_path / "given", tmp_path / "like")]
    assert (ours[0]["source"], ours[0]["target"]) == ("num", "en")
    assert ours[0]["unicode"] == "nfkc"
    for other in ours[1:]:
        differing = {name for name in other if other[name] != ours[0][name]}
        assert differing <= {"command", "inputs"}, "the names of the input files"
    assert ours[0]["command"][-2:] == ["--like", str(home / "base")]
    assert "--unicode" not in ours[0]["command"]
    again = nmt("preprocess", *text(home / "domain"), "--like", home / "base", "--out", home / "medical")
    assert "is up to date" in again
    assert again.splitlines()[-1] == f"Next: nmt train {home / 'medical'} --from {home / 'base'}"
    nmt("train", home / "prepared", "--out", tmp_path / "other", *SMALL, "--max-steps", 1)
    same = nmt("preprocess", *text(home / "domain"), "--like", tmp_path / "other", "--out", home / "medical")
    assert "is up to date" in same, "another model with the same subwords"
    smaller = ("--source", "num", "--target", "en", "--vocabulary-size", 300, "--out", tmp_path / "p")
    nmt("preprocess", *text(home / "general"), *smaller)
    changed = fails("preprocess", *text(home / "domain"), "--like", tmp_path / "p", "--out", home / "medical")
    assert "prepared from other inputs or options" in changed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--unicode", "nfc"], "unicode contradicts like, which takes it from LIKE"),
        (["--tokenizer", "bpe"], "tokenizer contradicts like"),
        (["--vocabulary", "joint"], "vocabulary contradicts like"),
        (["--vocabulary-size", 500], "vocabulary_size contradicts like"),
        (["--tokenizer-model", "LIKE/tokenizer.model"], "tokenizer_model contradicts like"),
        (["--target", "ko"], "--source num --target ko: --like LIKE is num -> en; leave the languages out, or --like"),
    ],
)
def test_options_that_contradict_like_are_refused(
    home: Path, tmp_path: Path, options: list[object], message: str
) -> None:
    like = str(home / "base")
    given = [str(option).replace("LIKE", like) for option in options]
    error = fails("preprocess", *text(home / "domain"), "--like", like, *given, "--out", tmp_path / "p")
    assert message.replace("LIKE", like) in error
    assert not (tmp_path / "p").exists()


def test_like_names_a_model_or_a_prepared_corpus(home: Path, tmp_path: Path) -> None:
    command = ("preprocess", *text(home / "domain"), "--out", tmp_path / "p", "--like")
    assert "nowhere: no model or prepared corpus here" in fails(*command, tmp_path / "nowhere")
    assert "domain: no model or prepared corpus here" in fails(*command, home / "domain")
    shutil.copytree(home / "base", tmp_path / "damaged")
    (tmp_path / "damaged" / "tokenizer.model").write_bytes(b"other")
    assert "does not match its hash in the manifest" in fails(*command, tmp_path / "damaged")
    (tmp_path / "damaged" / "manifest.json").write_text('{"kind": "model", "source": "num"}')
    assert "manifest.json: damaged at" in fails(*command, tmp_path / "damaged")
    assert "is read as --like and written by --out" in fails(
        "preprocess", *text(home / "domain"), "--like", home / "prepared", "--out", home / "prepared", "--overwrite"
    )


def test_a_new_tag_gets_the_next_slot_after_those_of_the_parent(home: Path, tmp_path: Path) -> None:
    languages = ("--source", "num", "--target", "en")
    general = (*text(home / "general"), *languages, "--tag", "web", "--vocabulary-size", 310)
    nmt("preprocess", *general, "--out", tmp_path / "tagged")
    nmt("train", tmp_path / "tagged", "--out", tmp_path / "base", *SMALL, "--max-steps", 2)
    nmt(
        "preprocess",
        *text(home / "domain"),
        "--tag",
        "medical",
        "--like",
        tmp_path / "base",
        "--out",
        tmp_path / "both",
    )
    assert PREPARED.read(tmp_path / "both").tags == ["web", "medical"]
    nmt("train", tmp_path / "both", "--from", tmp_path / "base", "--out", tmp_path / "adapted", *RUN, "--max-steps", 2)
    assert MODEL.read(tmp_path / "adapted").tags == ["web", "medical"]
    tokenizer = tmp_path / "base" / "tokenizer.model"
    nmt("preprocess", *text(home / "domain"), *languages, "--tag", "medical", "--tokenizer-model", tokenizer, "--out",
        tmp_path / "other")  # fmt: skip
    assert "has the tags medical, but " in fails(
        "train", tmp_path / "other", "--from", tmp_path / "base", "--out", tmp_path / "m", *RUN
    )
