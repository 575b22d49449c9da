"""Learning which target subwords go with a source subword, by counting.

    a(t, s) = p(t | s) / sum over s' of p(t | s')      the share of s, of all subwords of its sentence, in a target t
    p(t | s) = sum of a(t, s) over all pairs of sentences, over its sum over t

again and again from a p that is the same for all: Model 1 of Brown et al. 1993, without their empty word.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from nmt_cli.config import LISTED
from nmt_cli.corpus.dataset import Split
from nmt_cli.corpus.lexicon import Table
from nmt_cli.corpus.tokenizer import Tokenizers
from nmt_cli.special_tokens import PAD

LINKS = 8_000_000
"""Pairs of subwords that it is learnt from at most, in sentences from all over the corpus."""
ROUNDS = 5


def learn_lexicon(split: Split, tokenizers: Tokenizers) -> Table:
    """Learn from the pairs of a split, or from a part of them if they are many."""
    sources, targets, places, seen = _links(split, tokenizers)
    pairs = pa.array(sources * tokenizers.target.size + targets).dictionary_encode()  # much faster than sorting
    inverse, keys = np.asarray(pairs.indices), np.asarray(pairs.dictionary)
    source, target = np.divmod(keys, tokenizers.target.size)
    probability = np.ones(len(keys))
    for _ in range(ROUNDS):
        shares = probability[inverse]
        shares /= np.bincount(places, shares)[places]
        counts = np.bincount(inverse, shares, len(keys))
        probability = counts / np.bincount(source, counts)[source]
    table = np.full((tokenizers.source.size, LISTED), PAD, np.int32)
    order = np.lexsort((target, -probability, source))
    rank = np.arange(len(order)) - np.searchsorted(source[order], source[order])
    best = order[rank < LISTED]
    table[source[best], rank[rank < LISTED]] = target[best]
    frequent = np.argsort(-seen, kind="stable")[:LISTED]
    table[PAD, : len(frequent)] = np.where(seen[frequent] > 0, frequent, PAD)
    return table


def _links(split: Split, tokenizers: Tokenizers) -> tuple[npt.NDArray[np.int64], ...]:
    """For every two subwords of a pair of sentences, each once: source, target, and the number of that target in that
    sentence, (L,) each; and for each target subword how many sentences have it."""
    seen = np.zeros(tokenizers.target.size, np.int64)
    sources, targets, places = [], [], []
    mean = 1 + int((split.source_lengths.astype(np.int64) * split.target_lengths).mean()) if len(split) else 1
    count = min(len(split), max(1, LINKS // mean))
    number = links = 0
    for row in np.linspace(0, len(split) - 1, count, dtype=np.int64).tolist():
        source, target = np.unique(split.source_ids(row)), np.unique(split.target_ids(row))
        links += len(source) * len(target)
        if links > LINKS and number:
            break
        seen[target] += 1
        sources.append(np.repeat(source, len(target)))
        targets.append(np.tile(target, len(source)))
        places.append(np.tile(np.arange(number, number + len(target)), len(source)))
        number += len(target)
    empty = np.empty(0, np.int64)
    return (*(np.concatenate([empty, *parts]).astype(np.int64) for parts in (sources, targets, places)), seen)
