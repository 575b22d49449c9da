"""Choose the vocabulary size and train SentencePiece on a sample of the training text."""

import collections
import contextlib
import io
import math
import os
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Literal

import sentencepiece

from nmt_cli.config import PreprocessConfig
from nmt_cli.corpus.normalization import normalize
from nmt_cli.corpus.splits import Selection
from nmt_cli.corpus.tokenizer import Tokenizer, Tokenizers
from nmt_cli.errors import CorpusError
from nmt_cli.parallel import run_in_process
from nmt_cli.progress import Progress
from nmt_cli.special_tokens import BOS, EOS, PAD, TAG_PIECES, UNK
from nmt_cli.system_errors import explain, explain_shortage

MAX_CHARACTERS = 24_000_000
"""Maximum characters, in randomly drawn sentences, that a vocabulary is trained on: about 500 MB in SentencePiece."""

THREADS = 16
"""Threads of SentencePiece. Its floating-point sums, and so the last pieces of a vocabulary, depend on their number; a
fixed number gives the same model for the same text everywhere. `SubwordOptions.processors` limits the cores."""

MAX_LINE = 2000
"""Maximum characters of a line for SentencePiece, whose time is quadratic in the length of a repetitive line."""

RESERVED = 4 + len(TAG_PIECES) + 256
"""Pieces in every vocabulary: the four special tokens, the slots for tags and the 256 bytes."""


@dataclass(frozen=True)
class SubwordOptions:
    """Options of a SentencePiece model to train; without a size it is chosen by `suitable_size`."""

    type: Literal["unigram", "bpe"] = "unigram"
    size: int | None = None
    processors: int = 1


@dataclass
class Sample:
    """Normalised text to train a vocabulary on, in a file, and the statistics that the vocabulary size depends on."""

    path: Path
    share: float = 1.0
    """Fraction of the training text in the sample."""
    characters: int = 0
    sentences: int = 0
    alphabet: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)

    def write(self, texts: Iterable[str]) -> None:
        """Append sentences."""
        with open(self.path, "a", encoding="utf-8", newline="\n") as file:
            for text in texts:
                file.writelines(f"{part}\n" for part in _parts(text.replace("\0", "")))
                self.characters += len(text)
                self.sentences += 1
                self.alphabet.update(text)
                self.words.update(text.split())


def _parts(text: str) -> Iterator[str]:
    """Split a text into parts of at most MAX_LINE characters, at spaces if possible."""
    start = 0
    while len(text) - start > MAX_LINE:
        space = text.rfind(" ", start + 1, start + MAX_LINE + 1)
        end = space if space > 0 else start + MAX_LINE
        yield text[start:end]
        start = end
    yield text[start:]


def suitable_size(sample: Sample) -> int:
    """The vocabulary size for a text.

    4,000 subwords for four million characters (Multi30k, both sides), growing with the length of the text to the power
    0.28: 8,000 for 47 million characters (200,000 pairs of parliamentary debates), 13,000 for a million such pairs; and
    the slots for tags.
    Each distinct character beyond the first 200 adds one subword, up to double the size, so that Hangul syllables and
    ideographs do not crowd out words. For a text with a small vocabulary the limit is half its number of distinct words
    (plus reserved pieces and characters), so that most subwords are frequent.
    """
    alphabet = len(sample.alphabet)
    by_length: float = 4000 * (sample.characters / sample.share / 4e6) ** 0.28
    by_length += min(by_length, max(0, alphabet - 200))
    by_length += len(TAG_PIECES)
    by_words = RESERVED + 2 * alphabet + len(sample.words) / 2
    at_least = RESERVED + 16 + min(alphabet, 8000)
    return 8 * math.ceil(max(at_least, min(by_length, by_words)) / 8)


def train_subwords(sample: Sample, options: SubwordOptions) -> bytes:
    """Train a SentencePiece model on a sample, with byte fallback, so that no text is unknown.

    Training runs in a separate process, which can be interrupted and returns its memory. The vocabulary is smaller than
    requested if the text has too few subwords; if it has too many distinct characters, the rarest are encoded as bytes.
    Raises CorpusError if the text has nothing to train on.
    """
    size = options.size or suitable_size(sample)
    job = _Job(sample.path, options.type, size)
    if len(sample.alphabet) >= size - RESERVED:
        _drop_rare_characters(sample.path, (size - RESERVED) // 2)
    return run_in_process(_train, job, max(1, options.processors))


@dataclass(frozen=True)
class _Job:
    path: Path
    type: str
    size: int


def _train(job: _Job) -> bytes:
    model = io.BytesIO()
    try:
        with contextlib.chdir(job.path.parent):  # SentencePiece stores the path and splits it at commas
            _run_trainer(job, model)
    except RuntimeError as error:  # its text names the line of SentencePiece's source and the failed condition
        why = explain_shortage(error) or f"no subwords can be trained on this text: {error}"
        raise CorpusError(why) from None
    return model.getvalue()


def _run_trainer(job: _Job, model: io.BytesIO) -> None:
    sentencepiece.SentencePieceTrainer.train(
        input=job.path.name,
        model_writer=model,
        model_type=job.type,
        vocab_size=job.size,
        hard_vocab_limit=False,
        byte_fallback=True,
        character_coverage=1.0,
        normalization_rule_name="identity",
        max_sentence_length=4 * MAX_LINE,
        pad_id=PAD,
        unk_id=UNK,
        bos_id=BOS,
        eos_id=EOS,
        control_symbols=list(TAG_PIECES),
        num_threads=THREADS,
        minloglevel=2,
    )


def _drop_rare_characters(path: Path, keep: int) -> None:
    """Remove all but the `keep` most frequent characters from a file (SentencePiece's character_coverage cannot go
    below 0.98)."""
    counts: collections.Counter[str] = collections.Counter()
    for line in _lines(path):
        counts.update(line)
    ranked = sorted(counts, key=lambda c: (-counts[c], c))
    table = {ord(c): None for c in ranked[keep:]}
    filtered = path.with_suffix(".thin")
    with open(filtered, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(line.translate(table) + "\n" for line in _lines(path))
    os.replace(filtered, path)


def _lines(path: Path) -> Iterator[str]:
    with open(path, encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line.rstrip("\n")


def given_tokenizers(config: PreprocessConfig) -> Tokenizers | None:
    """The tokenizers given by the user, or None. Raises CorpusError if one cannot be used."""
    loaded = []
    for path in config.tokenizer_model:
        try:
            loaded.append(Tokenizer(path.read_bytes(), config.unicode, str(path)))
        except OSError as error:
            why = explain(error, "give a SentencePiece .model file")
            raise CorpusError(f"{path}: cannot be read: {why}") from None
    return Tokenizers(loaded[0], loaded[-1]) if loaded else None


def train_tokenizers(
    train: Selection, config: PreprocessConfig, work: Path, processors: int, progress: Progress
) -> tuple[Tokenizers, int]:
    """Train tokenizers. Returns them and the number of sentences that they were trained on."""
    samples = _draw(train, config, work)
    trained = []
    for name, sample in samples.items():
        size = config.vocabulary_size or suitable_size(sample)
        with progress.step(f"training {size:,} {config.tokenizer} subwords ({name}) on {sample.sentences:,} sentences"):
            model = train_subwords(sample, SubwordOptions(config.tokenizer, size, processors))
        trained.append(Tokenizer(model, config.unicode))
        if trained[-1].size < size:
            progress.message(f"this text yields only {trained[-1].size:,} subwords")
    return Tokenizers(trained[0], trained[-1]), sum(sample.sentences for sample in samples.values())


def _draw(train: Selection, config: PreprocessConfig, work: Path) -> dict[str, Sample]:
    """Write both sides of a random sample of the training pairs, to one file or two."""
    joint = config.vocabulary == "joint"
    names = ("joint",) if joint else ("source", "target")
    rate = min(1.0, MAX_CHARACTERS * len(names) / max(1, train.text.characters))
    samples = {name: Sample(work / f"{name}.txt", rate) for name in names}
    sides = list(samples.values()) * (2 if joint else 1)
    draw = random.Random(config.seed).random
    for chunk in train.text.scratch.chunks:
        rows = train.rows[chunk.first : chunk.first + chunk.rows].tolist()
        if rate < 1:
            rows = [row and draw() < rate for row in rows]
        for sample, texts in zip(sides, chunk.read(), strict=True):
            sample.write(normalize(text, config.unicode) for text in compress(texts, rows))
    return samples
