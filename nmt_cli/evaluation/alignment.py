"""Gold word alignments in Pharaoh files, and the alignment error rate (Och and Ney 2003)."""

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
    """The links of a sentence pair, source word to target word, both from 0; sure links are also possible links."""

    sure: frozenset[Link]
    possible: frozenset[Link]


@dataclass(frozen=True)
class ErrorRate:
    """Alignment error rate, precision and recall, each from 0 to 1."""

    aer: float
    precision: float
    recall: float
    sentences: int


def parse_links(text: str, where: str = "alignment") -> Alignment:
    """Parse the links of a line: `i-j` sure, `ipj` possible. Raises CorpusError naming `where` and the link."""
    sure, possible = set(), set()
    for word in text.split():
        match = _LINK.fullmatch(word)
        if not match:
            raise CorpusError(f"{where}: {word!r} is not a link; write 3-4 (sure) or 3p4 (possible), counted from 0")
        link = (int(match[1]), int(match[3]))
        possible.add(link)
        if match[2] == "-":
            sure.add(link)
    return Alignment(frozenset(sure), frozenset(possible))


def read_links(path: Path) -> list[Alignment]:
    """Read the alignments of a file, one sentence per line. Raises CorpusError naming file, line and link."""
    lines = read_lines(TextFile(path))
    return [parse_links(line, f"{path}:{number}") for number, line in enumerate(lines, start=1)]


def alignment_error_rate(predicted: Sequence[AbstractSet[Link]], gold: Sequence[Alignment]) -> ErrorRate:
    """Alignment error rate of predicted links A against sure links S and possible links P, over all sentences together.

    AER = 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|), precision |A ∩ P| / |A|, recall |A ∩ S| / |S| (Och and Ney 2003,
    section 4). Where the denominator is 0, the error is 0, precision and recall are 1.

    Raises:
        CorpusError: the predicted and the gold alignments have different numbers of sentences.
    """
    if len(predicted) != len(gold):
        raise CorpusError(
            f"{len(predicted)} alignments, but {len(gold)} gold ones; both must have the same number of lines"
        )
    links = sum(map(len, predicted))
    sure = sum(len(sentence.sure) for sentence in gold)
    in_sure = sum(len(a & sentence.sure) for a, sentence in zip(predicted, gold, strict=True))
    in_possible = sum(len(a & sentence.possible) for a, sentence in zip(predicted, gold, strict=True))
    return ErrorRate(
        aer=1 - _share(in_sure + in_possible, links + sure),
        precision=_share(in_possible, links),
        recall=_share(in_sure, sure),
        sentences=len(gold),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
