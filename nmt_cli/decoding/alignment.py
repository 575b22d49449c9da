"""Word-level attention weights and alignment links from subword-level attention (numpy only, no model).

The translator writes alignments, so this is part of decoding; the alignment error rate is in `evaluation.alignment`.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Link = tuple[int, int]
"""An aligned source word and target word, both counted from 0."""


def merge_subwords(
    weights: npt.ArrayLike, source_words: Sequence[int], target_words: Sequence[int]
) -> npt.NDArray[np.float64]:
    """Word-level attention from subword-level attention.

    Weights are summed over the subwords of a source word and averaged over the subwords of a target word, so that the
    weights of a target word sum to the mean of its subwords' row sums.

    Args:
        weights: (T, S) attention of target subwords over source subwords.
        source_words: for each source subword the index of its word, from 0; negative if it belongs to no word.
            Positions of `weights` beyond the list (EOS, padding) belong to no word either.
        target_words: the same for the target subwords.

    Returns:
        (target words, source words). Weight on positions that belong to no word is dropped, not redistributed.

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
    """Indicator matrix (words, positions): 1 where the position belongs to the word."""
    if len(words) > positions:
        raise ValueError(f"{len(words)} {side} subwords, but attention over {positions}")
    membership = np.zeros((max(words, default=-1) + 1, positions))
    for position, word in enumerate(words):
        if word >= 0:
            membership[word, position] = 1.0
    return membership


def links(weights: npt.ArrayLike) -> list[Link]:
    """Link each target word to the source word with the largest weight, unless all its weights are zero.

    Args:
        weights: (target words, source words), as returned by `merge_subwords`.

    Returns:
        (source word, target word) pairs in ascending order; ties go to the first source word.
    """
    matrix = np.asarray(weights, dtype=np.float64)
    if matrix.size == 0:
        return []
    best = matrix.argmax(axis=1)
    return sorted((int(best[j]), j) for j in range(len(matrix)) if matrix[j, best[j]] > 0)


def block_links(
    blocks: Sequence[npt.NDArray[np.float32]], source_words: Sequence[int], target_words: Sequence[int]
) -> list[Link]:
    """The links of a line of several segments, each of which attends only to its own source.

    It is `links(merge_subwords(...))` of the block-diagonal matrix, in memory and time of the blocks: only the first
    and last word of a segment may have subwords in another one.

    Args:
        blocks: the (T, S) attention of each segment.
        source_words, target_words: for each subword of the line the index of its word, from 0.
    """
    weights: dict[int, dict[int, float]] = {}  # target word -> source word -> sum of the weights
    row = column = 0
    for block in blocks:
        sources = np.asarray(source_words[column : column + block.shape[1]], dtype=np.intp)
        targets = np.asarray(target_words[row : row + len(block)], dtype=np.intp)
        row, column = row + len(block), column + block.shape[1]
        if not block.size:
            continue
        merged = merge_subwords(block, (sources - sources[0]).tolist(), (targets - targets[0]).tolist())
        counts = np.bincount(targets - targets[0])
        for j, line in enumerate(merged * counts[:, None]):
            sums = weights.setdefault(int(targets[0]) + j, {})
            for i in dict.fromkeys((0, int(line.argmax()), len(line) - 1)):
                sums[int(sources[0]) + i] = sums.get(int(sources[0]) + i, 0.0) + float(line[i])
    best = {j: max(sorted(sums), key=sums.__getitem__) for j, sums in weights.items()}
    return sorted((i, j) for j, i in best.items() if weights[j][i] > 0)


def format_pharaoh(links: Iterable[Link]) -> str:
    """Format links as in Pharaoh files, `0-0 1-2`: source word, target word, both from 0."""
    return " ".join(f"{i}-{j}" for i, j in links)
