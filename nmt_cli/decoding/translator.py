"""Translates lines: one translation for each, in order, whatever the lines hold."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import islice
from typing import Any

import numpy as np
import torch

from nmt_cli.checkpoint.model_dir import LoadedModel
from nmt_cli.config import SearchConfig
from nmt_cli.corpus.batch import pad
from nmt_cli.corpus.normalization import is_blank
from nmt_cli.decoding.capitals import Case, in_usual_case
from nmt_cli.decoding.confidence import calibration_of
from nmt_cli.decoding.ensemble import EnsembleStep
from nmt_cli.decoding.hypothesis import Hypothesis
from nmt_cli.decoding.postprocess import Assembler, EncodedSegment
from nmt_cli.decoding.search import SearchInput, search
from nmt_cli.decoding.search_again import Request, Results, search_again
from nmt_cli.decoding.segments import split
from nmt_cli.decoding.shortlist import Shortlist
from nmt_cli.decoding.single_word import MAX_SUBWORDS, SingleWords
from nmt_cli.decoding.source_tag import source_tag
from nmt_cli.decoding.text_stream import Line
from nmt_cli.decoding.translation import Translation
from nmt_cli.errors import ConfigError
from nmt_cli.model.seq2seq import sequence_mask
from nmt_cli.special_tokens import EOS

GREEDY = SearchConfig(beam_size=1, search_again=False)
"""For validation, which shows the model as it is."""

USUAL_LENGTH = 40
"""Source subwords up to which a batch holds `batch_size` sentences; it holds fewer longer ones, which bounds memory."""

WINDOW = 2048
"""Lines read ahead and sorted by length, so that batches hold sentences of similar length."""
WORKERS = 4
"""Batches searched at a time, at most one per thread; more than this would wait for the GIL."""
MIN_BATCH = 16
"""Smallest batch that is worth a search of its own."""


@dataclass(frozen=True)
class Batching:
    """Batches of `batch_size` sentences of usual length, made from windows of `window_size` lines sorted by length."""

    batch_size: int = 64
    window_size: int = WINDOW


@dataclass
class LineTranslator:
    """Translates text with a model. `attention`: return the attention of every candidate, for alignments and
    pictures. `on_lines` is called with the number of lines that each searched batch makes up, in all that of the lines.
    `tag` is the name of the tag that every line is translated with.
    """

    loaded: LoadedModel
    search: SearchConfig = GREEDY
    batching: Batching = field(default_factory=Batching)
    attention: bool = False
    on_lines: Callable[[int], object] = lambda lines: None
    tag: str | None = None

    def __post_init__(self) -> None:
        self._tag = source_tag(self.loaded, self.tag)
        self._source = self.loaded.tokenizers.source
        self._limit = self.loaded.manifest.max_source_length
        self._assembler = Assembler(
            self.loaded.tokenizers, self.loaded.manifest.target, self.search, calibration_of(self.loaded)
        )
        self._shortlist = Shortlist.read(self.loaded, self.search.shortlist) if self.search.shortlist else None

    def translate_lines(self, texts: Iterable[str]) -> Iterator[Translation]:
        """Translate texts lazily, a window at a time."""
        lines = (Line(number, text) for number, text in enumerate(texts, start=1))
        while window := list(islice(lines, self.batching.window_size)):
            yield from self.translate(window)

    def translate(self, lines: Sequence[Line]) -> list[Translation]:
        """Translate lines together: one translation for each, in their order.

        Raises ConfigError if attention is needed and the model has none, CheckpointError if its weights are damaged.
        """
        segments = self._segments(lines)
        # Each line draws its own samples; without sampling, equal requests are searched once.
        requests = [
            [
                ((*segment.tag, *segment.source), segment.prefix, (line.number, n) if self.search.sample else ())
                for n, segment in enumerate(line_segments)
            ]
            for line, line_segments in zip(lines, segments, strict=True)
        ]
        unique = dict.fromkeys(request for line_requests in requests for request in line_requests)
        results = self._search(unique, len(lines), self.search)
        if self.search.search_again and not self.search.sample:
            results |= search_again(
                results,
                lambda left, options: self._search(left, 0, options),
                self.search,
                self.loaded.tokenizers.target.decode,
                len(self._tag),
            )
            results |= self._search_words(results)
        return [
            self._assembler.assemble(line, line_segments, [results[request] for request in line_requests])
            for line, line_segments, line_requests in zip(lines, segments, requests, strict=True)
        ]

    def _segments(self, lines: Sequence[Line]) -> list[list[EncodedSegment]]:
        """The segments of each line, within the model's limit; a blank line has none."""
        cased = [self._in_usual_case(line.text) for line in lines]
        texts, cases = [text for text, _ in cased], [case for _, case in cased]
        encoded = self._encode(["" if is_blank(text) else text for text in texts])
        segments = [
            self._split(text, self._prefix(line))
            if len(ids) > self._limit
            else [EncodedSegment(tuple(ids), self._prefix(line), tag=self._tag)]
            if ids
            else []
            for line, text, ids in zip(lines, texts, encoded, strict=True)
        ]
        return [
            [replace(segment, case=case) for segment in line_segments] if case else line_segments
            for case, line_segments in zip(cases, segments, strict=True)
        ]

    def _in_usual_case(self, text: str) -> tuple[str, Case | None]:
        return in_usual_case(text, self._source, self.loaded.manifest.source) if self.search.truecase else (text, None)

    def _split(self, text: str, prefix: tuple[int, ...]) -> list[EncodedSegment]:
        """The segments of a text that is over the model's limit; those without subwords are dropped."""
        text = self._source.normalize(text)
        segments = split(text, self._limit, lambda texts: [len(ids) for ids in self._encode(texts)])
        encoded = self._encode([segment.text for segment in segments])
        nonempty = [(ids, segment) for ids, segment in zip(encoded, segments, strict=True) if ids]
        return [
            EncodedSegment(tuple(ids), prefix if n == 0 else (), segment.within_word, self._tag)
            for n, (ids, segment) in enumerate(nonempty)
        ]

    def _prefix(self, line: Line) -> tuple[int, ...]:
        return tuple(self.loaded.tokenizers.target.encode(line.prefix)) if line.prefix else ()

    def _encode(self, texts: list[str]) -> list[list[int]]:
        return self._source.encode_many(texts, threads=torch.get_num_threads())

    def _search(
        self, requests: Collection[Request], lines: int, options: SearchConfig, words: SingleWords | None = None
    ) -> Results:
        """Search the requests of so many lines in batches of similar length, several batches at a time on a CPU; as
        single words, if `words` is given."""
        reported = 0
        ordered = sorted(requests, key=lambda request: len(request[0]), reverse=True)
        threads = torch.get_num_threads()
        workers = min(threads, WORKERS, len(ordered) // MIN_BATCH) if self.loaded.compute.device.type == "cpu" else 1
        size = self.batching.batch_size
        if workers > 1:  # enough batches for every worker
            size = min(size, max(MIN_BATCH, len(ordered) // (2 * workers)))
        results: Results = {}
        with parallel_map(workers) as map_:
            all_batches = list(batches(ordered, size))
            for batch, hypotheses in zip(
                all_batches, map_(partial(self._search_batch, options, words), all_batches), strict=True
            ):
                results.update(zip(batch, hypotheses, strict=True))
                done = lines * len(results) // len(requests)
                self.on_lines(done - reported)
                reported = done
        self.on_lines(lines - reported)  # blank lines need no search
        return results

    def _search_words(self, results: Results) -> Results:
        """Results for single words whose translation is not one word: the best translations that are."""
        tag = len(self._tag)
        short = [request for request in results if len(request[0]) - tag <= MAX_SUBWORDS and not request[1]]
        words = self._words if short else None  # reading the lexicon takes a moment
        if words is None:
            return {}
        left = [request for request in short if words.becomes_sentence(request[0][tag:], results[request][0].tokens)]
        found = self._search(left, 0, self.search, words) if left else {}
        return {
            request: [replace(hypothesis, searched_again="single_word") for hypothesis in hypotheses]
            for request, hypotheses in found.items()
        }

    @cached_property
    def _words(self) -> SingleWords | None:
        return SingleWords.read(self.loaded)

    @torch.inference_mode()
    def _search_batch(
        self, options: SearchConfig, words: SingleWords | None, batch: Sequence[Request]
    ) -> list[list[Hypothesis]]:
        padded, lengths = pad([np.array([*source, EOS]) for source, _, _ in batch])
        compute = self.loaded.compute
        source_lengths = torch.from_numpy(lengths).to(compute.device)
        source = torch.from_numpy(padded).to(compute.device)
        prefixes: list[Sequence[int]] = [prefix for _, prefix, _ in batch]
        candidates, candidate_ids = None, None
        permitted = None
        sources = [source[len(self._tag) :] for source, _, _ in batch]
        if words is not None:
            first, later = words.permitted(sources)
            permitted = first.to(compute.device), later.to(compute.device)
        elif self._shortlist:
            candidates = self._shortlist.candidates(sources, prefixes)
            candidate_ids = torch.from_numpy(candidates.ids).to(compute.device)
            prefixes = [candidates.to_indices(prefix) for prefix in prefixes]
        seeds = [seed for _, _, seed in batch]
        search_input = SearchInput(
            source_lengths,
            prefixes if any(prefixes) else (),
            seeds,
            permitted,
            self.attention,
            forbidden=self.loaded.tokenizers.target.tags if candidates is None else (),  # a shortlist has no tags
        )
        step = EnsembleStep(self.loaded.models, candidate_ids)
        try:
            with compute.encoder_autocast():
                state = step.init_state(source, sequence_mask(source_lengths, source.shape[1]))
            with compute.autocast():
                results = search(step, state, search_input, options)
        except torch.OutOfMemoryError:
            raise ConfigError(
                f"--batch-size {self.batching.batch_size}: not enough memory on {compute}; use a smaller batch"
            ) from None
        if candidates is None:
            return results
        return [[candidates.to_ids(hypothesis) for hypothesis in hypotheses] for hypotheses in results]


@contextmanager
def parallel_map(workers: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """Yield a `map` that runs its calls on `workers` threads, each with its share of torch's threads: a search step is
    too little work for torch to spread over many threads."""
    if workers < 2:
        yield map
        return
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, "search", torch.set_num_threads, (threads // workers,))
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)  # after an error or Ctrl-C only the calls that are running are finished
        torch.set_num_threads(threads)


def batches(requests: Sequence[Request], batch_size: int) -> Iterator[Sequence[Request]]:
    """Split requests, longest first, into batches of at most `batch_size`, fewer if they are long, so that the number
    of subwords is bounded."""
    start = 0
    while start < len(requests):
        longest = max(len(requests[start][0]), USUAL_LENGTH)
        size = max(1, batch_size * USUAL_LENGTH // longest)
        yield requests[start : start + size]
        start += size


def translate_corpus(
    loaded: LoadedModel,
    texts: Sequence[str],
    search: SearchConfig = GREEDY,
    batch_size: int = 64,
    on_lines: Callable[[int], object] = lambda lines: None,
) -> list[Translation]:
    """The translation of every text, for validation and evaluation.

    All texts are sorted by length together, not in windows, which takes the least time.
    """
    translator = LineTranslator(loaded, search, Batching(batch_size, max(1, len(texts))), on_lines=on_lines)
    return list(translator.translate_lines(texts))
