"""The attention of one translation, between words and between subwords."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from nmt_cli.decoding.alignment import merge_subwords

Matrix = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class ModelLabel:
    """The model that computed the attention: its name, the first digits of its weights' hash, and its languages."""

    name: str
    hash: str
    source: str
    target: str


@dataclass(frozen=True)
class Subwords:
    """Attention between subwords, as the model computes it: the pieces of both sides, and weights (T, S)."""

    source: Sequence[str]
    target: Sequence[str]
    weights: Matrix


@dataclass(frozen=True)
class AttentionMap:
    """The attention of one translation: the words of both sides, `weights` (T, S) between them, both texts, the score
    of the search, the line number of the source, and the model's confidence in the translation, from 0 to 1."""

    source_words: Sequence[str]
    target_words: Sequence[str]
    weights: Matrix
    source_text: str
    target_text: str
    score: float | None = None
    subwords: Subwords | None = None
    line: int | None = None
    confidence: float | None = None

    @classmethod
    def from_subwords(
        cls,
        subwords: Subwords,
        words: tuple[Sequence[int], Sequence[int]],
        texts: tuple[str, str],
        score: float | None,
        line: int | None = None,
        confidence: float | None = None,
    ) -> Self:
        """Merge subwords into words.

        Args:
            subwords: pieces as SentencePiece writes them; rows and columns of the weights beyond the pieces (end of
                sentence) are left out.
            words: for source and target, the index of the word that each subword belongs to.
            texts: source and target as plain text.
            score: the score of the search.
            line: the line number of the source.
            confidence: the model's confidence in the translation.

        Raises:
            ValueError: there are fewer rows or columns than pieces.
        """
        source, target = list(subwords.source), list(subwords.target)
        merged = merge_subwords(subwords.weights, *words)
        pieces = Subwords(source, target, np.asarray(subwords.weights)[: len(target), : len(source)])
        return cls(_join(source, words[0]), _join(target, words[1]), merged, *texts, score, pieces, line, confidence)

    @property
    def shape(self) -> tuple[int, int]:
        """Target words, source words."""
        return len(self.target_words), len(self.source_words)

    def as_json(self) -> dict[str, Any]:
        """Line, texts, score, confidence, words and weights, and the same for subwords."""
        content: dict[str, Any] = {
            "line": self.line,
            "source": self.source_text,
            "target": self.target_text,
            "score": self.score,
            "confidence": self.confidence,
            "source_words": list(self.source_words),
            "target_words": list(self.target_words),
            "weights": _rounded(self.weights),
        }
        if self.subwords:
            content["source_subwords"] = list(self.subwords.source)
            content["target_subwords"] = list(self.subwords.target)
            content["subword_weights"] = _rounded(self.subwords.weights)
        return content


def numbered(maps: Iterable[AttentionMap]) -> Iterator[tuple[int, AttentionMap]]:
    """Each map with its line number, or its position among the maps if it has none."""
    return ((attention.line or position, attention) for position, attention in enumerate(maps, start=1))


def _join(pieces: Sequence[str], words: Sequence[int]) -> list[str]:
    """Join pieces into words; a run of byte pieces (<0xED>) is decoded as UTF-8."""
    parts: list[list[str]] = [[] for _ in range(max(words, default=-1) + 1)]
    for piece, word in zip(pieces, words, strict=True):
        if word >= 0:
            parts[word].append(piece)
    return [_text(part) for part in parts]


def _text(pieces: Sequence[str]) -> str:
    encoded = b"".join(
        bytes.fromhex(piece[3:5]) if len(piece) == 6 and piece.startswith("<0x") else piece.encode("utf-8", "replace")
        for piece in pieces
    )
    return encoded.decode("utf-8", "replace").replace("▁", " ").strip() or "▁"


def _rounded(weights: Matrix) -> list[list[float]]:
    rows: list[list[float]] = np.asarray(weights, dtype=np.float64).round(4).tolist()
    return rows
