"""What there is to show of one translation's attention."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from nmt_cli.decoding.alignment import merge

Matrix = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Subwords:
    """Attention as the model has it: the pieces of both sides and their weights, (T, S) in subwords."""

    source: Sequence[str]
    target: Sequence[str]
    weights: Matrix


@dataclass(frozen=True)
class AttentionMap:
    """One translation: words of both sides, `weights` (T, S) between them, the texts, the score of the search, and the
    number of the line that it translates."""

    source_words: Sequence[str]
    target_words: Sequence[str]
    weights: Matrix
    source_text: str
    target_text: str
    score: float | None = None
    subwords: Subwords | None = None
    line: int | None = None

    @classmethod
    def from_subwords(
        cls,
        subwords: Subwords,
        words: tuple[Sequence[int], Sequence[int]],
        texts: tuple[str, str],
        score: float | None,
        line: int | None = None,
    ) -> Self:
        """Merge subwords into words.

        Args:
            subwords: pieces as SentencePiece writes them; rows and columns of the weights beyond the pieces (end of
                sentence) are left out.
            words: for source and target, the index of the word that each subword belongs to.
            texts: source and target as plain text.
            score: the score that the search gave.
            line: the number of the line that was translated.

        Raises:
            ValueError: fewer rows or columns than pieces.
        """
        source, target = list(subwords.source), list(subwords.target)
        merged = merge(subwords.weights, *words)
        pieces = Subwords(source, target, np.asarray(subwords.weights)[: len(target), : len(source)])
        return cls(_join(source, words[0]), _join(target, words[1]), merged, *texts, score, pieces, line)

    @property
    def shape(self) -> tuple[int, int]:
        """Target words, source words."""
        return len(self.target_words), len(self.source_words)

    def as_json(self) -> dict[str, Any]:
        """Line, texts, words and weights, and the same for subwords."""
        found: dict[str, Any] = {
            "line": self.line,
            "source": self.source_text,
            "target": self.target_text,
            "score": self.score,
            "source_words": list(self.source_words),
            "target_words": list(self.target_words),
            "weights": _rounded(self.weights),
        }
        if self.subwords:
            found["source_subwords"] = list(self.subwords.source)
            found["target_subwords"] = list(self.subwords.target)
            found["subword_weights"] = _rounded(self.subwords.weights)
        return found


def numbered(maps: Iterable[AttentionMap]) -> Iterator[tuple[int, AttentionMap]]:
    """Every map with its line's number, or its own where it has none."""
    return ((shown.line or number, shown) for number, shown in enumerate(maps, start=1))


def _join(pieces: Sequence[str], words: Sequence[int]) -> list[str]:
    """The words that pieces make up; a run of byte pieces (<0xED>) is read as UTF-8."""
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
