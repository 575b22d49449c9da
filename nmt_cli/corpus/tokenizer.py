"""Text to subwords and back: SentencePiece behind the corpus's one Unicode normalisation."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece

from nmt_cli.corpus.normalization import SPACE, Form, normalize, single_line
from nmt_cli.corpus.subword_regularization import SubwordSampler
from nmt_cli.errors import CorpusError
from nmt_cli.special_tokens import BOS, EOS, PAD, UNK

JOINT = "tokenizer.model"
SEPARATE = ("tokenizer.source.model", "tokenizer.target.model")


class Tokenizer:
    """A SentencePiece model and the Unicode normalisation that its text goes through.

    `model` is the serialised SentencePiece model, `unicode` the normalisation form, `size` the number of
    subwords, V, and `is_byte` (V,) tells the pieces that are single bytes. Raises CorpusError if the bytes are
    no such model or number the symbols otherwise.
    """

    def __init__(self, model: bytes, unicode: Form = "nfc", origin: str = "tokenizer") -> None:
        processor = sentencepiece.SentencePieceProcessor()
        try:
            processor.LoadFromSerializedProto(model)
        except RuntimeError:
            raise CorpusError(f"{origin}: not a SentencePiece model; give a file that SentencePiece wrote") from None
        found = (processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id())
        if found != (PAD, UNK, BOS, EOS):
            raise CorpusError(
                f"{origin}: pad, unk, bos and eos have the ids {found}, not {(PAD, UNK, BOS, EOS)}; train it with "
                "--pad_id=0 --unk_id=1 --bos_id=2 --eos_id=3"
            )
        self.model = model
        self.unicode: Form = unicode
        self.size: int = processor.get_piece_size()
        self._processor: Any = processor
        self._sampler: SubwordSampler | None = None
        self.is_byte = np.array([processor.is_byte(i) for i in range(self.size)])
        self._starts_word = [processor.id_to_piece(i).startswith(SPACE) for i in range(self.size)]

    def normalize(self, text: str) -> str:
        """Text as the tokenizer and the metrics see it."""
        return normalize(text, self.unicode)

    def encode(self, text: str) -> list[int]:
        """Subwords of a text, without BOS and EOS."""
        ids: list[int] = self._processor.encode(self.normalize(text))
        return ids

    def encode_many(self, texts: Iterable[str], threads: int = 1) -> list[list[int]]:
        """Subwords of many texts, computed on this many threads."""
        ready = [self.normalize(text) for text in texts]
        ids: list[list[int]] = self._processor.encode(ready, num_threads=threads)
        return ids

    def sample(self, texts: Iterable[str], strength: float, seed: int) -> list[list[int]]:
        """A random segmentation of each text: unigram sampling (Kudo 2018) or BPE-dropout (Provilkov et al. 2020).

        `strength` s, between 0 and 1, is the probability of leaving out a merge, or stands for the exponent
        (1 - s) / s of the unigram model's probabilities.
        The same `seed` gives the same segmentations, in every process.
        """
        if self._sampler is None:
            self._sampler = SubwordSampler(self._processor)
        rng = random.Random(seed)
        return [self._sampler.sample(self.normalize(text), strength, rng) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """Detokenised text on one line; PAD, UNK, BOS and EOS are left out."""
        text: str = self._processor.decode([int(i) for i in ids if i > EOS])
        return single_line(text)

    def decode_many(self, sentences: Iterable[Sequence[int]]) -> list[str]:
        """Detokenised text of each."""
        return [self.decode(ids) for ids in sentences]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The subwords as they are written, a leading space shown as ▁ and a single byte as <0xE3>."""
        return [self._processor.id_to_piece(int(i)) for i in ids]

    def words(self, ids: Sequence[int]) -> list[int]:
        """For every subword the index, from 0, of the space-separated word that it belongs to."""
        indices: list[int] = []
        word = -1
        for i in ids:
            if self._starts_word[int(i)] or word < 0:
                word += 1
            indices.append(word)
        return indices


@dataclass(frozen=True)
class Tokenizers:
    """The tokenizers of the two sides; one and the same when `joint`."""

    source: Tokenizer
    target: Tokenizer

    @property
    def joint(self) -> bool:
        """Whether both sides share one vocabulary."""
        return self.source is self.target

    def files(self) -> dict[str, bytes]:
        """The files that hold them, by name."""
        if self.joint:
            return {JOINT: self.source.model}
        return dict(zip(SEPARATE, (self.source.model, self.target.model), strict=True))

    def save(self, folder: Path) -> None:
        """Write them into a folder."""
        for name, content in self.files().items():
            (folder / name).write_bytes(content)

    @classmethod
    def load(cls, folder: Path, unicode: Form) -> "Tokenizers":
        """Read them from a folder. Raises CorpusError if they are not there or damaged."""
        if (folder / JOINT).is_file():
            both = _load(folder / JOINT, unicode)
            return cls(both, both)
        source, target = (_load(folder / name, unicode) for name in SEPARATE)
        return cls(source, target)


def _load(path: Path, unicode: Form) -> Tokenizer:
    try:
        return Tokenizer(path.read_bytes(), unicode, str(path))
    except OSError as error:
        raise CorpusError(f"{path}: cannot read the tokenizer: {error.strerror}; run nmt preprocess again") from None
