"""Corpus scores of a translation: BLEU, chrF++ and TER, each with its signature and its confidence interval.

BLEU: Papineni et al. 2002; chrF++: Popović 2017; TER: Snover et al. 2006; all by sacrebleu (Post 2018) on
detokenised text in the Unicode form of the corpus. Higher is better, for TER lower.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nmt_cli.corpus.normalization import Form
from nmt_cli.evaluation.metrics import NAMES, Name, Scorer, Statistics, metric_order, tokenizer_note
from nmt_cli.evaluation.resampling import SEED, bootstrap_scores, interval

TOKENISED_LINES = 0.5
"""Share of hypotheses ending in ` .` at or above which the text looks tokenised."""


@dataclass(frozen=True)
class Score:
    """A corpus score from 0 to 100, the bounds of its 95 % bootstrap interval, and sacrebleu's signature."""

    score: float
    low: float
    high: float
    signature: str


@dataclass(frozen=True)
class Scores:
    """The three scores of a system, their `order` by reliability for the language, and notes for comparing them."""

    bleu: Score
    chrf: Score
    ter: Score
    order: tuple[Name, ...]
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The scores by name, in their order."""
        return {name: asdict(getattr(self, name)) for name in self.order}


def score(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    target: str | None = None,
    unicode: Form = "nfc",
    resamples: int = 1000,
) -> Scores:
    """Score a translation.

    Args:
        hypotheses: detokenised lines; empty ones are allowed.
        references: a list of lines for each set of references.
        target: target language, which chooses BLEU's tokenizer.
        unicode: Unicode normal form of hypotheses and references.
        resamples: bootstrap resamples behind the intervals.

    Raises:
        CorpusError: unequal numbers of lines, or none at all.
    """
    scorer = Scorer(references, target, unicode)
    return summarize({name: scorer.statistics(name, hypotheses) for name in NAMES}, target, resamples, hypotheses)


def summarize(
    statistics: dict[Name, Statistics], target: str | None, resamples: int, hypotheses: Sequence[str]
) -> Scores:
    """Compute scores, intervals and notes from the statistics of each metric."""
    resampled = bootstrap_scores(list(statistics.values()), resamples)
    scores = {}
    for column, (name, metric) in enumerate(statistics.items()):
        low, high = interval(resampled[:, column])
        scores[name] = Score(metric.corpus(), low, high, metric.signature(bs=resamples, seed=SEED))
    notes = [note for note in (tokenizer_note(target), _tokenised_note(hypotheses)) if note]
    notes += dict.fromkeys(note for metric in statistics.values() for note in metric.notes)
    return Scores(scores["bleu"], scores["chrf"], scores["ter"], metric_order(target), tuple(notes))


def quick_scores(
    hypotheses: Sequence[str], references: Sequence[str], target: str | None, unicode: Form
) -> dict[str, float]:
    """BLEU and chrF without intervals, for validation in training; the same figures as those of `score`."""
    scorer = Scorer([references], target, unicode)
    names: tuple[Name, ...] = ("bleu", "chrf")
    return {name: scorer.corpus_score(name, hypotheses) for name in names}


def _tokenised_note(hypotheses: Sequence[str]) -> str | None:
    """A note if the hypotheses look tokenised."""
    ends = sum(line.endswith(" .") for line in hypotheses)
    if ends < TOKENISED_LINES * len(hypotheses):
        return None
    return f"{ends} of {len(hypotheses)} hypotheses end in ' .': they look tokenised, but scores need detokenised text"
