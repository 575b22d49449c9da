"""Weighted and tagged corpora, from `nmt preprocess` to `nmt translate --tag`, with the real commands."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from send_signal import UPDATE, run_with_signal
from test_preprocess import LANGUAGES, nmt, pairs, text, write_pairs

from nmt_cli.checkpoint.layout import MODEL, MODEL_CARD
from nmt_cli.checkpoint.tensors import read_tensors
from nmt_cli.config import TrainingConfig
from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.corpus.noise import training_segmentation

__all__ = ["nmt", "text"]  # fixtures

pytestmark = pytest.mark.integration

Nmt = Callable[..., tuple[int, str, str]]

CORPORA = ("preprocess", "--dev", "dev", "--test", "test", *LANGUAGES, "--vocabulary-size", 300)
TINY = ("--embedding-size", 8, "--hidden-size", 8, "--max-steps", 2, "--threads", 1, "--validate-sentences", 2)

STATE = "last/state.safetensors"


@pytest.fixture
def corpora(text: Path) -> Path:
    """Besides `text` a small corpus `web`, one of whose pairs is in `train` too, and one too long for --max-length."""
    write_pairs(text / "web", [*pairs(400, 430), pairs(0, 1)[0], ("one " * 250, "하나 " * 250)])
    return text


def test_weights_and_tags_reach_the_prepared_corpus(nmt: Nmt, corpora: Path) -> None:
    status, out, _ = nmt(*CORPORA, "--train", "train", "--train", "web=2.5", "--tag", "-", "--tag", "web")
    assert status == 0
    rows = [line.split() for line in out.splitlines()]
    assert ["train", "120", "1", "120", "61.5%"] in rows
    assert ["web", "<web>", "30", "2.5", "75", "38.5%"] in rows
    corpus = PreparedCorpus.open(corpora / "prepared")
    train, tokenizer = corpus.split("train"), corpus.tokenizers.source
    assert [part.pairs for part in train.corpora] == [120, 30]
    for row in range(150):
        tag = list(tokenizer.tags[:1]) if row >= 120 else []
        assert train.source_ids(row).tolist() == tag + tokenizer.encode(train.source_text(row))
        assert train.target_ids(row).tolist() == tokenizer.encode(train.target_text(row))
    assert train.source_texts() == [source for source, _ in [*pairs(0, 120), *pairs(400, 430)]]
    assert corpus.manifest.subwords["train"][0] == train.source_lengths.sum() - 30, "a tag is no text"
    for name in ("dev", "test"):
        assert not {int(corpus.split(name).source_ids(row)[0]) for row in range(10)} & set(tokenizer.tags)
    _, out, _ = nmt("info", "prepared")
    assert "web: 30 pairs, weight 2.5, 38.5% of the draws, tag web" in out
    facts = json.loads(nmt("info", "prepared", "--json")[1])["prepared"]
    assert [round(share, 4) for share in facts["shares"]] == [0.6154, 0.3846]


@pytest.mark.parametrize("options", [{"uppercase": 0.9}, {"uppercase": 0.9, "subword_regularization": 0.5}])
def test_noise_keeps_the_tag(nmt: Nmt, corpora: Path, options: dict[str, float]) -> None:
    nmt(*CORPORA, "--train", "web", "--tag", "web")
    corpus = PreparedCorpus.open(corpora / "prepared")
    train, tokenizer = corpus.split("train"), corpus.tokenizers.source
    segment = training_segmentation(TrainingConfig.model_validate(options), corpus.tokenizers, corpus.manifest.source)
    rows = np.arange(len(train))
    sources, _ = segment(train, rows, 1)
    texts = [tokenizer.decode(list(np.asarray(ids))) for ids in sources]
    assert sum(text.isupper() for text in texts) > len(rows) / 2
    for ids in sources:
        assert [id_ in tokenizer.tags for id_ in np.asarray(ids)] == [True] + [False] * (np.size(ids) - 1)


@pytest.mark.parametrize("noise", [("--typos", 0.5), ("--titlecase", 0.5, "--uppercase", 0.2)])
def test_a_killed_run_with_noise_and_weights_resumes_exactly(
    nmt: Nmt, corpora: Path, noise: tuple[object, ...]
) -> None:
    nmt(*CORPORA, "--train", "train", "--train", "web=2.5", "--tag", "-", "--tag", "web")
    run = ("train", *TINY, "--max-steps", 8, "--validate-every", 4, "--batch-tokens", 64)
    states = {}
    for name, options in (("plain", ()), ("whole", noise)):
        assert nmt(*run, *options, "--out", name)[0] == 0
        states[name], _ = read_tensors(corpora / name / STATE)
    killed = run_with_signal(signal.SIGKILL, UPDATE, 6, *run, *noise, "--out", "killed")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    status, _, err = nmt("train", "--out", "killed", "--resume")
    assert status == 0
    assert "resuming at update 4" in err
    states["killed"], _ = read_tensors(corpora / "killed" / STATE)
    assert all(states["whole"][key].equal(states["killed"][key]) for key in states["whole"])
    assert not all(states["whole"][key].equal(states["plain"][key]) for key in states["whole"]), "noise is drawn"


def test_other_weights_or_tags_are_another_corpus(nmt: Nmt, corpora: Path) -> None:
    two = (*CORPORA, "--train", "train", "--train")
    assert nmt(*two, "web=2")[0] == 0
    assert "is up to date" in nmt(*two, "web=2.0")[1]
    for other in (("web=3",), ("web",), ("web=2", "--tag", "-", "--tag", "web")):
        status, _, err = nmt(*two, *other)
        assert (status, "prepared from other inputs or options" in err) == (1, True)


def test_held_out_pairs_are_without_a_tag(nmt: Nmt, corpora: Path) -> None:
    status, out, _ = nmt("preprocess", "--train", "train", "--tag", "web", *LANGUAGES, "--vocabulary-size", 300)
    assert status == 0
    assert "every training text has a tag" in out
    corpus = PreparedCorpus.open(corpora / "prepared")
    tags = set(corpus.tokenizers.source.tags)
    for name, tagged in (("train", True), ("dev", False), ("test", False)):
        split = corpus.split(name)
        assert {int(split.source_ids(row)[0]) in tags for row in range(len(split))} == {tagged}


def test_a_trained_model_translates_with_its_tags(nmt: Nmt, corpora: Path) -> None:
    nmt(*CORPORA, "--train", "train", "--train", "web", "--tag", "-", "--tag", "web")
    assert nmt("train", *TINY)[0] == 0
    assert MODEL.read(corpora / "model").tags == ["web"]
    assert "tags" in nmt("info", "model")[1]
    assert "for `nmt translate --tag`: `web`." in (corpora / "model" / MODEL_CARD).read_text()
    (corpora / "in.en").write_text("one two\n\nthree four red\n")
    search = ("--min-length", 2, "--max-length", 5)
    outputs = {}
    for tag in ((), ("--tag", "web")):
        formats = ("--output-format", "jsonl", *search, *tag)
        assert nmt("translate", "in.en", "-o", "out", "--overwrite", "--alignment", "a", *formats)[0] == 0
        outputs[tag] = [json.loads(line) for line in (corpora / "out").read_text().splitlines()]
        for line in outputs[tag]:
            assert all(i < len(line["source"].split()) for i, _ in line["alignment"])
    assert [line["score"] for line in outputs[()]] != [line["score"] for line in outputs["--tag", "web"]]
    assert nmt("eval", "--tag", "web", "--json", *search)[0] == 0
    assert nmt("explain", "one two", "--tag", "web")[1].count("<web>") > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*CORPORA, "--train", "train", "--train", "web", "--tag", "web"), "tag is given 1 times and train 2 times"),
        ((*CORPORA, "--train", "train", "--tag", "a b"), "a tag has 1 to 32 letters of a to z, digits, - and _"),
        (("preprocess", "--tag", "web"), "tag is given 1 times and train 0 times"),
        ((*CORPORA, "--train", "train=0"), "--train train=0: a weight is above 0 and at most 1000"),
        ((*CORPORA, "--train", "none=2"), "none.en and none.ko: no such file"),
    ],
)
def test_mistakes_are_one_line(nmt: Nmt, corpora: Path, arguments: tuple[object, ...], message: str) -> None:
    status, out, err = nmt(*arguments)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert message in err


def test_a_tag_the_model_does_not_have_is_refused(nmt: Nmt, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.en").write_text("a\n")
    for command in (("translate", "in.en"), ("bulk", "in.en", "--out", "out"), ("explain", "a")):
        status, _, err = nmt(*command, "-m", tiny_model, "--tag", "web")
        assert (status, err.count("\n")) == (1, 1)
        assert f"--tag web: {tiny_model} has no such tag; it was trained without tags; leave out --tag" in err
