"""Batches of sentences of similar length, limited by a budget of padded tokens and built in a background thread."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import Full, Queue

import numpy as np
import numpy.typing as npt

from nmt_cli.corpus.batch import Batch, collate
from nmt_cli.corpus.dataset import Lengths, Split
from nmt_cli.corpus.tokenizer import Tokenizer, Tokenizers
from nmt_cli.corpus.weighting import draw_epoch, mix_evenly
from nmt_cli.kernels.rounding import round_batch_size

Rows = npt.NDArray[np.int64]

PAD_MULTIPLE = 2
"""Batch widths are multiples of this: half as many shapes for a thirtieth more padding."""

PREFETCH = 4
"""Number of updates whose batches are built in advance."""


def make_batches(source: Lengths, target: Lengths, budget: int, order: np.random.Generator) -> list[Rows]:
    """Row indices of the batches of one epoch, shuffled by the generator `order`.

    Rows are sorted by padded source width, then by padded target width, ascending and descending in turn, so that
    neighbours are similar where the source width changes; ties are in random order. The sorted rows are cut into
    batches whose longer side holds at most `budget` tokens, padding included; a longer sentence gets a batch of its
    own. To limit the number of different shapes, sizes are rounded by `round_batch_size` and widths to multiples of
    PAD_MULTIPLE: oneDNN compiles kernels for each shape, and each kernel takes a quarter of a megabyte or more.
    """
    shuffled = order.permutation(len(source))
    source_width, target_width = (side[shuffled] // PAD_MULTIPLE + 1 for side in (source, target))  # EOS included
    ranking = np.lexsort((np.where(source_width % 2, target_width, -target_width), source_width))
    ranked, longest = shuffled[ranking], PAD_MULTIPLE * np.maximum(source_width, target_width)[ranking]
    batches = []
    start = 0
    width = 0
    for end, length in enumerate(longest.tolist()):
        width = max(width, length)
        if end > start and width * (end - start + 1) > budget:
            full = start + round_batch_size(end - start)
            batches.append(ranked[start:full])
            start, width = full, int(longest[full : end + 1].max())
    batches.append(ranked[start:])
    return [batches[i] for i in order.permutation(len(batches))]


def _epoch_batches(split: Split, budget: int, order: np.random.Generator) -> list[Rows]:
    """The batches of one epoch of a split, in which each corpus is drawn by its weight."""
    rows = draw_epoch(split.corpora, order)
    if rows is None:
        return make_batches(split.source_lengths, split.target_lengths, budget, order)
    batches = make_batches(split.source_lengths[rows], split.target_lengths[rows], budget, order)
    return mix_evenly([rows[batch] for batch in batches], split.corpora)


Segmented = tuple[Sequence[npt.ArrayLike], Sequence[npt.ArrayLike]]

Segmentation = Callable[[Split, Rows, int], Segmented]
"""Function (split, rows, key) -> subword ids of both sides; `key` seeds a random segmentation."""


def stored_segmentation(split: Split, rows: Rows, _: int = 0) -> Segmented:
    """The segmentation stored by preprocess."""
    return [split.source_ids(r) for r in rows.tolist()], [split.target_ids(r) for r in rows.tolist()]


def with_tags(source: Tokenizer, split: Split, rows: Rows, sources: Sequence[Sequence[int]]) -> list[list[int]]:
    """New segmentations of the source texts of these rows, each after the tag that is stored with its row."""
    stored = (split.source_ids(r) for r in rows.tolist())
    return [[*ids[: source.leading_tag(ids)].tolist(), *text] for ids, text in zip(stored, sources, strict=True)]


def sampled_segmentation(tokenizers: Tokenizers, strength: float) -> Segmentation:
    """A new random segmentation each time: subword regularisation (Kudo 2018) or BPE-dropout (Provilkov et al. 2020).

    Batches are planned by the lengths of the stored segmentation, so a sampled batch may slightly exceed the budget.
    """

    def segment(split: Split, rows: Rows, key: int) -> Segmented:
        sources = [split.source_text(r) for r in rows.tolist()]
        targets = [split.target_text(r) for r in rows.tolist()]
        sampled = tokenizers.source.sample(sources, strength, seed=2 * key)
        return (
            with_tags(tokenizers.source, split, rows, sampled),
            tokenizers.target.sample(targets, strength, seed=2 * key + 1),
        )

    return segment


@dataclass(frozen=True)
class BatchPlan:
    """Everything that determines the batches of a run: equal plans give equal batches.

    An update has `gradient_accumulation` batches for each of `size` processes; the process of this `rank` takes every
    `size`-th of them.
    """

    budget: int
    gradient_accumulation: int
    seed: int
    segment: Segmentation = stored_segmentation
    rank: int = 0
    size: int = 1

    @property
    def batches_per_update(self) -> int:
        """Batches per update, over all processes."""
        return self.gradient_accumulation * self.size


class BatchLoader:
    """Builds the batches of one epoch: for each update those of this process, which in the last update may be none."""

    def __init__(self, split: Split, plan: BatchPlan, epoch: int) -> None:
        self._split = split
        self._segment = plan.segment
        order = np.random.default_rng((plan.seed, epoch))
        self._batches = _epoch_batches(split, plan.budget, order)
        self._keys: list[int] = order.integers(1 << 30, size=len(self._batches)).tolist()
        self._plan = plan

    def __len__(self) -> int:
        """Batches in the epoch, over all processes."""
        return len(self._batches)

    def iterate(self, first: int = 0) -> Iterator[list[Batch]]:
        """Yield the batches of each update, from batch `first` of the epoch on; a background thread builds them."""
        return prefetch(
            (self._build(start) for start in range(first, len(self), self._plan.batches_per_update)), PREFETCH
        )

    def _build(self, start: int) -> list[Batch]:
        local = range(start + self._plan.rank, min(start + self._plan.batches_per_update, len(self)), self._plan.size)
        return [collate(*self._segment(self._split, self._batches[i], self._keys[i]), PAD_MULTIPLE) for i in local]


def prefetch(items: Iterator[list[Batch]], count: int) -> Iterator[list[Batch]]:
    """Run an iterator in a background thread, at most `count` items ahead; its exceptions are raised here."""
    queue: Queue[list[Batch] | BaseException | None] = Queue(count)
    stopped = threading.Event()

    def put(item: list[Batch] | BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                queue.put(item, timeout=0.1)
                return True
            except Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(None)
        except BaseException as error:  # raised in the consumer
            put(error)

    thread = threading.Thread(target=work, name="batches", daemon=True)
    thread.start()
    try:
        while (item := queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
