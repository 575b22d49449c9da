"""Files of gold word alignments in the forms that exist, read as links counted from 0.

Pharaoh   a line per sentence: 0-0 1-2, possible links as 1p2 (also counted from 1, as in TALP's files)
weighted  the same with a weight after each link: 0-0:0.9 (awesome-align, SimAlign)
NAACL     a line per link: sentence, source word, target word, and S or P; all counted from 1
"""

import re
from collections.abc import Sequence
from pathlib import Path

from nmt_cli.corpus.text_io import TextFile, read_lines
from nmt_cli.errors import CorpusError
from nmt_cli.evaluation.alignment import Alignment, parse_links

Sizes = Sequence[tuple[int, int]]
"""Words of source and target of each sentence."""

_NAACL = re.compile(r"0*([1-9][0-9]{0,8})\s+([0-9]{1,9})\s+([0-9]{1,9})(?:\s+([SP]))?(?:\s+[0-9.]+)?")
_WEIGHT = re.compile(r"(?<=[0-9]):[0-9.eE+-]+(?=\s|$)")
_EVIDENCE = 20
"""Sentences with links from which it is certain that some first word would be linked."""
_FORMS = "links are 0-0 1p2 (counted from 0), or NAACL's lines of sentence, source word, target word, S or P"


def read_gold(path: Path, sizes: Sizes) -> tuple[list[Alignment], str | None]:
    """The alignment of each sentence, and a note if the file is in another form than Pharaoh's, counted from 0.

    Raises CorpusError naming file and line if it does not fit the sentences, or if its form is not certain.
    """
    lines = list(read_lines(TextFile(path)))
    filled = [line for line in lines if line.strip()]
    if filled and all(_NAACL.fullmatch(line.strip()) for line in filled):
        return _read_naacl(path, lines, sizes), f"{path}: in NAACL's form, counted from 1"
    if len(lines) != len(sizes):
        raise CorpusError(
            f"{path} has {len(lines)} lines, but there are {len(sizes)} sentences; both must have the same number; "
            f"{_FORMS}"
        )
    weighted = any(_WEIGHT.search(line) for line in lines)
    gold = [parse_links(_WEIGHT.sub("", line), f"{path}:{n}") for n, line in enumerate(lines, 1)]
    notes = ["weights of links are ignored"] if weighted else []
    if _counts_from_one(path, gold, sizes):
        gold = [_shift(sentence) for sentence in gold]
        notes.append("counted from 1")
    _check_words(path, gold, sizes)
    return gold, f"{path}: {', '.join(notes)}" if notes else None


def _read_naacl(path: Path, lines: Sequence[str], sizes: Sizes) -> list[Alignment]:
    sure: list[set[tuple[int, int]]] = [set() for _ in sizes]
    possible: list[set[tuple[int, int]]] = [set() for _ in sizes]
    for number, line in enumerate(lines, 1):
        match = _NAACL.fullmatch(line.strip())
        if match is None:
            continue
        sentence, source, target = (int(match[group]) - 1 for group in (1, 2, 3))
        if sentence >= len(sizes) or not (0 <= source < sizes[sentence][0] and 0 <= target < sizes[sentence][1]):
            raise CorpusError(
                f"{path}:{number}: links words {source + 1} and {target + 1} of sentence {sentence + 1}, which do not "
                f"exist; there are {len(sizes)} sentences, counted from 1, as are the words"
            )
        possible[sentence].add((source, target))
        if match[4] != "P":
            sure[sentence].add((source, target))
    return [Alignment(frozenset(s), frozenset(p)) for s, p in zip(sure, possible, strict=True)]


def _counts_from_one(path: Path, gold: Sequence[Alignment], sizes: Sizes) -> bool:
    """Whether words are counted from 1. Raises CorpusError if it may be either."""
    linked = [(sentence.possible, words) for sentence, words in zip(gold, sizes, strict=True) if sentence.possible]
    if not linked or any(0 in link for links, _ in linked for link in links):
        return False
    if any(link[side] > words[side] for links, words in linked for link in links for side in (0, 1)):
        return False  # outside in both cases, and told as such
    if any(link[side] == words[side] for links, words in linked for link in links for side in (0, 1)):
        return True
    if len(linked) >= _EVIDENCE:
        return True
    raise CorpusError(
        f"{path}: no first word is linked, so it is not certain whether words are counted from 0 or from 1; {_FORMS}"
    )


def _shift(sentence: Alignment) -> Alignment:
    sure, possible = (frozenset((i - 1, j - 1) for i, j in links) for links in (sentence.sure, sentence.possible))
    return Alignment(sure, possible)


def _check_words(path: Path, gold: Sequence[Alignment], sizes: Sizes) -> None:
    """Raise CorpusError if a link is to a word that a sentence does not have."""
    for number, (sentence, words) in enumerate(zip(gold, sizes, strict=True), 1):
        for side, name in enumerate(("source", "target")):
            last = max((link[side] for link in sentence.possible), default=-1)
            if last >= words[side]:
                raise CorpusError(
                    f"{path}:{number}: links {name} word {last}, but there are {words[side]} words; words are counted "
                    "from 0, and the source word comes first"
                )
