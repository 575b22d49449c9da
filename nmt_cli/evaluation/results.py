"""The result of an evaluation: scores, scores by length, worst sentences, comparison with a baseline, and recipe."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from nmt_cli import __version__
from nmt_cli.config import EvaluateConfig
from nmt_cli.corpus.normalization import normalize
from nmt_cli.evaluation.alignment import ErrorRate
from nmt_cli.evaluation.breakdown import (
    Bucket,
    DifferingSentence,
    SystemOutput,
    WorstSentence,
    by_length,
    least_confident,
    most_differing,
    worst_sentences,
)
from nmt_cli.evaluation.calibration import ConfidenceResult, measure_confidence
from nmt_cli.evaluation.inputs import EvalInput, read_inputs
from nmt_cli.evaluation.metrics import NAMES, Name, Scorer
from nmt_cli.evaluation.resampling import SEED
from nmt_cli.evaluation.scores import Scores, summarize
from nmt_cli.evaluation.significance import Comparison, Test, compare
from nmt_cli.progress import Progress

if TYPE_CHECKING:
    from nmt_cli.decoding.translation import Translation


@dataclass(frozen=True)
class Baseline:
    """The baseline: its name, the comparison with it by each metric, and the sentences that differ most from it."""

    name: str
    test: Test
    metrics: dict[Name, Comparison]
    differing: list[DifferingSentence]

    def as_json(self) -> dict[str, Any]:
        """One object: hypotheses (the baseline's name), test, the comparison by each metric, differing."""
        comparisons: dict[str, Any] = {name: asdict(comparison) for name, comparison in self.metrics.items()}
        return {
            "hypotheses": self.name,
            "test": self.test,
            **comparisons,
            "differing": [asdict(s) for s in self.differing],
        }


@dataclass(frozen=True)
class EvalResult:
    """The result of `nmt eval`. `least_confident` is empty, and `translations` None, if no model translated;
    `confidence` is None unless one did whose confidence is calibrated."""

    scores: Scores
    lengths: list[Bucket]
    worst: list[WorstSentence]
    least_confident: list[WorstSentence]
    confidence: ConfidenceResult | None
    baseline: Baseline | None
    alignment: dict[str, ErrorRate] | None
    recipe: dict[str, Any]
    notes: list[str]
    translations: "Sequence[Translation] | None" = None

    def as_json(self) -> dict[str, Any]:
        """One object: bleu, chrf, ter, lengths, worst, confidence, baseline, alignment, recipe, notes."""
        return {
            **self.scores.as_json(),
            "lengths": [asdict(bucket) for bucket in self.lengths],
            "worst": [asdict(sentence) for sentence in self.worst],
            "confidence": asdict(self.confidence) if self.confidence else None,
            "baseline": self.baseline.as_json() if self.baseline else None,
            "alignment": {step: asdict(rate) for step, rate in self.alignment.items()} if self.alignment else None,
            "recipe": self.recipe,
            "notes": self.notes,
        }


def evaluate(config: EvaluateConfig, progress: Progress | None = None) -> EvalResult:
    """Translate a test set, or take the translation of another system, and score it. Without a `progress` messages are
    logged.

    Raises ConfigError, CorpusError or CheckpointError for errors that the user can fix.
    """
    inputs = read_inputs(config, progress or Progress())
    return score_inputs(inputs, config.resamples, config.worst, config.significance)


def score_inputs(inputs: EvalInput, resamples: int = 1000, num_worst: int = 5, test: Test = "bootstrap") -> EvalResult:
    """Score a translation.

    Args:
        inputs: the translation, its references and its baseline.
        resamples: bootstrap resamples of intervals, and resamples or trials of the paired test.
        num_worst: number of worst, of least confident and of differing sentences to return.
        test: paired test against the baseline, if there is one.

    Raises:
        CorpusError: unequal numbers of lines, or none.
    """
    source, target = inputs.languages
    scorer = Scorer(inputs.references, target, inputs.unicode)
    hypotheses = _normalize(inputs.hypotheses, inputs)
    statistics = {name: scorer.statistics(name, hypotheses) for name in NAMES}
    scores = summarize(statistics, target, resamples, hypotheses)
    notes = [*inputs.notes, *scores.notes]
    if inputs.sources is None:
        notes.append("without the source, lengths are those of the reference")
    texts = (inputs.sources, source) if inputs.sources is not None else (scorer.references[0], target)
    translations = inputs.translations
    confidences = None if translations is None else [each.candidates[0].confidence for each in translations]
    listed = (num_worst, statistics["chrf"], hypotheses, scorer.references, inputs.sources)
    baseline = None
    if inputs.baseline:
        comparisons = compare(test, scorer, statistics, inputs.baseline.lines, resamples)
        lines = _normalize(inputs.baseline.lines, inputs)
        systems = SystemOutput(hypotheses, statistics["chrf"]), SystemOutput(lines, scorer.statistics("chrf", lines))
        differing = most_differing(num_worst, *systems, scorer.references, inputs.sources)
        baseline = Baseline(inputs.baseline.name, test, comparisons, differing)
    return EvalResult(
        scores=scores,
        lengths=by_length(*texts, statistics["bleu"], statistics["chrf"]),
        worst=worst_sentences(*listed),
        least_confident=[] if confidences is None else least_confident(*listed, confidences),
        confidence=None if translations is None else _confidence(translations, statistics["chrf"].sentences),
        baseline=baseline,
        alignment=inputs.alignment,
        recipe=_recipe(inputs, resamples),
        notes=notes,
        translations=translations,
    )


def _confidence(translations: "Sequence[Translation]", chrf: Sequence[float]) -> ConfidenceResult | None:
    """How well the model's calibrated confidence predicts chrF; blank lines have none."""
    judged = [
        (best.poor_probability, each.low_confidence, score)
        for each, score in zip(translations, chrf, strict=True)
        if (best := each.candidates[0]).poor_probability is not None
    ]
    return measure_confidence(*zip(*judged, strict=True)) if judged else None


def _normalize(lines: Sequence[str], inputs: EvalInput) -> list[str]:
    return [normalize(line, inputs.unicode) for line in lines]


def _recipe(inputs: EvalInput, resamples: int) -> dict[str, Any]:
    """All that the scores depend on, to reproduce them."""
    source, target = inputs.languages
    return {
        "toolkit": __version__,
        "source_language": source,
        "target_language": target,
        "unicode": inputs.unicode,
        "length_of": "source" if inputs.sources is not None else "reference",
        "resamples": resamples,
        "seed": SEED,
        **inputs.recipe,
    }
