"""Lines in, lines out: whatever the lines, one translation each, in order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch

from nmt_cli.checkpoint.model_dir import LoadedModel
from nmt_cli.config import SearchConfig
from nmt_cli.corpus.batch import pad
from nmt_cli.decoding.ensemble import EnsembleStep
from nmt_cli.decoding.hypothesis import Hypothesis
from nmt_cli.decoding.postprocess import Assembler, EncodedSegment
from nmt_cli.decoding.search import SearchInput, search
from nmt_cli.decoding.segments import split
from nmt_cli.decoding.shortlist import Shortlist
from nmt_cli.decoding.text_stream import Line
from nmt_cli.decoding.translation import Translation
from nmt_cli.errors import ConfigError
from nmt_cli.model.seq2seq import sequence_mask
from nmt_cli.special_tokens import EOS

GREEDY = SearchConfig(beam_size=1)

USUAL_LENGTH = 40
"""Source subwords up to which a batch is full; of longer sentences it takes fewer, so that memory is bounded."""

WINDOW = 2048
"""Lines read ahead and sorted by length, so that batches hold sentences of like length."""
WORKERS = 4
"""Batches searched for at a time, as far as there are threads: more would wait for the interpreter."""
FEW = 16
"""Sentences of which a batch is still worth its steps."""

Request = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""What decides a search: source subwords, target prefix, and, with sampling, where its random numbers come from."""


@dataclass(frozen=True)
class Batching:
    """`batch_size` sentences of usual length are translated together, of `window` lines sorted by length."""

    batch_size: int = 64
    window: int = WINDOW


@dataclass
class LineTranslator:
    """A model that translates text. `attention`: give every candidate its attention, for alignments and pictures."""

    loaded: LoadedModel
    search: SearchConfig = GREEDY
    batching: Batching = field(default_factory=Batching)
    attention: bool = False

    def __post_init__(self) -> None:
        self._source = self.loaded.tokenizers.source
        self._limit = self.loaded.manifest.max_source_length
        self._assembler = Assembler(self.loaded.tokenizers, self.loaded.manifest.target, self.search)
        self._shortlist = Shortlist.read(self.loaded, self.search.shortlist) if self.search.shortlist else None

    def translate_lines(self, texts: Iterable[str]) -> Iterator[Translation]:
        """Translate texts as they are asked for, a window at a time."""
        lines = (Line(number, text) for number, text in enumerate(texts, start=1))
        while window := list(islice(lines, self.batching.window)):
            yield from self.translate(window)

    def translate(self, lines: Sequence[Line]) -> list[Translation]:
        """Translate lines together: one translation for each, in their order.

        Raises ConfigError if attention is needed and the model has none, CheckpointError if its weights are damaged.
        """
        parts = self._parts(lines)
        # With sampling every line draws for itself; otherwise what is the same is searched for once.
        keys = [
            [(part.source, part.prefix, (line.number, n) if self.search.sample else ()) for n, part in enumerate(own)]
            for line, own in zip(lines, parts, strict=True)
        ]
        found = self._search(dict.fromkeys(key for own in keys for key in own))
        return [
            self._assembler.assemble(line, own, [found[key] for key in of_line])
            for line, own, of_line in zip(lines, parts, keys, strict=True)
        ]

    def _parts(self, lines: Sequence[Line]) -> list[list[EncodedSegment]]:
        """Every line as parts that the model can read; a line with nothing to read has none."""
        encoded = self._encode([line.text if line.text.strip() else "" for line in lines])
        return [
            self._cut(line)
            if len(ids) > self._limit
            else [EncodedSegment(tuple(ids), self._prefix(line))]
            if ids
            else []
            for line, ids in zip(lines, encoded, strict=True)
        ]

    def _cut(self, line: Line) -> list[EncodedSegment]:
        text = self._source.normalize(line.text)
        segments = split(text, self._limit, lambda texts: [len(ids) for ids in self._encode(texts)])
        encoded = self._encode([segment.text for segment in segments])
        readable = [(ids, segment) for ids, segment in zip(encoded, segments, strict=True) if ids]
        return [
            EncodedSegment(tuple(ids), self._prefix(line) if n == 0 else (), segment.within_word)
            for n, (ids, segment) in enumerate(readable)
        ]

    def _prefix(self, line: Line) -> tuple[int, ...]:
        return tuple(self.loaded.tokenizers.target.encode(line.prefix)) if line.prefix else ()

    def _encode(self, texts: list[str]) -> list[list[int]]:
        return self._source.encode_many(texts, threads=torch.get_num_threads())

    def _search(self, keys: Iterable[Request]) -> dict[Request, list[Hypothesis]]:
        """Search for each, batched by length."""
        ordered = sorted(keys, key=lambda key: len(key[0]), reverse=True)
        threads = torch.get_num_threads()
        workers = min(threads, WORKERS, len(ordered) // FEW) if self.loaded.compute.device.type == "cpu" else 1
        size = self.batching.batch_size
        if workers > 1:  # so that all have enough to do
            size = min(size, max(FEW, len(ordered) // (2 * workers)))
        found: dict[Request, list[Hypothesis]] = {}
        with parallel_map(workers) as map_:
            cut = list(batches(ordered, size))
            for batch, hypotheses in zip(cut, map_(self._search_batch, cut), strict=True):
                found.update(zip(batch, hypotheses, strict=True))
        return found

    @torch.inference_mode()
    def _search_batch(self, batch: Sequence[Request]) -> list[list[Hypothesis]]:
        padded, lengths = pad([np.array([*source, EOS]) for source, _, _ in batch])
        compute = self.loaded.compute
        source_lengths = torch.from_numpy(lengths).to(compute.device)
        source = torch.from_numpy(padded).to(compute.device)
        prefixes: list[Sequence[int]] = [prefix for _, prefix, _ in batch]
        candidates, chosen = None, None
        if self._shortlist:
            candidates = self._shortlist.candidates([source for source, _, _ in batch], prefixes)
            chosen = torch.from_numpy(candidates.ids).to(compute.device)
            prefixes = [candidates.numbers(prefix) for prefix in prefixes]
        seeds = [stream for _, _, stream in batch]
        task = SearchInput(source_lengths, prefixes if any(prefixes) else (), seeds, self.attention)
        step = EnsembleStep(self.loaded.models, chosen)
        try:
            with compute.encoder_autocast():
                state = step.init_state(source, sequence_mask(source_lengths, source.shape[1]))
            with compute.autocast():
                found = search(step, state, task, self.search)
        except torch.OutOfMemoryError:
            raise ConfigError(
                f"--batch-size {self.batching.batch_size}: not enough memory on {compute}; take a smaller batch"
            ) from None
        return [[candidates.name(one) for one in own] for own in found] if candidates else found


@contextmanager
def parallel_map(workers: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """Give a `map` whose calls run on so many threads at a time, each with its share of the library's: what one step of
    search does is too little to be shared well."""
    if workers < 2:
        yield map
        return
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, "search", torch.set_num_threads, (threads // workers,))
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)  # after an error, or Ctrl-C, no more than what is under way
        torch.set_num_threads(threads)


def batches(keys: Sequence[Request], batch_size: int) -> Iterator[Sequence[Request]]:
    """Cut keys, longest first, into batches of at most `batch_size`, of long ones so few that subwords are no more."""
    start = 0
    while start < len(keys):
        longest = max(len(keys[start][0]), USUAL_LENGTH)
        size = max(1, batch_size * USUAL_LENGTH // longest)
        yield keys[start : start + size]
        start += size


def translate_corpus(
    loaded: LoadedModel, texts: Sequence[str], search: SearchConfig = GREEDY, batch_size: int = 64
) -> list[str]:
    """The best translation of every text, one line each: what validation and evaluation judge.

    Sorted by length as a whole, so that it takes as little time as it can.
    """
    translator = LineTranslator(loaded, search, Batching(batch_size, max(1, len(texts))))
    return [translation.text for translation in translator.translate_lines(texts)]
