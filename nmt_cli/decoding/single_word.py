"""A word alone on its line is translated as one word: models rarely see such a line in training, and make a sentence
of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nmt_cli.checkpoint.layout import model_folder
from nmt_cli.checkpoint.model_dir import LoadedModel
from nmt_cli.corpus.lexicon import LEXICON, Table, read_lexicon
from nmt_cli.corpus.normalization import SPACE
from nmt_cli.corpus.tokenizer import Tokenizer
from nmt_cli.languages import is_unspaced
from nmt_cli.special_tokens import EOS

MAX_SUBWORDS = 2
"""Subwords of a source word, at most: longer ones are often compounds, which other languages write as several words."""
FIRST = 4
"""Most probable translations of each source subword that a translation may begin with. For 200 frequent words of
Multi30k, 162 translations were that of IBM Model 1; with 16 it was 151, without a lexicon 125."""


@dataclass(frozen=True)
class Pieces:
    """Which subwords of a vocabulary, (V,) each, are the beginning of a word with letters, the mere start of a word
    without any, and letters that continue a word."""

    begins: npt.NDArray[np.bool_]
    starts: npt.NDArray[np.bool_]
    continues: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Self:
        """Those of a tokenizer. Single bytes, special tokens and punctuation are neither."""
        pieces = tokenizer.pieces(range(tokenizer.size))
        begins = [piece.startswith(SPACE) and piece[1:].isalpha() for piece in pieces]
        starts = [piece == SPACE for piece in pieces]
        return cls(
            np.array(begins), np.array(starts), np.array([piece.isalpha() and SPACE not in piece for piece in pieces])
        )

    def is_word(self, ids: Sequence[int]) -> bool:
        """Whether subwords make up one word."""
        if not ids or not (self.begins[ids[0]] or (self.starts[ids[0]] and len(ids) > 1)):
            return False
        return bool(self.continues[list(ids[1:])].all())


@dataclass(frozen=True)
class SingleWords:
    """Recognises single words, and lists the subwords that their translations consist of."""

    source: Pieces
    target: Pieces
    lexicon: Table

    @classmethod
    def read(cls, loaded: LoadedModel) -> Self | None:
        """Read the lexicon of a model folder; None if it has none, or a language is written without spaces."""
        folder = model_folder(loaded.path, loaded.manifest)
        if LEXICON not in folder or is_unspaced(loaded.manifest.source) or is_unspaced(loaded.manifest.target):
            return None
        tokenizers = loaded.tokenizers
        return cls(Pieces.of(tokenizers.source), Pieces.of(tokenizers.target), read_lexicon(folder, tokenizers))

    def becomes_sentence(self, source: Sequence[int], target: Sequence[int]) -> bool:
        """Whether the source is one word, of few subwords, and its translation is not."""
        return len(source) <= MAX_SUBWORDS and self.source.is_word(source) and not self.target.is_word(target)

    def permitted(self, sources: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """The subwords, (B, V) each, that the translation of each word may begin with and continue with."""
        first = np.zeros((len(sources), len(self.target.begins)), np.bool_)
        later = first.copy()
        for row, ids in enumerate(sources):
            first[row, self.lexicon[list(ids), :FIRST]] = True
            later[row, self.lexicon[list(ids)]] = True
        first &= self.target.begins
        first[~first.any(1)] = self.target.begins
        later &= self.target.continues
        later[:, EOS] = True
        return torch.from_numpy(first), torch.from_numpy(later)
