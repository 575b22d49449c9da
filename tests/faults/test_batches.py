"""In fp32 a translation does not depend on the batch that it is in, but for proven ties."""

import random
from pathlib import Path

import pytest
from batch_invariance import BATCH_SIZES, compare, translate_in_batches
from conftest import TINY_TEXT

from nmt_cli import PreprocessConfig, TrainConfig, preprocess, train
from nmt_cli.checkpoint.model_dir import load_model
from nmt_cli.config import SearchConfig
from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.settings import resolve

SMALL = {
    "attention": "luong",
    "decoder_layers": 1,
    "embedding_size": 64,
    "hidden_size": 64,
    "dropout": 0.0,
    "batch_tokens": 512,
    "learning_rate": 1e-2,
    "device": "cpu",
    "threads": 1,
    "validate_sentences": 10,
}


@pytest.mark.faults
def test_translations_of_a_trained_model_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    prepared, model = tmp_path / "prepared", tmp_path / "model"
    preprocess(PreprocessConfig(out=prepared, threads=1))
    options = {**SMALL, "prepared": prepared, "out": model, "max_steps": 1000, "validate_every": 1000}
    train(resolve(TrainConfig, [("test", options)]), [])
    corpus = PreparedCorpus.open(prepared)
    check(model, [*corpus.split("dev").source_texts(), *corpus.split("test").source_texts()], BATCH_SIZES)


def test_translations_do_not_depend_on_the_batch(tiny_model: Path) -> None:
    rng = random.Random(2)
    texts = [" ".join(rng.sample(rng.choice(TINY_TEXT).split(), 4)) for _ in range(24)]
    check(tiny_model, texts, (7, 64))


def check(model: Path, texts: list[str], sizes: tuple[int, ...]) -> None:
    packed, exact = (load_model(model, compute_for_search("cpu", "fp32", 1), packed) for packed in (True, False))
    search = SearchConfig(beam_size=5, max_length=25)
    alone = translate_in_batches(packed, texts, search, 1)
    assert len({translation.text for translation in alone}) > len(texts) // 4
    for size in sizes:
        found = compare(exact, search, alone, translate_in_batches(packed, texts, search, size))
        assert found.unproven == 0, f"batches of {size}: {found.lines}"
        print(f"batches of {size}: {len(found.lines)} of {len(texts)} lines are ties that went the other way")
