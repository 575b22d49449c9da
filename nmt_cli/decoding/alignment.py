"""From attention over subwords to weights and links between words (numpy only, no model).

It lives below evaluation because the translator writes alignments; error rates are in `evaluation.alignment`.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Link = tuple[int, int]
"""A source word and a target word that belong together, both counted from 0."""


def merge(weights: npt.ArrayLike, source_words: Sequence[int], target_words: Sequence[int]) -> npt.NDArray[np.float64]:
    """Attention between words from attention between subwords.

    A source word gets the sum of what its subwords get, a target word the mean of what its subwords give, so that
    the weights of a target word still sum to what the rows of its subwords sum to on average.

    Args:
        weights: (T, S) attention of target subwords over source subwords.
        source_words: for each source subword the index of its word, from 0; a negative index belongs to no word.
            Positions of `weights` beyond the list (end of sentence, padding) belong to no word either.
        target_words: the same for the target subwords.

    Returns:
        (target words, source words). What fell on positions of no word is left out, not spread over the others.

    Raises:
        ValueError: `weights` is not a matrix, or has fewer positions than a list has subwords.
    """
    matrix = np.asarray(weights, dtype=np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"attention must be a matrix (T, S), not of shape {matrix.shape}")
    to_target = _membership(target_words, matrix.shape[0], "target")  # (target words, T)
    to_source = _membership(source_words, matrix.shape[1], "source")  # (source words, S)
    subwords = np.maximum(to_target.sum(axis=1, keepdims=True), 1.0)
    merged: npt.NDArray[np.float64] = (to_target / subwords) @ matrix @ to_source.T
    return merged


def _membership(words: Sequence[int], positions: int, side: str) -> npt.NDArray[np.float64]:
    """(words, positions), 1 where a position belongs to a word."""
    if len(words) > positions:
        raise ValueError(f"{len(words)} {side} subwords, but attention over {positions}")
    belongs = np.zeros((max(words, default=-1) + 1, positions))
    for position, word in enumerate(words):
        if word >= 0:
            belongs[word, position] = 1.0
    return belongs


def links(weights: npt.ArrayLike) -> list[Link]:
    """For each target word the source word with most weight; none for a target word whose weights are all zero.

    Args:
        weights: (target words, source words), as `merge` gives them.

    Returns:
        (source word, target word) pairs in ascending order; of equal weights the first wins.
    """
    matrix = np.asarray(weights, dtype=np.float64)
    if matrix.size == 0:
        return []
    best = matrix.argmax(axis=1)
    return sorted((int(best[j]), j) for j in range(len(matrix)) if matrix[j, best[j]] > 0)


def pharaoh(found: Iterable[Link]) -> str:
    """Links in Pharaoh form, `0-0 1-2`: source word, target word, both from 0."""
    return " ".join(f"{i}-{j}" for i, j in found)
