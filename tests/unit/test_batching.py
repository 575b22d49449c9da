"""Batches: every row occurs once, within the token budget, reproducibly for a seed; batches are built on a thread."""

import io
import threading
from collections.abc import Generator, Iterator
from typing import Any, cast

import numpy as np
import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt_cli.corpus.batch import collate
from nmt_cli.corpus.batching import (
    PAD_MULTIPLE,
    BatchLoader,
    BatchPlan,
    make_batches,
    prefetch,
    sampled_segmentation,
)
from nmt_cli.corpus.dataset import Split
from nmt_cli.corpus.manifest import TrainCorpus
from nmt_cli.corpus.tokenizer import Tokenizer, Tokenizers
from nmt_cli.kernels.rounding import round_batch_size
from nmt_cli.special_tokens import BOS, EOS, PAD


class FakeSplit:
    """Sentence pairs of the given lengths, with consecutive token ids."""

    corpora: tuple[TrainCorpus, ...] = ()

    def __init__(self, lengths: list[tuple[int, int]]) -> None:
        self.source_lengths = np.array([s for s, _ in lengths], np.int32)
        self.target_lengths = np.array([t for _, t in lengths], np.int32)

    def __len__(self) -> int:
        return len(self.source_lengths)

    def source_ids(self, row: int) -> Any:
        return np.arange(10, 10 + self.source_lengths[row], dtype=np.uint16)

    def target_ids(self, row: int) -> Any:
        return np.arange(100, 100 + self.target_lengths[row], dtype=np.uint16)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=200),
    st.integers(1, 300),
    st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_every_row_occurs_once_and_batches_fit_the_budget(
    lengths: list[tuple[int, int]], budget: int, seed: int
) -> None:
    split = FakeSplit(lengths)
    batches = make_batches(split.source_lengths, split.target_lengths, budget, np.random.default_rng(seed))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for rows in batches:
        width = max(max(lengths[r]) for r in rows) + 1
        assert len(rows) == 1 or (width + -width % PAD_MULTIPLE) * len(rows) <= budget
    for (batch,) in BatchLoader(cast(Split, split), BatchPlan(budget, 1, seed), 0).iterate():
        assert batch.source.shape[1] % PAD_MULTIPLE == batch.target_output.shape[1] % PAD_MULTIPLE == 0


def test_batch_sizes_take_few_values_near_the_budget() -> None:
    sizes = {room: round_batch_size(room) for room in range(1, 2_000)}
    assert all(size == room for room, size in sizes.items() if room < 8)
    assert all(size % 8 == 0 and room - size < 8 for room, size in sizes.items() if 8 <= room <= 64)
    assert all(size % 16 == 0 and size > 0.8 * room for room, size in sizes.items() if room > 64)
    assert all(round_batch_size(size) == size for size in sizes.values())
    assert len({size for room, size in sizes.items() if 64 < room <= 1024}) == 4 * 4 + 1
    split: Any = FakeSplit([(7, 7)] * 500)
    batches = make_batches(split.source_lengths, split.target_lengths, 8 * 125, np.random.default_rng(1))
    assert sorted(map(len, batches)) == [52, 112, 112, 112, 112]


def test_batches_hold_little_padding() -> None:
    rng = np.random.default_rng(1)
    source = rng.integers(5, 20, 3_000, np.int32)
    target = (source + rng.integers(-5, 6, 3_000)).astype(np.int32)
    cells = {"source": 0, "target": 0}
    for rows in make_batches(source, target, 1_024, rng):
        cells["source"] += len(rows) * (int(source[rows].max()) + 1)
        cells["target"] += len(rows) * (int(target[rows].max()) + 1)
    assert (source + 1).sum() > 0.95 * cells["source"]
    assert (target + 1).sum() > 0.87 * cells["target"], "target lengths must not start over where the source gets wider"


def test_order_depends_only_on_seed_and_epoch() -> None:
    split: Any = FakeSplit([(i % 9, i % 7) for i in range(300)])

    def rows(seed: int, epoch: int) -> list[list[int]]:
        updates = BatchLoader(split, BatchPlan(64, 2, seed), epoch)
        return [batch.source.tolist() for group in updates.iterate() for batch in group]

    assert rows(1, 0) == rows(1, 0)
    assert rows(1, 0) != rows(1, 1)
    assert rows(1, 0) != rows(2, 0)


def test_iterating_from_a_batch_yields_the_remaining_batches() -> None:
    split: Any = FakeSplit([(i % 9, i % 7) for i in range(300)])
    updates = BatchLoader(split, BatchPlan(64, 3, 1), 4)
    every = [[b.target_output.tolist() for b in group] for group in updates.iterate()]
    rest = [[b.target_output.tolist() for b in group] for group in updates.iterate(15)]
    assert sum(map(len, every)) == len(updates)
    assert rest == every[5:]
    assert {len(group) for group in every[:-1]} == {3}


def test_sampled_segmentation_is_reproducible_for_a_seed() -> None:
    words = ["lighthouse", "keeper", "lightness", "housekeeping", "house", "light", "keep"]
    lines = [" ".join(words[i % 7 :] + words[: i % 3]) for i in range(60)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, vocab_size=60, hard_vocab_limit=False, minloglevel=2,
        pad_id=PAD, unk_id=1, bos_id=BOS, eos_id=EOS,
    )  # fmt: skip
    tokenizer = Tokenizer(model.getvalue())

    class Texts(FakeSplit):
        def source_text(self, row: int) -> str:
            return lines[row]

        target_text = source_text

    split: Any = Texts([(len(tokenizer.encode(line)),) * 2 for line in lines])
    segment = sampled_segmentation(Tokenizers(tokenizer, tokenizer), 0.9)

    def tokens(seed: int, first: int = 0) -> list[list[list[int]]]:
        updates = BatchLoader(split, BatchPlan(100, 1, seed, segment), 0)
        return [group[0].target_output.tolist() for group in updates.iterate(first)]

    assert tokens(1) == tokens(1)
    assert tokens(1)[2:] == tokens(1, first=2)
    plain = BatchLoader(split, BatchPlan(100, 1, 1), 0)
    rows = np.arange(5)
    sources, targets = segment(split, rows, 1)
    assert sources != targets, "source and target are sampled independently"
    assert [tokenizer.decode(np.asarray(ids).tolist()) for ids in sources] == lines[:5]
    assert segment(split, rows, 1) != segment(split, rows, 2)
    assert len(plain) == len(tokens(1))


def test_collate_adds_special_tokens_and_padding() -> None:
    batch = collate([[7, 8, 9], [5]], [[6], []])
    assert batch.source.tolist() == [[7, 8, 9, EOS], [5, EOS, PAD, PAD]]
    assert batch.source_lengths.tolist() == [4, 2]
    assert batch.target_input.tolist() == [[BOS, 6], [BOS, PAD]]
    assert batch.target_output.tolist() == [[6, EOS], [EOS, PAD]]
    assert batch.tokens == 3
    wider = collate([[7, 8, 9, 9], [5]], [[6], []], multiple=3)
    assert (wider.source.shape, wider.target_output.shape, wider.tokens) == ((2, 6), (2, 3), 3)
    assert wider.source_lengths.tolist() == [5, 2]


def test_errors_on_the_prefetch_thread_reach_the_caller() -> None:
    def broken() -> Iterator[Any]:
        yield []
        raise RuntimeError("no such row")

    with pytest.raises(RuntimeError, match="no such row"):
        list(prefetch(broken(), 2))


def test_closing_early_ends_the_prefetch_thread() -> None:
    before = threading.active_count()
    endless = prefetch(iter(list, None), 2)
    next(endless)
    assert isinstance(endless, Generator)
    endless.close()
    assert threading.active_count() == before
