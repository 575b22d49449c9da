"""What was found in the text and what became of it: `report.json` and the table that the user sees."""

import json
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from nmt_cli.corpus.cleaning import CHECKS, HELD_OUT, Examined, Rows
from nmt_cli.corpus.corpus_encoder import SideCounts, Written
from nmt_cli.corpus.splits import Selection

EXAMPLES = 3
"""Examples shown of each finding."""

NOTABLE_BYTES = 0.001
"""Share of single bytes among the subwords from which on the user hears of it."""

WIDTH = 100
"""Characters of an example that are shown."""


class Example(BaseModel):
    """A pair that shows a finding; `number` is its line (see Examined.place)."""

    file: str
    number: int
    source: str
    target: str


class Finding(BaseModel):
    """A kind of finding in a split."""

    check: str
    meaning: str
    found: int
    dropped: int
    """Pairs left out for this reason, each counted under the first reason that applies."""
    examples: list[Example]


class FileFacts(BaseModel):
    """What was met while reading a file."""

    file: str
    lines: int
    byte_order_marks: int
    carriage_returns: int
    invalid_bytes: int
    joined_segments: int
    left_out: dict[str, int]


class SideFacts(BaseModel):
    """One side of a split in subwords."""

    words: int
    subwords: int
    bytes: int
    unknown: int

    @property
    def per_word(self) -> float:
        """Subwords in a space-separated word."""
        return self.subwords / max(1, self.words)


class SplitReport(BaseModel):
    """A split: pairs read and kept, and everything that was found."""

    read: int
    kept: int
    held_out: int
    files: list[FileFacts]
    source: SideFacts
    target: SideFacts
    findings: list[Finding]

    def finding(self, check: str) -> Finding | None:
        """What was found by a check, if anything."""
        return next((finding for finding in self.findings if finding.check == check), None)


class CleaningReport(BaseModel):
    """`report.json`."""

    splits: dict[str, SplitReport]
    unchecked_scripts: list[str]
    """Languages whose script is not known, so that lines in a wrong one are not found."""

    def write(self, path: Path) -> None:
        """Write it as readable JSON."""
        text = json.dumps(self.model_dump(), ensure_ascii=False, indent=2)
        path.write_text(text + "\n", encoding="utf-8")


def report_split(split: Selection, rows: Rows, dropped: int, written: Written) -> SplitReport:
    """The report of the given rows of a split's text; `dropped` are the findings for which rows were left out."""
    text = split.text
    all_findings = text.findings | written.findings
    left = np.where(rows, all_findings & dropped, 0)
    findings = []
    for check in CHECKS:
        found = rows & ((all_findings & check.bit) != 0)
        if not found.any():
            continue
        reason = (left & check.bit) != 0
        left[reason] = 0
        findings.append(
            Finding(
                check=check.name,
                meaning=check.meaning,
                found=int(found.sum()),
                dropped=int(reason.sum()),
                examples=[_example(text, int(row)) for row in np.flatnonzero(found)[:EXAMPLES]],
            )
        )
    held_out = int((rows & ((text.findings & HELD_OUT) != 0)).sum()) if dropped else 0
    return SplitReport(
        read=int(rows.sum()),
        kept=written.pairs,
        held_out=held_out,
        files=_files(text) if split.own else [],
        source=_side(written.source),
        target=_side(written.target),
        findings=findings,
    )


def _example(text: Examined, row: int) -> Example:
    file, number = text.place(row)
    source, target = text.scratch.pair(row)
    return Example(file=file, number=number, source=_cut(source), target=_cut(target))


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def _files(text: Examined) -> list[FileFacts]:
    return [
        FileFacts(
            file=file.name,
            lines=file.lines,
            byte_order_marks=file.byte_order_marks,
            carriage_returns=file.carriage_returns,
            invalid_bytes=file.invalid_bytes,
            joined_segments=file.joined,
            left_out=file.left_out,
        )
        for parallel in text.texts
        for file in parallel.files
    ]


def _side(counts: SideCounts) -> SideFacts:
    return SideFacts(words=counts.words, subwords=counts.subwords, bytes=counts.bytes, unknown=counts.unknown)


def notes(report: CleaningReport) -> list[str]:
    """What else the user should know, a line each: what reading changed or left out, and how the subwords fit."""
    lines = []
    for split in report.splits.values():
        for file in split.files:
            lines += [f"{file.file}: {count:,} {what}" for what, count in _read_facts(file) if count]
    for name, split in report.splits.items():
        for side, facts in (("source", split.source), ("target", split.target)):
            if facts.unknown:
                lines.append(f"warning: {name} {side}: {facts.unknown:,} subwords are unknown to the tokenizer given")
            if facts.bytes > NOTABLE_BYTES * facts.subwords:
                share = facts.bytes / facts.subwords
                lines.append(f"{name} {side}: {share:.1%} of the subwords are single bytes of rare characters")
    lines += [
        f"{code}: its script is not known here, so wrong scripts were not looked for"
        for code in report.unchecked_scripts
    ]
    return lines


def _read_facts(file: FileFacts) -> list[tuple[str, int]]:
    return [
        ("byte order mark taken off", file.byte_order_marks),
        ("carriage returns taken off line ends", file.carriage_returns),
        ("invalid bytes replaced by U+FFFD", file.invalid_bytes),
        ("line breaks inside segments made spaces", file.joined_segments),
        *((f"{reason}, left out", count) for reason, count in file.left_out.items()),
    ]
