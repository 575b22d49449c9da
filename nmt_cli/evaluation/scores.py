"""How good a translation is as a whole: BLEU, chrF++ and TER, each with its signature and its interval.

BLEU: Papineni et al. 2002; chrF++: Popović 2017; TER: Snover et al. 2006; all by sacrebleu (Post 2018) on
detokenised text that was brought into the corpus's Unicode form. Higher is better, for TER lower.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nmt_cli.corpus.normalization import Form
from nmt_cli.evaluation.metrics import NAMES, Name, Scorer, Statistics, metric_order, tokenizer_note
from nmt_cli.evaluation.resampling import SEED, bootstrap_scores, interval

TOKENISED_LINES = 0.5
"""Share of hypotheses ending in ` .` from which on the text looks tokenised."""


@dataclass(frozen=True)
class Score:
    """A corpus score in points of 100, the bounds of its 95 % bootstrap interval, and sacrebleu's signature."""

    score: float
    low: float
    high: float
    signature: str


@dataclass(frozen=True)
class Scores:
    """The three scores of a system, in `order` of trust for the language, and what to know when comparing them."""

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
        hypotheses: detokenised lines; empty ones are legal.
        references: a list of lines for each set of references.
        target: target language, which chooses BLEU's tokenizer.
        unicode: normal form for hypotheses and references alike.
        resamples: bootstrap resamples behind the intervals.

    Raises:
        CorpusError: unequal numbers of lines, or none at all.
    """
    scorer = Scorer(references, target, unicode)
    return summarize({name: scorer.statistics(name, hypotheses) for name in NAMES}, target, resamples, hypotheses)


def summarize(
    statistics: dict[Name, Statistics], target: str | None, resamples: int, hypotheses: Sequence[str]
) -> Scores:
    """Scores, intervals and notes from statistics that were already counted."""
    resampled = bootstrap_scores(list(statistics.values()), resamples)
    found = {}
    for column, (name, counted) in enumerate(statistics.items()):
        low, high = interval(resampled[:, column])
        found[name] = Score(counted.corpus(), low, high, counted.signature(bs=resamples, seed=SEED))
    notes = [note for note in (tokenizer_note(target), _looks_tokenised(hypotheses)) if note]
    return Scores(found["bleu"], found["chrf"], found["ter"], metric_order(target), tuple(notes))


def quick_scores(
    hypotheses: Sequence[str], references: Sequence[str], target: str | None, unicode: Form
) -> dict[str, float]:
    """BLEU and chrF without intervals, for validation in training: the very figures that `score` gives."""
    scorer = Scorer([references], target, unicode)
    names: tuple[Name, ...] = ("bleu", "chrf")
    return {name: scorer.corpus_score(name, hypotheses) for name in names}


def _looks_tokenised(hypotheses: Sequence[str]) -> str | None:
    ends = sum(line.endswith(" .") for line in hypotheses)
    if ends < TOKENISED_LINES * len(hypotheses):
        return None
    return f"{ends} of {len(hypotheses)} hypotheses end in ' .': they look tokenised, but scores need detokenised text"
