"""Where a system fails: the sentences with the lowest sentence chrF++."""

from collections.abc import Sequence
from dataclasses import dataclass

from nmt_cli.evaluation.metrics import Statistics


@dataclass(frozen=True)
class Failure:
    """A sentence and its score; `line` counts from 1, `source` is None where it is not known."""

    line: int
    chrf: float
    source: str | None
    hypothesis: str
    references: tuple[str, ...]


def worst(
    count: int,
    chrf: Statistics,
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    sources: Sequence[str] | None = None,
) -> list[Failure]:
    """The `count` worst sentences, worst first, among those that differ from every reference."""
    failures = [
        Failure(i + 1, score, sources[i] if sources else None, hypotheses[i], refs)
        for i, (score, refs) in enumerate(zip(chrf.sentences(), zip(*references, strict=True), strict=True))
        if hypotheses[i] not in refs
    ]
    return sorted(failures, key=lambda failure: (failure.chrf, failure.line))[:count]
