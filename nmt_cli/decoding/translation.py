"""The result of translating one line."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from nmt_cli.decoding.alignment import Link, links, merge_subwords
from nmt_cli.decoding.text_stream import Line
from nmt_cli.errors import ConfigError

IssueKind = Literal[
    "blank", "invalid_utf8", "split", "cut", "repetition", "length_ratio", "empty", "low_confidence", "fewer"
]


@dataclass(frozen=True)
class Issue:
    """Something unusual about a line that the user should know, with details."""

    kind: IssueKind
    details: dict[str, int | float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """One translation of a line.

    score: the length-normalised log-probability, by which candidates are ranked (higher is better, at most 0).
    confidence: geometric mean of the probabilities of its subwords and EOS, 0 to 1.
    poor_probability: the calibrated probability that its chrF++ is below `Calibration.threshold`; None if the model is
        not calibrated, and for a blank line.
    tokens, probabilities, words: its subwords, the model's probability of each, the index of the word it is part of.
    attention: (T, S) weights of its subwords over those of the source, if requested.
    finished: False if it was cut at the length limit.
    """

    text: str
    score: float
    confidence: float
    poor_probability: float | None
    tokens: list[str]
    probabilities: list[float]
    words: list[int]
    attention: npt.NDArray[np.float32] | None
    finished: bool


@dataclass(frozen=True)
class Translation:
    """A line and its candidates, best first; at least one."""

    line: Line
    candidates: list[Candidate]
    source_tokens: list[str]
    source_words: list[int]
    issues: list[Issue]

    @property
    def text(self) -> str:
        """The best translation, on one line."""
        return self.candidates[0].text

    def alignment(self, candidate: Candidate) -> list[Link]:
        """(source word, target word) links of a candidate, from its attention. Raises ConfigError if it has none."""
        if candidate.attention is None:
            raise ConfigError("alignment: this model has no attention to compute it from")
        return links(merge_subwords(candidate.attention, self.source_words, candidate.words))


def blank(line: Line) -> Candidate:
    """The translation of a blank line."""
    return Candidate("", 0.0, 1.0, None, [], [], [], np.zeros((0, 0), np.float32), True)
