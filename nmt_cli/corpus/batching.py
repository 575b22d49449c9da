"""Batches: sentences of like length together, as many as fit a budget of padded tokens, built ahead."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import Full, Queue

import numpy as np
import numpy.typing as npt

from nmt_cli.corpus.batch import Batch, collate
from nmt_cli.corpus.dataset import Lengths, Split
from nmt_cli.corpus.tokenizer import Tokenizers

Rows = npt.NDArray[np.int64]

PAD_MULTIPLE = 2
"""Widths of batches are multiples of this: half as many shapes for a thirtieth more padding."""

AHEAD = 4
"""Updates built ahead of the one that the model is computing."""


def make_batches(source: Lengths, target: Lengths, budget: int, order: np.random.Generator) -> list[Rows]:
    """Rows of each batch of one epoch, in a random order that `order` decides.

    Rows are sorted by the width they need, of the source, then of the target, up for one width of the source and down
    for the next, so that neighbours are alike where it changes; ties are in random order. They are cut so that the
    longer side of a batch holds at most `budget` tokens with its padding; a sentence longer than that gets a batch of
    its own. Batches have a `round_batch_size` and widths that are multiples of EVEN where they can, so that few shapes
    occur: the library compiles kernels for each, and every one takes a quarter of a megabyte or more.
    """
    shuffled = order.permutation(len(source))
    wide, far = (side[shuffled] // PAD_MULTIPLE + 1 for side in (source, target))  # EOS counted
    ranking = np.lexsort((np.where(wide % 2, far, -far), wide))
    ranked, longest = shuffled[ranking], PAD_MULTIPLE * np.maximum(wide, far)[ranking]
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


def round_batch_size(room: int) -> int:
    """Sentences of a batch that has room for so many: a multiple of 8 from there on, of 16 above 64, of 32 above 128,
    and so on: of large batches a fifth is left to the next one at most."""
    step = max(8, (1 << (room - 1).bit_length()) // 8)
    return room - room % step or room


Segmented = tuple[Sequence[npt.ArrayLike], Sequence[npt.ArrayLike]]

Segment = Callable[[Split, Rows, int], Segmented]
"""How rows of a split become subwords of both sides; the number is what any randomness follows from."""


def stored(split: Split, rows: Rows, _: int = 0) -> Segmented:
    """The segmentation made by preprocess."""
    return [split.source_ids(r) for r in rows.tolist()], [split.target_ids(r) for r in rows.tolist()]


def sampled(tokenizers: Tokenizers, strength: float) -> Segment:
    """A new segmentation at every visit: subword regularisation (Kudo 2018) or BPE-dropout (Provilkov et al. 2020).

    Batches stay those of the stored segmentation, so that a sampled one may exceed the budget a little.
    """

    def segment(split: Split, rows: Rows, key: int) -> Segmented:
        sources = [split.source_text(r) for r in rows.tolist()]
        targets = [split.target_text(r) for r in rows.tolist()]
        return (
            tokenizers.source.sample(sources, strength, seed=2 * key),
            tokenizers.target.sample(targets, strength, seed=2 * key + 1),
        )

    return segment


@dataclass(frozen=True)
class BatchPlan:
    """What decides the batches of a run: the same plan gives the same batches. Of those of an update,
    `gradient_accumulation` for each of the `size` processes that share it, the one of this `rank` takes every
    size-th."""

    budget: int
    gradient_accumulation: int
    seed: int
    segment: Segment = stored
    rank: int = 0
    size: int = 1

    @property
    def width(self) -> int:
        """Batches in an update, over all processes."""
        return self.gradient_accumulation * self.size


class BatchLoader:
    """The updates of one epoch, from a given batch on; each is this process's share of the batches whose gradients make
    one update, which may be none of the last."""

    def __init__(self, split: Split, plan: BatchPlan, epoch: int) -> None:
        self._split = split
        self._segment = plan.segment
        order = np.random.default_rng((plan.seed, epoch))
        self._batches = make_batches(split.source_lengths, split.target_lengths, plan.budget, order)
        self._keys: list[int] = order.integers(1 << 30, size=len(self._batches)).tolist()
        self._plan = plan

    def __len__(self) -> int:
        """Batches in the epoch."""
        return len(self._batches)

    def iterate(self, first: int = 0) -> Iterator[list[Batch]]:
        """Build the updates on another thread while the caller computes."""
        return prefetch((self._build(start) for start in range(first, len(self), self._plan.width)), AHEAD)

    def _build(self, start: int) -> list[Batch]:
        mine = range(start + self._plan.rank, min(start + self._plan.width, len(self)), self._plan.size)
        return [collate(*self._segment(self._split, self._batches[i], self._keys[i]), PAD_MULTIPLE) for i in mine]


def prefetch(items: Iterator[list[Batch]], count: int) -> Iterator[list[Batch]]:
    """Run an iterator on another thread, `count` items ahead; its errors are raised here."""
    queue: Queue[list[Batch] | BaseException | None] = Queue(count)
    left = threading.Event()

    def put(item: list[Batch] | BaseException | None) -> bool:
        while not left.is_set():
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
        except BaseException as error:  # handed to the consumer, which raises it
            put(error)

    thread = threading.Thread(target=work, name="batches", daemon=True)
    thread.start()
    try:
        while (item := queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        left.set()
        thread.join()
