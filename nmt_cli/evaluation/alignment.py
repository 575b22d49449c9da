"""Word alignments against gold ones: Pharaoh files and the alignment error rate (Och and Ney 2003)."""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from nmt_cli.corpus.text_io import TextFile, read_lines
from nmt_cli.decoding.alignment import Link
from nmt_cli.errors import CorpusError

_LINK = re.compile(r"([0-9]+)([-p])([0-9]+)")


@dataclass(frozen=True)
class Alignment:
    """The links of a sentence pair, source word to target word, both from 0; sure links count as possible too."""

    sure: frozenset[Link]
    possible: frozenset[Link]


@dataclass(frozen=True)
class ErrorRate:
    """Alignment error rate with the precision and recall behind it, each from 0 to 1."""

    aer: float
    precision: float
    recall: float
    sentences: int


def parse_links(text: str, where: str = "alignment") -> Alignment:
    """The links of a line: `i-j` sure, `ipj` possible. Raises CorpusError naming `where` and the link."""
    sure, possible = set(), set()
    for word in text.split():
        found = _LINK.fullmatch(word)
        if not found:
            raise CorpusError(f"{where}: {word!r} is no link; write 3-4 (sure) or 3p4 (possible), counted from 0")
        link = (int(found[1]), int(found[3]))
        possible.add(link)
        if found[2] == "-":
            sure.add(link)
    return Alignment(frozenset(sure), frozenset(possible))


def read_links(path: Path) -> list[Alignment]:
    """The alignments of a file, a line a sentence. Raises CorpusError naming file, line and link."""
    lines = read_lines(TextFile(path))
    return [parse_links(line, f"{path}:{number}") for number, line in enumerate(lines, start=1)]


def alignment_error_rate(found: Sequence[AbstractSet[Link]], gold: Sequence[Alignment]) -> ErrorRate:
    """How far found links A are from sure links S and possible links P, over all sentences together.

    AER = 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|), precision |A ∩ P| / |A|, recall |A ∩ S| / |S| (Och and Ney 2003,
    section 4). A rate over nothing is perfect: 0 error, precision and recall 1.

    Raises:
        CorpusError: not as many sentences found as there are in the gold alignment.
    """
    if len(found) != len(gold):
        raise CorpusError(f"{len(found)} alignments, but {len(gold)} gold ones; both must have the same lines")
    links = sum(map(len, found))
    sure = sum(len(sentence.sure) for sentence in gold)
    in_sure = sum(len(a & sentence.sure) for a, sentence in zip(found, gold, strict=True))
    in_possible = sum(len(a & sentence.possible) for a, sentence in zip(found, gold, strict=True))
    return ErrorRate(
        aer=1 - _share(in_sure + in_possible, links + sure),
        precision=_share(in_possible, links),
        recall=_share(in_sure, sure),
        sentences=len(gold),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
