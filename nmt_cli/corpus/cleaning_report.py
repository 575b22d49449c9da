"""The cleaning report: what was found in each split and what was dropped. Written to `report.json`."""

import json
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from nmt_cli.corpus.cleaning import CHECKS, HELD_OUT, LOW_SCORE, CheckedText, Hashes, Rows
from nmt_cli.corpus.corpus_encoder import EncodedSplit, SideCounts
from nmt_cli.corpus.score_filter import lowest_nan
from nmt_cli.corpus.splits import Selection

EXAMPLES = 3
"""Examples stored for each finding."""

NOTABLE_BYTES = 0.001
"""Fraction of single-byte subwords above which `notes` mentions them."""

WIDTH = 100
"""Maximum characters of an example segment."""


class Example(BaseModel):
    """An example of a finding; `number` is its line (see CheckedText.place)."""

    file: str
    number: int
    source: str
    target: str


class Finding(BaseModel):
    """The pairs of a split with one kind of finding."""

    check: str
    meaning: str
    found: int
    dropped: int
    """Pairs dropped for this reason; each is counted under the first reason that applies."""
    examples: list[Example]


class FileFacts(BaseModel):
    """What the reader counted in a file."""

    file: str
    lines: int
    byte_order_marks: int
    carriage_returns: int
    invalid_bytes: int
    joined_segments: int
    left_out: dict[str, int]
    first_left_out: dict[str, int]


class SideFacts(BaseModel):
    """Counts of one side of a split: words, subwords, and among these single bytes and unknown ones."""

    words: int
    subwords: int
    bytes: int
    unknown: int

    @property
    def per_word(self) -> float:
        """Subwords per space-separated word."""
        return self.subwords / max(1, self.words)


class SplitReport(BaseModel):
    """A split: pairs read, kept and held out, its files, both sides' counts, and the findings."""

    read: int
    kept: int
    held_out: int
    files: list[FileFacts]
    source: SideFacts
    target: SideFacts
    findings: list[Finding]

    def finding(self, check: str) -> Finding | None:
        """The finding of a check; None if it found nothing."""
        return next((finding for finding in self.findings if finding.check == check), None)


class CleaningReport(BaseModel):
    """`report.json`."""

    splits: dict[str, SplitReport]
    unchecked_scripts: list[str]
    """Languages whose script is unknown, so that lines in a wrong script are not detected."""

    def write(self, path: Path) -> None:
        """Write the report as indented JSON."""
        text = json.dumps(self.model_dump(), ensure_ascii=False, indent=2)
        path.write_text(text + "\n", encoding="utf-8")


def report_split(split: Selection, rows: Rows, dropped: int, written: EncodedSplit) -> SplitReport:
    """Report on the selected rows of a split; `dropped` are the findings for which rows were dropped."""
    text = split.text
    all_findings = text.findings | written.findings
    uncounted = np.where(rows, all_findings & dropped, 0)  # rows not yet counted as dropped
    findings = []
    for check in CHECKS:
        found = rows & ((all_findings & check.bit) != 0)
        if not found.any():
            continue
        newly_dropped = (uncounted & check.bit) != 0
        uncounted[newly_dropped] = 0
        findings.append(
            Finding(
                check=check.name,
                meaning=check.meaning,
                found=int(found.sum()),
                dropped=int(newly_dropped.sum()),
                examples=[_example(text, int(row)) for row in _chosen(text, found, check.bit)],
            )
        )
    held_out = int((rows & ((text.findings & HELD_OUT) != 0)).sum()) if dropped else 0
    return SplitReport(
        read=int(rows.sum()),
        kept=written.pairs,
        held_out=held_out,
        files=_files(text) if split.given else [],
        source=_side(written.source),
        target=_side(written.target),
        findings=findings,
    )


def _chosen(text: CheckedText, found: Rows, bit: int) -> Hashes:
    """The rows that are shown as examples: the lowest scores, otherwise the first ones."""
    rows = np.flatnonzero(found)
    if bit == LOW_SCORE and text.scores is not None:
        rows = rows[np.argsort(lowest_nan(text.scores[rows]), kind="stable")]
    return rows[:EXAMPLES]


def _example(text: CheckedText, row: int) -> Example:
    file, number = text.place(row)
    source, target = text.scratch.pair(row)
    return Example(file=file, number=number, source=_shorten(source), target=_shorten(target))


def _shorten(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def _files(text: CheckedText) -> list[FileFacts]:
    return [
        FileFacts(
            file=file.name,
            lines=file.lines,
            byte_order_marks=file.byte_order_marks,
            carriage_returns=file.carriage_returns,
            invalid_bytes=file.invalid_bytes,
            joined_segments=file.joined_lines,
            left_out=file.left_out,
            first_left_out=file.first_left_out,
        )
        for parallel in text.texts
        for file in parallel.files
    ]


def _side(counts: SideCounts) -> SideFacts:
    return SideFacts(words=counts.words, subwords=counts.subwords, bytes=counts.bytes, unknown=counts.unknown)


def notes(report: CleaningReport) -> list[str]:
    """Further notes for the user, one line each: what reading changed or skipped, and how well the subwords fit."""
    lines = []
    for split in report.splits.values():
        for file in split.files:
            lines += [f"{file.file}: {count:,} {what}" for what, count in _reader_counts(file) if count]
    for name, split in report.splits.items():
        for side, facts in (("source", split.source), ("target", split.target)):
            if facts.unknown:
                lines.append(f"warning: {name} {side}: {facts.unknown:,} subwords are unknown to the given tokenizer")
            if facts.bytes > NOTABLE_BYTES * facts.subwords:
                share = facts.bytes / facts.subwords
                lines.append(f"{name} {side}: {share:.1%} of the subwords are single bytes of rare characters")
    lines += [
        f"{code}: the script of this language is unknown, so wrong scripts were not checked"
        for code in report.unchecked_scripts
    ]
    return lines


def _reader_counts(file: FileFacts) -> list[tuple[str, int]]:
    return [
        ("byte order marks removed", file.byte_order_marks),
        ("carriage returns removed from line ends", file.carriage_returns),
        ("invalid bytes replaced by U+FFFD", file.invalid_bytes),
        ("line breaks inside segments replaced by spaces", file.joined_segments),
        *(
            (f"{reason}, skipped, the first at line {file.first_left_out[reason]}", count)
            for reason, count in file.left_out.items()
        ),
    ]
