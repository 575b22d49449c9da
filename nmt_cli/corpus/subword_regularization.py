"""Reproducible subword regularisation: unigram sampling and BPE-dropout, word by word.

SentencePiece can sample too, but its random generator starts differently in every process, so a training run could not
be reproduced or resumed. Words are segmented independently of each other.
"""

import math
import random
import re
from bisect import bisect
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate
from typing import Any

from nmt_cli.corpus.normalization import SPACE

CACHED_WORDS = 1 << 15
"""Words in each cache (about 2 kB per word)."""

_WORD = re.compile(f"{SPACE}[^{SPACE}]*|[^{SPACE}]+")
_RARE = 10.0
"""Difference in log probability between the rarest piece and a character without a piece, as in SentencePiece."""

Ids = list[int]

Edge = tuple[int, Ids]
"""A piece of a word in the lattice: its start position and its ids."""

Lattice = list[tuple[list[float], list[Edge]]]
"""For every end position in a word, the cumulative weights of the pieces that end there, and these pieces."""


class SubwordSampler:
    """Samples segmentations with the pieces of a SentencePiece model."""

    def __init__(self, processor: Any) -> None:
        size = processor.get_piece_size()
        special = (processor.is_control, processor.is_unknown, processor.is_byte)
        plain = [i for i in range(size) if not any(is_special(i) for is_special in special)]
        self._pieces: dict[str, tuple[int, float]] = {
            processor.id_to_piece(i): (i, processor.get_score(i)) for i in plain
        }
        self._longest = max(map(len, self._pieces), default=1)
        scores = [score for _, score in self._pieces.values()]
        self._rare = min(scores, default=0.0) - _RARE
        self._is_bpe = all(score == int(score) for score in scores)  # ranks of merges, not log-probabilities
        self._processor = processor
        self._lattice = lru_cache(CACHED_WORDS)(self._build_lattice)
        self._encode = lru_cache(CACHED_WORDS)(self._encode_word)

    def sample(self, text: str, strength: float, rng: random.Random) -> Ids:
        """A random segmentation of a normalised text; `strength` nearer to 1 deviates more from the usual one."""
        draw = self._draw_bpe if self._is_bpe else self._draw_unigram
        return [i for word in _WORD.findall(self._processor.normalize(text)) for i in draw(word, strength, rng)]

    def _draw_unigram(self, word: str, strength: float, rng: random.Random) -> Ids:
        """Sample from p(pieces) ~ product of p(piece)^a over all segmentations, a = (1 - strength) / strength (Kudo
        2018, section 3.2, with l = infinity)."""
        lattice = self._lattice(word, strength)
        end = len(word)
        parts = []
        while end:
            cumulative, edges = lattice[end]
            end, ids = edges[bisect(cumulative, rng.random() * cumulative[-1])]
            parts.append(ids)
        return [i for ids in reversed(parts) for i in ids]

    def _build_lattice(self, word: str, strength: float) -> Lattice:
        """Forward filtering: the pieces that end at each position, weighted by all segmentations up to there."""
        exponent = (1 - strength) / strength
        lattice: Lattice = [([], [])]
        reached = [0.0]  # log of the summed weight of all segmentations up to a position
        for end in range(1, len(word) + 1):
            edges: list[Edge] = []
            weights = []
            for start in range(max(0, end - self._longest), end):
                entry = self._pieces.get(word[start:end])
                if entry is None and start < end - 1:
                    continue
                piece_id, score = entry or (None, self._rare)
                edges.append((start, self._spell(word[start:end]) if piece_id is None else [piece_id]))
                weights.append(reached[start] + exponent * score)
            top = max(weights)
            cumulative = list(accumulate(math.exp(weight - top) for weight in weights))
            reached.append(top + math.log(cumulative[-1]))
            lattice.append((cumulative, edges))
        return lattice

    def _draw_bpe(self, word: str, strength: float, rng: random.Random) -> Ids:
        """Drop each merge with probability `strength` at every step (Provilkov et al. 2020, algorithm 1).

        With probability (1 - strength)^merges the best merge is kept at every step, which gives the usual, cached
        segmentation.
        """
        ids, merges = self._encode(word)
        unchanged = (1 - strength) ** merges
        draw = rng.random()
        if draw < unchanged:
            return ids
        first_dropped = int(math.log(1 - (draw - unchanged)) / math.log(1 - strength))
        step = 0

        def keeps() -> bool:
            nonlocal step
            step += 1
            return step <= first_dropped or (step > first_dropped + 1 and rng.random() >= strength)

        return self._spell_all(self._merge(word, keeps))

    def _encode_word(self, word: str) -> tuple[Ids, int]:
        symbols = self._merge(word, lambda: True)
        return self._spell_all(symbols), len(word) - len(symbols)

    def _merge(self, word: str, keeps: Callable[[], bool]) -> list[str]:
        """Apply the best merge that `keeps()` keeps, again and again, until none is left."""
        symbols = list(word)
        while True:
            pairs = [
                (-self._pieces[pair][1], i)
                for i in range(len(symbols) - 1)
                if (pair := symbols[i] + symbols[i + 1]) in self._pieces
            ]
            index = next((i for _, i in sorted(pairs) if keeps()), None)
            if index is None:
                return symbols
            symbols[index : index + 2] = [symbols[index] + symbols[index + 1]]

    def _spell_all(self, symbols: list[str]) -> Ids:
        return [i for symbol in symbols for i in self._spell(symbol)]

    def _spell(self, symbol: str) -> Ids:
        """The ids of a symbol: its piece, or else its byte pieces (UNK for each byte if the model has none)."""
        entry = self._pieces.get(symbol)
        return [entry[0]] if entry else [self._processor.piece_to_id(f"<0x{byte:02X}>") for byte in symbol.encode()]
