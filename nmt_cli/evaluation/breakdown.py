"""Scores by the length of the source (Bahdanau et al. 2014, figure 2), the worst sentences, and those that differ most
between two systems."""

from collections.abc import Sequence
from dataclasses import dataclass

from nmt_cli.evaluation.metrics import Statistics
from nmt_cli.languages import is_unspaced

EDGES = (5, 10, 15, 20, 30, 40, 60)
"""Longest sentence of each bucket, in words; one more bucket holds longer sentences."""

CHARACTERS_PER_WORD = 2
"""Factor on EDGES where the length of a text is counted in characters."""


@dataclass(frozen=True)
class Bucket:
    """The scores of the sentences of length `shortest` to `longest`, both included (None: no limit)."""

    shortest: int
    longest: int | None
    sentences: int
    bleu: float
    chrf: float

    @property
    def bounds(self) -> str:
        """The lengths in words, such as "6 to 10"."""
        return f"{self.shortest} to {self.longest}" if self.longest else f"over {self.shortest - 1}"


def text_length(text: str, code: str | None) -> int:
    """Number of words between spaces; in languages written without spaces, of characters other than spaces."""
    words = text.split()
    return sum(map(len, words)) if is_unspaced(code) else len(words)


def by_length(texts: Sequence[str], code: str | None, bleu: Statistics, chrf: Statistics) -> list[Bucket]:
    """BLEU and chrF of each length bucket that has sentences.

    Args:
        texts: the texts whose length is measured, one for each sentence scored (the sources).
        code: the language of `texts`.
        bleu, chrf: the metrics' statistics of those sentences.
    """
    factor = CHARACTERS_PER_WORD if is_unspaced(code) else 1
    edges = [edge * factor for edge in EDGES]
    lengths = [text_length(text, code) for text in texts]
    buckets = []
    for shortest, longest in zip([0, *(edge + 1 for edge in edges)], [*edges, None], strict=True):
        inside = [i for i, n in enumerate(lengths) if n >= shortest and (longest is None or n <= longest)]
        if inside:
            buckets.append(Bucket(shortest, longest, len(inside), bleu.part(inside), chrf.part(inside)))
    return buckets


@dataclass(frozen=True)
class WorstSentence:
    """A sentence and its score; `line` counts from 1, `source` is None if unknown."""

    line: int
    chrf: float
    source: str | None
    hypothesis: str
    references: tuple[str, ...]


def worst_sentences(
    count: int,
    chrf: Statistics,
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    sources: Sequence[str] | None = None,
) -> list[WorstSentence]:
    """The `count` sentences of lowest chrF, lowest first, among those that differ from every reference."""
    sentences = _score_each(chrf, hypotheses, references, sources)
    wrong = [sentence for sentence in sentences if sentence.hypothesis not in sentence.references]
    return sorted(wrong, key=lambda sentence: (sentence.chrf, sentence.line))[:count]


def least_confident(
    count: int,
    chrf: Statistics,
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    sources: Sequence[str] | None,
    confidences: Sequence[float],
) -> list[WorstSentence]:
    """The `count` sentences of which the model was least confident, lowest first."""
    sentences = _score_each(chrf, hypotheses, references, sources)
    return sorted(sentences, key=lambda sentence: (confidences[sentence.line - 1], sentence.line))[:count]


def _score_each(
    chrf: Statistics,
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    sources: Sequence[str] | None,
) -> list[WorstSentence]:
    return [
        WorstSentence(
            line=i + 1,
            chrf=score,
            source=sources[i] if sources else None,
            hypothesis=hypotheses[i],
            references=refs,
        )
        for i, (score, refs) in enumerate(zip(chrf.sentences, zip(*references, strict=True), strict=True))
    ]


@dataclass(frozen=True)
class SystemOutput:
    """A system's translation, normalised like the references, and its chrF statistics."""

    lines: Sequence[str]
    chrf: Statistics


@dataclass(frozen=True)
class DifferingSentence:
    """A sentence that two systems translate differently; `line` counts from 1, `source` is None if unknown."""

    line: int
    chrf: float
    baseline_chrf: float
    source: str | None
    hypothesis: str
    baseline: str
    references: tuple[str, ...]


def most_differing(
    count: int,
    system: SystemOutput,
    baseline: SystemOutput,
    references: Sequence[Sequence[str]],
    sources: Sequence[str] | None = None,
) -> list[DifferingSentence]:
    """The `count` sentences whose chrF differs most between two systems, largest difference first, among those that
    they translate differently."""
    scores = zip(system.chrf.sentences, baseline.chrf.sentences, zip(*references, strict=True), strict=True)
    sentences = [
        DifferingSentence(i + 1, own, other, sources[i] if sources else None, system.lines[i], baseline.lines[i], refs)
        for i, (own, other, refs) in enumerate(scores)
        if system.lines[i] != baseline.lines[i]
    ]
    return sorted(sentences, key=lambda sentence: (-abs(sentence.chrf - sentence.baseline_chrf), sentence.line))[:count]
