"""The first pass: read a split once, note what is wrong with each pair, and keep the text on disk.

In memory a pair takes 18 bytes: two 8-byte hashes, of the pair and of its source, and 2 bytes of findings.
Comparing hashes takes about 16 bytes a pair more for a moment. Two different pairs have the same hash with a
probability of n^2 / 2^65, one in thirty million for a million pairs.
"""

from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmt_cli.corpus.checks import DUPLICATE, KNOWN_SOURCE, OVERLAP, check_pair
from nmt_cli.corpus.formats import ParallelText, read_pairs
from nmt_cli.corpus.normalise import Form, normalise
from nmt_cli.corpus.progress import Progress, Say
from nmt_cli.corpus.scripts import Script
from nmt_cli.corpus.spool import Pair, Spool, in_chunks
from nmt_cli.corpus.tables import Fields
from nmt_cli.errors import CorpusError

Hashes = npt.NDArray[np.int64]
Findings = npt.NDArray[np.uint16]
Rows = npt.NDArray[np.bool_]


@dataclass
class Examined:
    """The text of a split: where it lies, what was found, and the hashes that tell equal pairs."""

    texts: list[ParallelText]
    firsts: list[int]
    """First row of each of `texts`."""
    spool: Spool
    findings: Findings
    pairs: Hashes
    sources: Hashes
    characters: int

    def __len__(self) -> int:
        return len(self.findings)

    def place(self, row: int) -> tuple[str, int]:
        """The (source) file and the line of a row, from 1: in TMX the number of the pair, in CSV the line if no cell
        above holds several."""
        which = bisect_right(self.firsts, row) - 1
        file = self.texts[which].files[0]
        return file.name, file.header + row - self.firsts[which] + 1


@dataclass(frozen=True)
class Reading:
    """How text is read and looked at."""

    fields: Fields
    unicode: Form
    say: Say


def examine(name: str, texts: list[ParallelText], reading: Reading, path: Path) -> Examined:
    """Read the texts of a split into a spool at `path` and check every pair by itself.

    Raises CorpusError if a text cannot be read or holds no pair.
    """
    scripts = (Script(reading.fields.languages[0]), Script(reading.fields.languages[1]))
    findings: list[Findings] = []
    pairs: list[Hashes] = []
    sources: list[Hashes] = []
    firsts: list[int] = []
    characters = 0
    progress = Progress(reading.say)
    with Spool(path) as spool:
        for text in texts:
            reading.say(f"reading {name}: {text.name}")
            firsts.append(spool.rows)
            for chunk in in_chunks(read_pairs(text, reading.fields)):
                spool.append(chunk)
                findings.append(np.array([check_pair(s, t, scripts) for s, t in chunk], np.uint16))
                ready = [(normalise(s, reading.unicode), normalise(t, reading.unicode)) for s, t in chunk]
                pairs.append(_hashes(ready))
                sources.append(np.array([hash(s) for s, _ in ready], np.int64))
                progress(lambda: f"  {spool.rows:,} pairs of {name} read")
                characters += sum(len(s) + len(t) for s, t in ready)
            if spool.rows == firsts[-1]:
                what = (
                    "is empty" if text.format != "tmx" else f"holds no pair of {' and '.join(reading.fields.languages)}"
                )
                raise CorpusError(f"{text.name}: {what}")
    noted = np.concatenate(findings), np.concatenate(pairs), np.concatenate(sources)
    return Examined(texts, firsts, spool, *noted, characters)


def _hashes(pairs: list[Pair]) -> Hashes:
    return np.array([hash(pair) for pair in pairs], np.int64)


def mark_duplicates(text: Examined) -> None:
    """Note every pair that stands earlier in the same split."""
    order = np.argsort(text.pairs, kind="stable")
    ranked = text.pairs[order]
    text.findings[order[1:][ranked[1:] == ranked[:-1]]] |= DUPLICATE


def mark_overlap(splits: dict[str, Examined]) -> None:
    """Note the pairs of train that stand in dev or test, and those of dev that stand in test."""
    judged = [splits[name] for name in ("dev", "test") if name in splits]
    for text in judged:
        splits["train"].findings[np.isin(splits["train"].pairs, text.pairs)] |= OVERLAP
    if len(judged) == 2:
        judged[0].findings[np.isin(judged[0].pairs, judged[1].pairs)] |= OVERLAP


def mark_known_sources(text: Examined, train: Examined, kept: Rows) -> None:
    """Note the pairs of dev or test whose source stands among the rows of train that are kept."""
    text.findings[np.isin(text.sources, train.sources[kept])] |= KNOWN_SOURCE
