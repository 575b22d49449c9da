"""IBM Model 1 (Brown et al. 1993), without the empty word: trains p(t | s) of target and source subwords by EM.

    E step: a(t, s) = p(t | s) / sum over s' of p(t | s')        s' over the subwords of the source sentence
    M step: p(t | s) = sum of a(t, s) over all sentence pairs, divided by its sum over t

starting from a uniform p.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from nmt_cli.config import LEXICON_WIDTH
from nmt_cli.corpus.dataset import Split
from nmt_cli.corpus.lexicon import Table
from nmt_cli.corpus.tokenizer import Tokenizers
from nmt_cli.special_tokens import PAD

MAX_PAIRS = 8_000_000
"""Maximum number of subword pairs to train on; of a larger corpus, evenly spaced sentence pairs are used."""
ITERATIONS = 5
"""Iterations of EM."""


def train_lexicon(split: Split, tokenizers: Tokenizers) -> Table:
    """Train a lexicon on the sentence pairs of a split, limited by MAX_PAIRS."""
    sources, targets, groups, sentences = _links(split, tokenizers)
    pairs = pa.array(sources * tokenizers.target.size + targets).dictionary_encode()  # much faster than np.unique
    inverse, keys = np.asarray(pairs.indices), np.asarray(pairs.dictionary)
    source, target = np.divmod(keys, tokenizers.target.size)
    probability = np.ones(len(keys))
    for _ in range(ITERATIONS):
        posteriors = probability[inverse]
        posteriors /= np.bincount(groups, posteriors)[groups]
        counts = np.bincount(inverse, posteriors, len(keys))
        probability = counts / np.bincount(source, counts)[source]
    table = np.full((tokenizers.source.size, LEXICON_WIDTH), PAD, np.int32)
    order = np.lexsort((target, -probability, source))
    rank = np.arange(len(order)) - np.searchsorted(source[order], source[order])
    best = order[rank < LEXICON_WIDTH]
    table[source[best], rank[rank < LEXICON_WIDTH]] = target[best]
    frequent = np.argsort(-sentences, kind="stable")[:LEXICON_WIDTH]
    table[PAD, : len(frequent)] = np.where(sentences[frequent] > 0, frequent, PAD)
    return table


def _links(split: Split, tokenizers: Tokenizers) -> tuple[npt.NDArray[np.int64], ...]:
    """All pairs (source subword, target subword) of each sentence pair, counted once per sentence pair.

    Returns source ids, target ids and group numbers, (L,) each; pairs of the same target subword in the same sentence
    share a group. Also returns, (V,), the number of sentences that contain each target subword.
    """
    sentences = np.zeros(tokenizers.target.size, np.int64)
    sources, targets, groups = [], [], []
    mean = 1 + int((split.source_lengths.astype(np.int64) * split.target_lengths).mean()) if len(split) else 1
    count = min(len(split), max(1, MAX_PAIRS // mean))
    number = links = 0
    for row in np.linspace(0, len(split) - 1, count, dtype=np.int64).tolist():
        ids = split.source_ids(row)
        source = np.unique(ids[tokenizers.source.leading_tag(ids) :])  # a tag translates as nothing
        target = np.unique(split.target_ids(row))
        links += len(source) * len(target)
        if links > MAX_PAIRS and number:
            break
        sentences[target] += 1
        sources.append(np.repeat(source, len(target)))
        targets.append(np.tile(target, len(source)))
        groups.append(np.tile(np.arange(number, number + len(target)), len(source)))
        number += len(target)
    empty = np.empty(0, np.int64)
    return (*(np.concatenate([empty, *parts]).astype(np.int64) for parts in (sources, targets, groups)), sentences)
