"""The same dev sentences at each validation of the runs on a page, so that one sees them improve."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nmt_cli.corpus.normalization import Form
from nmt_cli.evaluation.metrics import Scorer
from nmt_cli.training.history import History


@dataclass(frozen=True)
class Output:
    """An output, the update and the minutes when it first came, its chrF, and the number of further validations that
    gave it again at once."""

    step: int
    minutes: float
    text: str
    chrf: float
    repeated: int


@dataclass(frozen=True)
class Sample:
    """A dev sentence, and the outputs of each system in order; none from a system that did not translate it."""

    source: str
    reference: str
    outputs: Sequence[Sequence[Output]]


def samples_over_time(histories: Sequence[History | None], target: str | None, unicode: Form) -> list[Sample]:
    """The sentences that the runs translated at their validations, in the order of the first run that did."""
    pairs = dict.fromkeys(
        (sample["source"], sample["reference"]) for history in histories if history for _, sample in history.samples()
    )
    return [
        Sample(*pair, [list(_outputs(history, pair, target, unicode)) if history else [] for history in histories])
        for pair in pairs
    ]


def _outputs(history: History, pair: tuple[str, str], target: str | None, unicode: Form) -> Iterator[Output]:
    records = [
        (record, sample["output"])
        for record, sample in history.samples()
        if (sample["source"], sample["reference"]) == pair
    ]
    if not records:
        return
    texts = [text for _, text in records]
    scores = Scorer([[pair[1]] * len(texts)], target, unicode).statistics("chrf", texts).sentences
    start = 0
    for end in range(1, len(texts) + 1):
        if end == len(texts) or texts[end] != texts[start]:
            record = records[start][0]
            yield Output(record["step"], record["elapsed"] / 60, texts[start], scores[start], end - start - 1)
            start = end
