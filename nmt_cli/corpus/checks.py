"""What may be wrong with a pair, as bits, and what each of them means."""

import re
from dataclasses import dataclass

from nmt_cli.config import PreprocessConfig
from nmt_cli.corpus.lines import SEPARATORS
from nmt_cli.corpus.scripts import Script

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

_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")


def dropped_bits(config: PreprocessConfig) -> int:
    """The findings for which a training pair is left out."""
    chosen = [
        (DUPLICATE, config.drop_duplicates),
        (COPY, config.drop_copies),
        (OVERLAP, config.drop_overlap),
        (SCRIPT, config.drop_wrong_script),
        (CONTROL, config.drop_control),
    ]
    return BLANK | LONG | RATIO | sum(bit for bit, drop in chosen if drop)


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
