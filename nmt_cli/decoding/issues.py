"""Issues of translated lines: counts for standard error, and the receipt's entry for each line with issues."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from nmt_cli.decoding.translation import Translation

MEANINGS = {
    "blank": "blank, left blank",
    "invalid_utf8": "with bytes that are not UTF-8, replaced by U+FFFD",
    "truecased": "in capitals or title case, translated from their usual case",
    "split": "longer than the model's limit, translated in segments",
    "cut": "whose translation reached the length limit and was cut there",
    "repetition": "whose translation repeats itself",
    "searched_again": "searched again: the translation repeated itself, was far too long or made more of a word",
    "length_ratio": "whose translation is unusually long or short",
    "empty": "whose translation is empty",
    "low_confidence": "of which the model is unsure",
    "uncalibrated": "that may be doubtful: the model's confidence is not calibrated",
    "fewer": "with fewer distinct translations than n_best",
    "carriage_return": "that ended in a carriage return, which was dropped",
    "byte_order_mark": "that began with a byte order mark, which was dropped",
}
"""Kind of issue -> its description, which follows "3 of 15 lines" in the summary."""


@dataclass
class IssueCounts:
    """The number of lines with each kind of issue, and the first such line."""

    lines: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)

    def add(self, translation: Translation) -> None:
        """Count a line."""
        self.lines += 1
        kinds: list[str] = [issue.kind for issue in translation.issues]
        line = translation.line
        if "blank" not in kinds and translation.candidates[0].poor_probability is None:
            kinds.append("uncalibrated")
        for kind in (*kinds, *(kind for kind in ("carriage_return", "byte_order_mark") if getattr(line, kind))):
            self.count(kind, 1, line.number)

    def merge(self, later: "IssueCounts") -> None:
        """Add the counts of lines that follow these."""
        self.lines += later.lines
        for kind, count in later.counts.items():
            self.count(kind, count, later.first[kind])

    def count(self, kind: str, lines: int, first: int) -> None:
        """Count lines with a kind of issue, of which `first` is the number of the first."""
        self.counts[kind] = self.counts.get(kind, 0) + lines
        self.first.setdefault(kind, first)

    def summary(self) -> Iterator[str]:
        """Yield a sentence for each kind of issue that occurred."""
        return (sentence for _, sentence in self.sentences())

    def sentences(self) -> Iterator[tuple[str, str]]:
        """Yield each kind of issue that occurred, and its sentence."""
        for kind, meaning in MEANINGS.items():
            if count := self.counts.get(kind):
                yield kind, f"{count:,} of {self.lines:,} lines {meaning} (the first is line {self.first[kind]:,})"


def receipt_entry(translation: Translation) -> str | None:
    """The receipt's JSON line for a line with issues; None if it has none."""
    if not translation.issues:
        return None
    entry = {
        "line": translation.line.number,
        "issues": [{"kind": issue.kind, **issue.details} for issue in translation.issues],
        "source": translation.line.text,
        "translation": translation.text,
    }
    return json_line(entry)


def json_line(content: object) -> str:
    """JSON on one line, with U+0085, U+2028 and U+2029 escaped, since some programs break lines there."""
    text = json.dumps(content, ensure_ascii=False)
    for separator in "\x85\u2028\u2029":
        text = text.replace(separator, f"\\u{ord(separator):04x}")
    return text
