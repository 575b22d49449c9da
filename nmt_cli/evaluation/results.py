"""Everything that is said about a translation: scores, lengths, failures, comparison, and the recipe of it all."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nmt_cli import __version__
from nmt_cli.corpus.normalization import normalise
from nmt_cli.evaluation.alignment import ErrorRate
from nmt_cli.evaluation.breakdown import Bucket, Failure, by_length, worst
from nmt_cli.evaluation.inputs import Material
from nmt_cli.evaluation.metrics import NAMES, Judge, Name
from nmt_cli.evaluation.resampling import SEED
from nmt_cli.evaluation.scores import Scores, summarise
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
class Verdict:
    """The result of `nmt eval`."""

    scores: Scores
    lengths: list[Bucket]
    worst: list[Failure]
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


def judge(material: Material, resamples: int = 1000, failures: int = 5, test: Test = "bootstrap") -> Verdict:
    """Judge a translation.

    Args:
        material: the translation and what it is judged by.
        resamples: bootstrap resamples of intervals, and resamples or trials of the paired test.
        failures: how many of the worst sentences to give.
        test: paired test against the baseline, if there is one.

    Raises:
        CorpusError: unequal numbers of lines, or none.
    """
    source, target = material.languages
    bench = Judge(material.references, target, material.unicode)
    hypotheses = _normalised(material.hypotheses, material)
    statistics = {name: bench.statistics(name, hypotheses) for name in NAMES}
    scores = summarise(statistics, target, resamples, hypotheses)
    notes = [*material.notes, *scores.notes]
    if material.sources is None:
        notes.append("no source was given: lengths are those of the reference")
    measured = (material.sources, source) if material.sources is not None else (bench.references[0], target)
    baseline = None
    if material.baseline:
        compared = compare(test, bench, statistics, material.baseline.lines, resamples)
        baseline = Baseline(material.baseline.name, test, compared)
    return Verdict(
        scores=scores,
        lengths=by_length(*measured, statistics["bleu"], statistics["chrf"]),
        worst=worst(failures, statistics["chrf"], hypotheses, bench.references, material.sources),
        baseline=baseline,
        alignment=material.alignment,
        recipe=_recipe(material, resamples),
        notes=notes,
    )


def _normalised(lines: Sequence[str], material: Material) -> list[str]:
    return [normalise(line, material.unicode) for line in lines]


def _recipe(material: Material, resamples: int) -> dict[str, Any]:
    source, target = material.languages
    return {
        "toolkit": __version__,
        "source_language": source,
        "target_language": target,
        "unicode": material.unicode,
        "length_of": "source" if material.sources is not None else "reference",
        "resamples": resamples,
        "seed": SEED,
        **material.recipe,
    }
