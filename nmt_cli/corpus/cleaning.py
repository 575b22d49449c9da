"""The first pass: read a split once, note what is wrong with each pair, and keep the text on disk.

In memory a pair takes 18 bytes: two 8-byte hashes, of the pair and of its source, and 2 bytes of findings.
Comparing hashes takes about 16 bytes a pair more for a moment. Two different pairs have the same hash with a
probability of n^2 / 2^65, one in thirty million for a million pairs.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmt_cli.config import PreprocessConfig, Suspect
from nmt_cli.corpus.normalization import Form, normalize
from nmt_cli.corpus.readers import ParallelText, read_pairs
from nmt_cli.corpus.scratch_file import Pair, ScratchFile, in_chunks
from nmt_cli.corpus.tabular import Fields
from nmt_cli.corpus.text_io import SEPARATORS
from nmt_cli.corpus.writing_systems import Script
from nmt_cli.errors import CorpusError
from nmt_cli.progress import ProgressLog, Say

(
    BLANK,
    CONTROL,
    COPY,
    OVERLAP,
    DUPLICATE,
    SCRIPT,
    LONG,
    RATIO,
    SHORT_COPY,
    SEPARATOR,
    DAMAGED,
    KNOWN_SOURCE,
    HELD_OUT,
) = (1 << bit for bit in range(13))

COPIED_WORDS = 3
"""A name or a number of up to this many words may well be its own translation."""


@dataclass(frozen=True)
class Check:
    """A kind of finding: its bit, its name in tables and reports, and what it means."""

    bit: int
    name: str
    meaning: str


CHECKS = (
    Check(BLANK, "blank side", "source or target is empty or white space"),
    Check(CONTROL, "control characters", "NUL and other control characters"),
    Check(COPY, "copies", f"the target is the source, more than {COPIED_WORDS} words long"),
    Check(
        OVERLAP,
        "overlap",
        "the same pair (or a held-out source) stands in dev or test; in dev: the pair stands in test",
    ),
    Check(DUPLICATE, "duplicates", "the same pair stands earlier in the split"),
    Check(SCRIPT, "wrong script", "fewer than half of the letters are in the script of the language"),
    Check(LONG, "too long", "a side has more subwords than max_length"),
    Check(RATIO, "length ratio", "a side has more than max_ratio times the subwords of the other"),
    Check(SHORT_COPY, "short copies", f"the target is the source, up to {COPIED_WORDS} words long"),
    Check(SEPARATOR, "line separators", "a character that some programs take for a line end (U+2028, CR, form feed)"),
    Check(DAMAGED, "damaged text", "U+FFFD, left where an earlier conversion failed"),
    Check(KNOWN_SOURCE, "source in train", "the source of this dev or test pair also stands in what is kept of train"),
)
"""In the order in which a pair that has several is counted as dropped."""

SUSPECTS: dict[Suspect, int] = {
    "duplicates": DUPLICATE,
    "copies": COPY,
    "overlap": OVERLAP,
    "control": CONTROL,
    "wrong-script": SCRIPT,
}
"""What `--keep` keeps."""

_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")


def dropped_bits(config: PreprocessConfig) -> int:
    """The findings for which a training pair is left out."""
    return BLANK | LONG | RATIO | sum(bit for name, bit in SUSPECTS.items() if name not in config.keep)


def check_pair(source: str, target: str, scripts: tuple[Script, Script]) -> int:
    """The findings that a pair shows by itself, before it is normalised."""
    if not source or not target or source.isspace() or target.isspace():
        return BLANK
    found = 0
    if source == target:
        found |= COPY if len(source.split()) > COPIED_WORDS else SHORT_COPY
    if not (source.isprintable() and target.isprintable()):  # else there is nothing to search for
        pair = f"{source}\n{target}"
        if _CONTROL.search(pair):
            found |= CONTROL
        if SEPARATORS.search(pair):
            found |= SEPARATOR
    if "\ufffd" in source or "\ufffd" in target:
        found |= DAMAGED
    if scripts[0].is_wrong(source) or scripts[1].is_wrong(target):
        found |= SCRIPT
    return found


Hashes = npt.NDArray[np.int64]
Findings = npt.NDArray[np.uint16]
Rows = npt.NDArray[np.bool_]


@dataclass
class Examined:
    """The text of a split: where it lies, what was found, and the hashes that tell equal pairs."""

    texts: list[ParallelText]
    firsts: list[int]
    """First row of each of `texts`."""
    scratch: ScratchFile
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
    progress = ProgressLog(reading.say)
    with ScratchFile(path) as scratch:
        for text in texts:
            reading.say(f"reading {name}: {text.name}")
            firsts.append(scratch.rows)
            for chunk in in_chunks(read_pairs(text, reading.fields)):
                scratch.append(chunk)
                findings.append(np.array([check_pair(s, t, scripts) for s, t in chunk], np.uint16))
                ready = [(normalize(s, reading.unicode), normalize(t, reading.unicode)) for s, t in chunk]
                pairs.append(_hashes(ready))
                sources.append(np.array([hash(s) for s, _ in ready], np.int64))
                progress(lambda: f"  {scratch.rows:,} pairs of {name} read")
                characters += sum(len(s) + len(t) for s, t in ready)
            if scratch.rows == firsts[-1]:
                what = (
                    "is empty" if text.format != "tmx" else f"holds no pair of {' and '.join(reading.fields.languages)}"
                )
                raise CorpusError(f"{text.name}: {what}")
    noted = np.concatenate(findings), np.concatenate(pairs), np.concatenate(sources)
    return Examined(texts, firsts, scratch, *noted, characters)


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
