"""Everything that is said about a translation: scores, lengths, failures, comparison, and the recipe of it all."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nmt_cli import __version__
from nmt_cli.corpus.normalization import normalize
from nmt_cli.evaluation.alignment import ErrorRate
from nmt_cli.evaluation.breakdown import Bucket, WorstSentence, by_length, worst
from nmt_cli.evaluation.inputs import EvalInput
from nmt_cli.evaluation.metrics import NAMES, Name, Scorer
from nmt_cli.evaluation.resampling import SEED
from nmt_cli.evaluation.scores import Scores, summarize
from nmt_cli.evaluation.significance import Comparison, Test, compare


@dataclass(frozen=True)
class Baseline:
    """Another system's translation, and how it compares by each metric."""

    name: str
    test: Test
    metrics: dict[Name, Comparison]

    def as_json(self) -> dict[str, Any]:
        """The comparisons by metric, and with what and how."""
        compared: dict[str, Any] = {name: asdict(found) for name, found in self.metrics.items()}
        return {"hypotheses": self.name, "test": self.test, **compared}


@dataclass(frozen=True)
class EvalResult:
    """The result of `nmt eval`."""

    scores: Scores
    lengths: list[Bucket]
    worst: list[WorstSentence]
    baseline: Baseline | None
    alignment: dict[str, ErrorRate] | None
    recipe: dict[str, Any]
    notes: list[str]

    def as_json(self) -> dict[str, Any]:
        """One object: bleu, chrf, ter, lengths, worst, baseline, alignment, recipe, notes."""
        return {
            **self.scores.as_json(),
            "lengths": [asdict(bucket) for bucket in self.lengths],
            "worst": [asdict(failure) for failure in self.worst],
            "baseline": self.baseline.as_json() if self.baseline else None,
            "alignment": {step: asdict(found) for step, found in self.alignment.items()} if self.alignment else None,
            "recipe": self.recipe,
            "notes": self.notes,
        }


def evaluate(inputs: EvalInput, resamples: int = 1000, failures: int = 5, test: Test = "bootstrap") -> EvalResult:
    """Judge a translation.

    Args:
        material: the translation and what it is judged by.
        resamples: bootstrap resamples of intervals, and resamples or trials of the paired test.
        failures: how many of the worst sentences to give.
        test: paired test against the baseline, if there is one.

    Raises:
        CorpusError: unequal numbers of lines, or none.
    """
    source, target = inputs.languages
    bench = Scorer(inputs.references, target, inputs.unicode)
    hypotheses = _normalized(inputs.hypotheses, inputs)
    statistics = {name: bench.statistics(name, hypotheses) for name in NAMES}
    scores = summarize(statistics, target, resamples, hypotheses)
    notes = [*inputs.notes, *scores.notes]
    if inputs.sources is None:
        notes.append("no source was given: lengths are those of the reference")
    measured = (inputs.sources, source) if inputs.sources is not None else (bench.references[0], target)
    baseline = None
    if inputs.baseline:
        compared = compare(test, bench, statistics, inputs.baseline.lines, resamples)
        baseline = Baseline(inputs.baseline.name, test, compared)
    return EvalResult(
        scores=scores,
        lengths=by_length(*measured, statistics["bleu"], statistics["chrf"]),
        worst=worst(failures, statistics["chrf"], hypotheses, bench.references, inputs.sources),
        baseline=baseline,
        alignment=inputs.alignment,
        recipe=_recipe(inputs, resamples),
        notes=notes,
    )


def _normalized(lines: Sequence[str], inputs: EvalInput) -> list[str]:
    return [normalize(line, inputs.unicode) for line in lines]


def _recipe(inputs: EvalInput, resamples: int) -> dict[str, Any]:
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
