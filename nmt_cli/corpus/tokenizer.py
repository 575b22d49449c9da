"""Tokenizers: SentencePiece with the corpus's Unicode normalisation applied first."""

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import sentencepiece

from nmt_cli.corpus.normalization import SPACE, Form, normalize, single_line
from nmt_cli.corpus.subword_regularization import SubwordSampler
from nmt_cli.errors import CorpusError, NMTError
from nmt_cli.file_hashes import VerifiedFolder
from nmt_cli.special_tokens import BOS, EOS, PAD, TAG_PIECES, UNK

JOINT = "tokenizer.model"
SEPARATE = ("tokenizer.source.model", "tokenizer.target.model")


class Tokenizer:
    """A SentencePiece model and the Unicode normalisation of its input.

    `model` is the serialised SentencePiece model, `unicode` the normalisation form, `size` the number of subwords, V,
    `is_byte` (V,) is True for single-byte pieces, and `tags` are the ids of the slots for tags (see `corpus.tags`).
    Raises CorpusError if the bytes are not a SentencePiece model or its special tokens have other ids, and, on use, if
    its rules write text that is not UTF-8; `error` replaces
    CorpusError.
    """

    def __init__(
        self,
        model: bytes,
        unicode: Form = "nfc",
        origin: str = "tokenizer",
        error: type[NMTError] = CorpusError,
    ) -> None:
        processor = sentencepiece.SentencePieceProcessor()
        try:
            processor.LoadFromSerializedProto(model)
        except (RuntimeError, UnicodeDecodeError):  # the latter where a message of SentencePiece quotes a damaged piece
            raise error(f"{origin}: not a SentencePiece model; give a file written by SentencePiece") from None
        special = (processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id())
        if special != (PAD, UNK, BOS, EOS):
            raise error(
                f"{origin}: pad, unk, bos and eos have the ids {special}, not {(PAD, UNK, BOS, EOS)}; train it with "
                "--pad_id=0 --unk_id=1 --bos_id=2 --eos_id=3"
            )
        try:
            pieces = _pieces(processor)
        except ValueError as damage:
            raise error(f"{origin}: {damage}; give a file written by SentencePiece") from None
        self.model = model
        self.unicode: Form = unicode
        self.size = len(pieces)
        self._processor: Any = processor
        self.tags = self._find_tags()
        self._not_utf8 = f"{origin}: its rules write text that is not UTF-8; give a file written by SentencePiece"
        self._error = error
        self._sampler: SubwordSampler | None = None
        self.is_byte = np.array([processor.is_byte(i) for i in range(self.size)])
        self._starts_word = [piece.startswith(SPACE) for piece in pieces]

    def _find_tags(self) -> tuple[int, ...]:
        ids = [self._processor.piece_to_id(piece) for piece in TAG_PIECES]
        return tuple(takewhile(self._processor.is_control, ids))

    def normalize(self, text: str) -> str:
        """Normalise text as for the tokenizer and the metrics."""
        return normalize(text, self.unicode)

    def encode(self, text: str) -> list[int]:
        """Subword ids of a text, without BOS and EOS."""
        ids: list[int] = self._processor.encode(self.normalize(text))
        return ids

    def encode_many(self, texts: Iterable[str], threads: int = 1) -> list[list[int]]:
        """Subword ids of many texts, computed with this many threads."""
        normalized = [self.normalize(text) for text in texts]
        ids: list[list[int]] = self._processor.encode(normalized, num_threads=threads)
        return ids

    def sample(self, texts: Iterable[str], strength: float, seed: int) -> list[list[int]]:
        """A random segmentation of each text: unigram sampling (Kudo 2018) or BPE-dropout (Provilkov et al. 2020).

        `strength` s, between 0 and 1, is the dropout probability of a BPE merge, or sets the exponent (1 - s) / s of
        the unigram model's probabilities. The same `seed` gives the same segmentations in every process.
        """
        if self._sampler is None:
            self._sampler = SubwordSampler(self._processor)
        rng = random.Random(seed)
        try:
            return [self._sampler.sample(self.normalize(text), strength, rng) for text in texts]
        except UnicodeDecodeError:
            raise self._error(self._not_utf8) from None

    def decode(self, ids: Sequence[int]) -> str:
        """Detokenised text on one line, without PAD, UNK, BOS, EOS and tags."""
        try:
            text: str = self._processor.decode([int(i) for i in ids if i > EOS])
        except UnicodeDecodeError:
            raise self._error(self._not_utf8) from None
        return single_line(text)

    def leading_tag(self, ids: Sequence[int] | npt.NDArray[np.integer]) -> int:
        """The number of tags at the start of source ids: 0 or 1."""
        return int(len(ids) > 0 and int(ids[0]) in self.tags)

    def decode_many(self, sentences: Iterable[Sequence[int]]) -> list[str]:
        """Detokenised text of each sentence."""
        return [self.decode(ids) for ids in sentences]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The subwords as strings; a leading space is written as ▁, a single byte as <0xE3>."""
        return [self._processor.id_to_piece(int(i)) for i in ids]

    def words(self, ids: Sequence[int]) -> list[int]:
        """For every subword the index, from 0, of its space-separated word."""
        indices: list[int] = []
        word = -1
        for i in ids:
            if self._starts_word[int(i)] or word < 0:
                word += 1
            indices.append(word)
        return indices


def _pieces(processor: Any) -> list[str]:
    """The subwords of a SentencePiece model by id, checked, since SentencePiece does not check all of them.

    Raises ValueError if one is not UTF-8, or its score is not a finite number.
    """
    pieces = []
    for i in range(processor.get_piece_size()):
        try:
            pieces.append(processor.id_to_piece(i))
        except UnicodeDecodeError:
            raise ValueError(f"subword {i} is not UTF-8") from None
        if not math.isfinite(score := processor.get_score(i)):
            raise ValueError(f"the score of subword {i} is {score}")
    return pieces


@dataclass(frozen=True)
class Tokenizers:
    """The tokenizers of source and target; the same object if `joint`."""

    source: Tokenizer
    target: Tokenizer

    @property
    def joint(self) -> bool:
        """Whether both sides share one vocabulary."""
        return self.source is self.target

    def files(self) -> dict[str, bytes]:
        """File names and contents of the serialised models."""
        if self.joint:
            return {JOINT: self.source.model}
        return dict(zip(SEPARATE, (self.source.model, self.target.model), strict=True))

    def save(self, folder: Path) -> None:
        """Write the models to a folder."""
        for name, content in self.files().items():
            (folder / name).write_bytes(content)

    @classmethod
    def load(cls, folder: VerifiedFolder, unicode: Form, sizes: tuple[int, int]) -> "Tokenizers":
        """Read the models from a folder, whose manifest records these vocabulary sizes of source and target. Raises the
        folder's error if they are missing, damaged or of another size."""
        names = [JOINT] if JOINT in folder else list(SEPARATE)
        models = [Tokenizer(folder.read(name), unicode, str(folder.path / name), folder.error) for name in names]
        source, target = models[0], models[-1]
        if (source.size, target.size) != sizes:
            raise folder.error(
                f"{folder.path / names[0]}: {source.size} and {target.size} subwords, but the manifest has {sizes[0]} "
                f"and {sizes[1]}; {folder.remedy}"
            )
        return cls(source, target)
