"""Fewer target subwords to choose from: those that the source subwords of a batch may become, and the most frequent.

Most of a step of search is spent on the whole vocabulary, of which a sentence needs little. What a lexicon does not
foresee cannot be said, and probabilities are those among what is left; so it is an option. As the sentences of a batch
share one list, what one of them can say may depend on the others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from nmt_cli.checkpoint.model_dir import LoadedModel
from nmt_cli.corpus.lexicon import Table, read_lexicon
from nmt_cli.decoding.hypothesis import Hypothesis
from nmt_cli.special_tokens import EOS, PAD

Ids = Sequence[int]


@dataclass(frozen=True)
class Candidates:
    """What a batch can be translated with: subwords (v,) in ascending order, so that PAD to EOS keep their numbers."""

    ids: npt.NDArray[np.int64]

    def numbers(self, tokens: Ids) -> list[int]:
        """Subwords, all of them candidates, as numbers among the candidates."""
        found: list[int] = np.searchsorted(self.ids, np.array(tokens, np.int64)).tolist()
        return found

    def name(self, found: Hypothesis) -> Hypothesis:
        """A hypothesis of numbers among the candidates as one of subwords."""
        return replace(found, tokens=self.ids[np.array(found.tokens, np.int64)].tolist())


@dataclass(frozen=True)
class Shortlist:
    """A lexicon cut to the `count` most probable translations of every subword."""

    table: Table
    count: int
    joint: bool

    @classmethod
    def read(cls, loaded: LoadedModel, count: int) -> "Shortlist":
        """That of a model folder. Raises CorpusError if it has none."""
        return cls(read_lexicon(loaded.path, loaded.tokenizers), count, loaded.tokenizers.joint)

    def candidates(self, sources: Iterable[Ids], prefixes: Iterable[Ids]) -> Candidates:
        """For source sentences, and beginnings that their translations must have."""
        read = np.unique(np.fromiter((i for ids in sources for i in ids), np.int64))
        wanted = [np.arange(EOS + 1), self.table[PAD], self.table[read, : self.count].ravel()]
        if self.joint:  # names and numbers stay what they are
            wanted.append(read)
        wanted += [np.array(prefix, np.int64) for prefix in prefixes]
        return Candidates(np.unique(np.concatenate(wanted)).astype(np.int64))
