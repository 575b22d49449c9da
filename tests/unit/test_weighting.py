"""Weighted corpora: how often each pair is drawn, and the shares of every stretch of an epoch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_batching import FakeSplit

from nmt_cli.config import PreprocessConfig
from nmt_cli.corpus.batching import BatchLoader, BatchPlan, make_batches
from nmt_cli.corpus.manifest import TrainCorpus
from nmt_cli.corpus.train_text import TrainText, tag_names, train_texts
from nmt_cli.corpus.weighting import draw_epoch, draws, shares
from nmt_cli.errors import ConfigError

EN_KO = ("en", "ko")


def corpora(*sizes: tuple[int, float]) -> list[TrainCorpus]:
    return [TrainCorpus(name="x", weight=weight, tag=None, pairs=pairs) for pairs, weight in sizes]


def split(parts: Sequence[TrainCorpus], mean_lengths: Sequence[int], seed: int = 0) -> Any:
    """A split of these corpora, whose pairs have random lengths about these means."""
    rng = np.random.default_rng(seed)
    lengths = [
        int(length)
        for part, mean in zip(parts, mean_lengths, strict=True)
        for length in rng.gamma(4, mean / 4, part.pairs).clip(1, 99)
    ]
    fake = FakeSplit([(length, length) for length in lengths])
    fake.corpora = tuple(parts)
    return fake


def drawn_rows(loader: BatchLoader) -> list[int]:
    return [row for rows in loader._batches for row in rows.tolist()]


@given(st.lists(st.tuples(st.integers(1, 40), st.floats(0.01, 5)), min_size=1, max_size=4), st.integers(0, 9))
@settings(max_examples=80, deadline=None)
def test_an_epoch_draws_each_pair_by_its_weight(sizes: list[tuple[int, float]], seed: int) -> None:
    parts = corpora(*sizes)
    rows = draw_epoch(parts, np.random.default_rng(seed))
    if rows is None:
        assert all(weight == 1 for _, weight in sizes)
        return
    counts = np.bincount(rows, minlength=sum(pairs for pairs, _ in sizes))
    first = 0
    for part in parts:
        own = counts[first : first + part.pairs]
        whole = int(part.weight)
        assert set(own.tolist()) <= {whole, whole + 1}, "a fraction is drawn without replacement"
        assert own.sum() == draws(part) >= 1
        assert abs(own.sum() - part.weight * part.pairs) <= 0.5 or own.sum() == 1
        first += part.pairs


def test_the_sample_of_a_fraction_is_fresh_in_each_epoch_and_reproducible() -> None:
    parts = corpora((500, 0.5))
    train = split(parts, [8])

    def rows(epoch: int) -> list[int]:
        return drawn_rows(BatchLoader(train, BatchPlan(64, 1, seed=3), epoch))

    assert rows(0) == rows(0)
    assert len(rows(0)) == len(set(rows(0))) == 250
    assert 60 < len(set(rows(0)) - set(rows(1))) < 190, "about half of the second sample is new"


@pytest.mark.parametrize("mean_lengths", [(12, 12), (8, 20)])
def test_any_10000_draws_have_the_shares_that_were_asked_for(mean_lengths: tuple[int, int]) -> None:
    """Also where the corpora differ in length, so that a batch is mostly of one of them."""
    parts = corpora((14_500, 1), (2_500, 4))
    train = split(parts, mean_lengths)
    stream = np.concatenate([drawn_rows(BatchLoader(train, BatchPlan(1024, 1, 1), epoch)) for epoch in range(2)])
    assert shares(parts) == pytest.approx([14_500 / 24_500, 10_000 / 24_500])
    for start in range(0, len(stream) - 10_000, 1_000):
        share = float((stream[start : start + 10_000] >= 14_500).mean())
        assert share == pytest.approx(shares(parts)[1], abs=0.01)


def test_weights_of_one_give_the_batches_of_an_unweighted_corpus() -> None:
    plain = FakeSplit([(i % 9 + 1, i % 7 + 1) for i in range(300)])
    parts: Any = FakeSplit([(i % 9 + 1, i % 7 + 1) for i in range(300)])
    parts.corpora = tuple(corpora((100, 1), (200, 1)))
    plan = BatchPlan(64, 1, seed=2)
    expected = make_batches(plain.source_lengths, plain.target_lengths, 64, np.random.default_rng((2, 5)))
    loader = BatchLoader(parts, plan, 5)
    assert [rows.tolist() for rows in loader._batches] == [rows.tolist() for rows in expected]


def test_processes_share_the_weighted_draws_of_an_epoch() -> None:
    train = split(corpora((200, 1), (60, 2.5)), [8, 8])
    one = BatchLoader(train, BatchPlan(64, 2, 1), 3)
    both = [BatchLoader(train, BatchPlan(64, 1, 1, rank=rank, size=2), 3) for rank in range(2)]
    batches = [batch.source.tolist() for update in one.iterate() for batch in update]
    ranks = [[batch.source.tolist() for update in loader.iterate() for batch in update] for loader in both]
    assert ranks == [batches[0::2], batches[1::2]]


def test_text_is_given_with_its_weight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b=2.en", "c=3", "d.en", "e=4"):
        (tmp_path / name).touch()
    given = ["a=0.25", "b=2", "c=3", "d.en,e=4", "d=x", "a=b=1e3", "https://h/t.tsv=2", "https://h/t.tsv?n=2", "=7"]
    texts = train_texts(PreprocessConfig(train=given), EN_KO)
    assert [(text.name, text.weight) for text in texts] == [
        ("a", 0.25),
        ("b=2", 1),
        ("c=3", 1),
        ("d.en,e=4", 1),
        ("d=x", 1),
        ("a=b", 1000),
        ("https://h/t.tsv", 2),
        ("https://h/t.tsv?n=2", 1),
        ("=7", 1),
    ]


@pytest.mark.parametrize("weight", ["0", "-1", "1000.1", "nan", "inf"])
def test_weights_out_of_bounds_are_refused(weight: str) -> None:
    with pytest.raises(ConfigError, match=rf"--train no-such={weight}: a weight is above 0 and at most 1000"):
        train_texts(PreprocessConfig(train=[f"no-such={weight}"]), EN_KO)


def test_tags_belong_to_texts_in_their_order() -> None:
    texts = train_texts(PreprocessConfig(train=["a=2", "b", "c", "d"], tag=["web", "-", "bt", "web"]), EN_KO)
    assert texts == [TrainText("a", 2, "web"), TrainText("b"), TrainText("c", 1, "bt"), TrainText("d", 1, "web")]
    assert tag_names(texts) == ["web", "bt"]
    with pytest.raises(ValueError, match="tag is given 1 times and train 2 times"):
        PreprocessConfig(train=["a", "b"], tag=["web"])
    with pytest.raises(ValueError, match="9 tags; a model has at most 8"):
        PreprocessConfig(train=["a"] * 9, tag=list("abcdefghi"))
    for name in ("", "a b", "<x>", "a" * 33, "웹", "a\n"):
        with pytest.raises(ValueError, match="a tag has 1 to 32 letters"):
            PreprocessConfig(train=["a"], tag=[name])
