"""First pass of preprocess: read each split once, check every pair, and store the text in a scratch file on disk.

A pair takes 18 bytes of memory: two 8-byte hashes, of the pair and of its source, and 2 bytes of findings; 4 more if
there are scores. Comparing hashes takes about 16 more bytes per pair temporarily. The probability that any two of n
different pairs have the same hash is n^2 / 2^65, one in 37 million for a million pairs.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmt_cli.config import KeepOption, PreprocessConfig
from nmt_cli.corpus.columns import shorten
from nmt_cli.corpus.normalization import Form, is_blank, normalize
from nmt_cli.corpus.plausibility import Plausibility
from nmt_cli.corpus.readers import ParallelText, read_pairs
from nmt_cli.corpus.scratch_file import Pair, ScratchFile, in_chunks
from nmt_cli.corpus.tabular import Fields
from nmt_cli.corpus.text_io import SEPARATORS
from nmt_cli.corpus.writing_systems import Script
from nmt_cli.errors import CorpusError
from nmt_cli.progress import Progress

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
    LOW_SCORE,
) = (1 << bit for bit in range(14))

COPIED_WORDS = 3
"""A segment of up to this many words, such as a name or a number, may be its own translation."""


@dataclass(frozen=True)
class Check:
    """A kind of finding: its bit, its name in tables and reports, and its meaning."""

    bit: int
    name: str
    meaning: str


CHECKS = (
    Check(BLANK, "blank side", "source or target is empty, or only white space and invisible characters"),
    Check(CONTROL, "control characters", "NUL and other control characters"),
    Check(COPY, "copies", f"source and target are equal and have more than {COPIED_WORDS} words"),
    Check(
        OVERLAP,
        "overlap",
        "the same pair (or a held-out source) occurs in dev or test; in dev: the same pair occurs in test",
    ),
    Check(DUPLICATE, "duplicates", "the same pair occurs earlier in the split"),
    Check(SCRIPT, "wrong script", "fewer than half of the letters are in the script of the language"),
    Check(LOW_SCORE, "low score", "the score of the pair is among the lowest of its text (keep_best)"),
    Check(LONG, "too long", "one side has more than max_length subwords"),
    Check(RATIO, "length ratio", "one side has more than max_ratio times as many subwords as the other"),
    Check(SHORT_COPY, "short copies", f"source and target are equal and have up to {COPIED_WORDS} words"),
    Check(SEPARATOR, "line separators", "a character that some programs treat as a line end (U+2028, CR, form feed)"),
    Check(DAMAGED, "damaged text", "U+FFFD, the trace of an earlier conversion error"),
    Check(KNOWN_SOURCE, "source in train", "the source of this dev or test pair also occurs in a kept training pair"),
)
"""A dropped pair with several findings is counted under the first one in this order."""

SUSPECTS: dict[KeepOption, int] = {
    "duplicates": DUPLICATE,
    "copies": COPY,
    "overlap": OVERLAP,
    "control": CONTROL,
    "wrong-script": SCRIPT,
}
"""Values of `--keep` and the findings that they keep."""

_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")


def dropped_bits(config: PreprocessConfig) -> int:
    """The findings for which a training pair is dropped."""
    return BLANK | LONG | RATIO | LOW_SCORE | sum(bit for name, bit in SUSPECTS.items() if name not in config.keep)


def check_pair(source: str, target: str, scripts: tuple[Script, Script]) -> int:
    """The findings of a single pair, before normalisation."""
    if is_blank(source) or is_blank(target):
        return BLANK
    findings = 0
    if source == target:
        findings |= COPY if len(source.split()) > COPIED_WORDS else SHORT_COPY
    if not (source.isprintable() and target.isprintable()):  # printable text needs no search
        pair = f"{source}\n{target}"
        if _CONTROL.search(pair):
            findings |= CONTROL
        if SEPARATORS.search(pair):
            findings |= SEPARATOR
    if "\ufffd" in source or "\ufffd" in target:
        findings |= DAMAGED
    if scripts[0].is_wrong(source) or scripts[1].is_wrong(target):
        findings |= SCRIPT
    return findings


Hashes = npt.NDArray[np.int64]
Findings = npt.NDArray[np.uint16]
Rows = npt.NDArray[np.bool_]


@dataclass
class CheckedText:
    """The text of a split: files, scratch file, and the findings, pair hash and source hash of each row."""

    texts: list[ParallelText]
    firsts: list[int]
    """First row of each text in `texts`."""
    scratch: ScratchFile
    findings: Findings
    pairs: Hashes
    sources: Hashes
    characters: int
    scores: npt.NDArray[np.float32] | None = None
    """The score of each row, nan where there is none; None if no text has scores."""

    def __len__(self) -> int:
        return len(self.findings)

    def place(self, row: int) -> tuple[str, int]:
        """The source file of a row and its line number, from 1. For TMX it is the number of the pair; for CSV it is the
        line only if no earlier cell spans several lines."""
        index = bisect_right(self.firsts, row) - 1
        file = self.texts[index].files[0]
        pair = row - self.firsts[index]
        return file.name, file.header + pair + bisect_right(file.gaps, pair) + 1


@dataclass(frozen=True)
class ReadOptions:
    """How text is read and checked."""

    fields: Fields
    unicode: Form
    progress: Progress


def check_split(name: str, texts: list[ParallelText], reading: ReadOptions, path: Path) -> CheckedText:
    """Read the texts of a split into a scratch file at `path` and check every pair.

    Raises CorpusError if a text cannot be read or contains no pair.
    """
    languages = reading.fields.languages
    scripts = (Script(languages[0]), Script(languages[1]))
    findings: list[Findings] = []
    pairs: list[Hashes] = []
    sources: list[Hashes] = []
    firsts: list[int] = []
    characters = 0
    with ScratchFile(path) as scratch:
        for text in texts:
            firsts.append(scratch.rows)
            plausibility = Plausibility(languages)
            with reading.progress.step(f"reading {name}: {text.name}", unit="pairs") as step:
                for chunk in in_chunks(read_pairs(text, reading.fields)):
                    if text.files[0].chosen and scratch.rows == firsts[-1]:
                        reading.progress.message(_describe_columns(text, languages, chunk))
                    plausibility.sample(chunk)
                    scratch.append(chunk)
                    findings.append(np.array([check_pair(s, t, scripts) for s, t in chunk], np.uint16))
                    normalized = [(normalize(s, reading.unicode), normalize(t, reading.unicode)) for s, t in chunk]
                    pairs.append(_hashes(normalized))
                    sources.append(np.array([hash(s) for s, _ in normalized], np.int64))
                    characters += sum(len(s) + len(t) for s, t in normalized)
                    step.advance(len(chunk))
            if scratch.rows == firsts[-1]:
                reason = "is empty" if text.format != "tmx" else f"contains no pair of {' and '.join(languages)}"
                raise CorpusError(f"{text.name}: {reason}")
            plausibility.check(f"{text.name} ({name})")
    arrays = np.concatenate(findings), np.concatenate(pairs), np.concatenate(sources)
    return CheckedText(texts, firsts, scratch, *arrays, characters)


def _describe_columns(text: ParallelText, languages: tuple[str, str], pairs: list[Pair]) -> str:
    """Which columns or keys are read, with the first pair in which no side is blank."""
    pair = next((pair for pair in pairs if not (is_blank(pair[0]) or is_blank(pair[1]))), pairs[0])
    example = " | ".join(f"{code}: {shorten(side)}" for code, side in zip(languages, pair, strict=True))
    return f"{text.name}: {text.files[0].chosen}, such as {example}"


def _hashes(pairs: list[Pair]) -> Hashes:
    return np.array([hash(pair) for pair in pairs], np.int64)


def mark_duplicates(text: CheckedText) -> None:
    """Mark every pair that occurs earlier in the same split."""
    order = np.argsort(text.pairs, kind="stable")
    ranked = text.pairs[order]
    text.findings[order[1:][ranked[1:] == ranked[:-1]]] |= DUPLICATE


def mark_overlap(splits: dict[str, CheckedText]) -> None:
    """Mark the pairs of train that occur in dev or test, and those of dev that occur in test."""
    evaluation = [splits[name] for name in ("dev", "test") if name in splits]
    for text in evaluation:
        splits["train"].findings[np.isin(splits["train"].pairs, text.pairs)] |= OVERLAP
    if len(evaluation) == 2:
        dev, test = evaluation
        dev.findings[np.isin(dev.pairs, test.pairs)] |= OVERLAP


def mark_known_sources(text: CheckedText, train: CheckedText, rows: Rows) -> None:
    """Mark the pairs of dev or test whose source also occurs in the kept rows of train."""
    text.findings[np.isin(text.sources, train.sources[rows])] |= KNOWN_SOURCE
