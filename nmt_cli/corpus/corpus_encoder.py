"""Last pass of preprocess: encode text as subword ids on all cores and write Arrow files chunk by chunk."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from nmt_cli.corpus.cleaning import BLANK, LONG, RATIO, Findings, Rows
from nmt_cli.corpus.dataset import SplitWriter, record_batch
from nmt_cli.corpus.normalization import Form
from nmt_cli.corpus.scratch_file import Chunk
from nmt_cli.corpus.tokenizer import Tokenizer, Tokenizers
from nmt_cli.parallel import ordered_map, worker_pool
from nmt_cli.progress import Step
from nmt_cli.special_tokens import UNK

MIN_PARALLEL_PAIRS = 50_000
"""Up to this many pairs, starting worker processes takes longer than it saves."""


@dataclass(frozen=True)
class LengthLimits:
    """Maximum subwords of a side, and maximum ratio to the other side; `drop` drops pairs that exceed them."""

    length: int
    ratio: float
    drop: bool = False


@dataclass(frozen=True)
class SideCounts:
    """Counts of one side of a split."""

    words: int = 0
    subwords: int = 0
    bytes: int = 0
    """Single-byte subwords, for characters that are not in the vocabulary."""
    unknown: int = 0

    def __add__(self, other: "SideCounts") -> "SideCounts":
        return SideCounts(
            self.words + other.words,
            self.subwords + other.subwords,
            self.bytes + other.bytes,
            self.unknown + other.unknown,
        )


@dataclass(frozen=True)
class EncodedSplit:
    """The result of writing a split: number of pairs, length findings of every row, and counts of both sides."""

    pairs: int
    findings: Findings
    source: SideCounts
    target: SideCounts


@dataclass(frozen=True)
class _Task:
    chunk: Chunk
    keep: bytes
    limits: LengthLimits
    tag: int | None  # id that its sources begin with


@dataclass(frozen=True)
class _Encoded:
    batch: bytes
    pairs: int  # rows of the chunk that were encoded, dropped ones included
    findings: Findings  # one for every row of the chunk
    counts: tuple[SideCounts, SideCounts]


class CorpusEncoder:
    """Encodes chunks of text as Arrow record batches, in this process or in a pool of workers."""

    def __init__(
        self, tokenizers: Tokenizers, step: Step, pool: ProcessPoolExecutor | None = None, ahead: int = 1
    ) -> None:
        self._tokenizers = tokenizers
        self._step = step
        self._pool = pool
        self._ahead = ahead

    def write_split(
        self, path: Path, chunks: list[Chunk], keep: Rows, limits: LengthLimits, tags: Sequence[int | None] = ()
    ) -> EncodedSplit:
        """Encode the rows selected by `keep` and write them to an Arrow file. `tags`: for each chunk the id of the tag
        that its sources begin with, or None; it counts neither for the limits nor among the subwords."""
        tasks = (
            _Task(chunk, keep[chunk.first : chunk.first + chunk.rows].tobytes(), limits, tag)
            for chunk, tag in zip_longest(chunks, tags)
        )
        findings = []
        counts = (SideCounts(), SideCounts())
        with SplitWriter(path, self._tokenizers) as writer:
            for encoded in self._encode(tasks):
                writer.write(encoded.batch)
                findings.append(encoded.findings)
                self._step.advance(encoded.pairs)
                counts = (counts[0] + encoded.counts[0], counts[1] + encoded.counts[1])
        return EncodedSplit(writer.rows, np.concatenate(findings), *counts)

    def _encode(self, tasks: Iterator[_Task]) -> Iterator[_Encoded]:
        if self._pool is None:
            return (_encode_chunk(self._tokenizers, task) for task in tasks)
        return ordered_map(self._pool, _encode_in_worker, tasks, self._ahead)


@contextmanager
def open_encoder(tokenizers: Tokenizers, processors: int, pairs: int, step: Step) -> Iterator[CorpusEncoder]:
    """An encoder with this many worker processes; small corpora are encoded in this process."""
    if processors < 2 or pairs <= MIN_PARALLEL_PAIRS:
        yield CorpusEncoder(tokenizers, step)
        return
    source, target = tokenizers.source, tokenizers.target
    models = (source.model,) if tokenizers.joint else (source.model, target.model)
    with worker_pool(processors, _init_worker, models, source.unicode) as pool:
        yield CorpusEncoder(tokenizers, step, pool, 2 * processors)


_worker_tokenizers: Tokenizers
"""The tokenizers of a worker process, set when it starts."""


def _init_worker(models: tuple[bytes, ...], unicode: Form) -> None:
    global _worker_tokenizers
    loaded = [Tokenizer(model, unicode) for model in models]
    _worker_tokenizers = Tokenizers(loaded[0], loaded[-1])


def _encode_in_worker(task: _Task) -> _Encoded:
    return _encode_chunk(_worker_tokenizers, task)


def _encode_chunk(tokenizers: Tokenizers, task: _Task) -> _Encoded:
    keep = np.frombuffer(task.keep, np.bool_)
    findings: Findings = np.zeros(len(keep), np.uint16)
    sides = [[text for text, kept in zip(side, keep, strict=True) if kept] for side in task.chunk.read()]
    ids = [t.encode_many(texts) for t, texts in zip((tokenizers.source, tokenizers.target), sides, strict=True)]
    lengths = [np.fromiter(map(len, side), np.int64, len(side)) for side in ids]
    length_findings = _check_lengths(lengths[0], lengths[1], task.limits)
    findings[keep] = length_findings
    if task.limits.drop and length_findings.any():
        good = (length_findings == 0).tolist()
        sides = [[x for x, kept in zip(side, good, strict=True) if kept] for side in sides]
        ids = [[x for x, kept in zip(side, good, strict=True) if kept] for side in ids]
    if task.tag is not None:
        ids[0] = [[task.tag, *source] for source in ids[0]]
    batch = record_batch(tokenizers, (ids[0], ids[1]), (sides[0], sides[1]))
    counts = (
        _count(tokenizers.source, sides[0], batch.column(0).values),
        _count(tokenizers.target, sides[1], batch.column(1).values),
    )
    return _Encoded(batch.serialize().to_pybytes(), len(length_findings), findings, counts)


def _check_lengths(source: npt.NDArray[np.int64], target: npt.NDArray[np.int64], limits: LengthLimits) -> Findings:
    longer, shorter = np.maximum(source, target), np.minimum(source, target)
    findings = np.where(shorter == 0, BLANK, 0) | np.where(longer > limits.length, LONG, 0)
    findings |= np.where(longer > limits.ratio * np.maximum(shorter, 1), RATIO, 0)
    return findings.astype(np.uint16)


def _count(tokenizer: Tokenizer, texts: list[str], values: pa.Array) -> SideCounts:
    ids = np.asarray(values)
    if tokenizer.tags:
        ids = ids[~np.isin(ids, tokenizer.tags)]
    return SideCounts(
        words=sum(text.count(" ") for text in texts) + len(texts),
        subwords=len(ids),
        bytes=int(tokenizer.is_byte[ids].sum()),
        unknown=int((ids == UNK).sum()),
    )
