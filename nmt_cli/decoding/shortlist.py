"""Lexical shortlist: a vocabulary of the likely translations of a batch's source subwords and the most frequent ones.

Most of the time of a search step is spent on the whole vocabulary, although a sentence needs few of its subwords.
Subwords that are not on the shortlist cannot be generated, and probabilities are normalised over those that are, so
search uses none by default. The sentences of a batch share one shortlist, so the translation of one may depend on the
others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from nmt_cli.checkpoint.layout import model_folder
from nmt_cli.checkpoint.model_dir import LoadedModel
from nmt_cli.corpus.lexicon import Table, read_lexicon
from nmt_cli.decoding.hypothesis import Hypothesis
from nmt_cli.special_tokens import EOS, PAD

Ids = Sequence[int]


@dataclass(frozen=True)
class Candidates:
    """The target subwords that a batch can use: `ids` (v,) in ascending order, so that PAD to EOS keep their ids."""

    ids: npt.NDArray[np.int64]

    def to_indices(self, tokens: Ids) -> list[int]:
        """Replace subword ids, all of them candidates, by their indices among the candidates."""
        indices: list[int] = np.searchsorted(self.ids, np.array(tokens, np.int64)).tolist()
        return indices

    def to_ids(self, hypothesis: Hypothesis) -> Hypothesis:
        """Replace the tokens of a hypothesis, indices among the candidates, by subword ids."""
        return replace(hypothesis, tokens=self.ids[np.array(hypothesis.tokens, np.int64)].tolist())


@dataclass(frozen=True)
class Shortlist:
    """A lexicon limited to the `count` most probable translations of each source subword."""

    table: Table
    count: int
    joint: bool

    @classmethod
    def read(cls, loaded: LoadedModel, count: int) -> "Shortlist":
        """Read the lexicon of a model folder. Raises CheckpointError if there is none."""
        folder = model_folder(loaded.path, loaded.manifest)
        return cls(read_lexicon(folder, loaded.tokenizers), count, loaded.tokenizers.joint)

    def candidates(self, sources: Iterable[Ids], prefixes: Iterable[Ids]) -> Candidates:
        """The candidates for a batch of source sentences and the prefixes of their translations."""
        source_ids = np.unique(np.fromiter((i for ids in sources for i in ids), np.int64))
        # The row of PAD holds the most frequent target subwords.
        target_ids = [np.arange(EOS + 1), self.table[PAD], self.table[source_ids, : self.count].ravel()]
        if self.joint:  # names and numbers are copied
            target_ids.append(source_ids)
        target_ids += [np.array(prefix, np.int64) for prefix in prefixes]
        return Candidates(np.unique(np.concatenate(target_ids)).astype(np.int64))
