"""The result of translating one line."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from nmt_cli.decoding.alignment import Link, block_links
from nmt_cli.decoding.text_stream import Line
from nmt_cli.errors import ConfigError

IssueKind = Literal[
    "blank",
    "invalid_utf8",
    "truecased",
    "split",
    "cut",
    "repetition",
    "searched_again",
    "length_ratio",
    "empty",
    "low_confidence",
    "fewer",
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
    log_prob: natural logarithm of the probability of its subwords and EOS; of a split line, the sum over its segments.
    confidence: geometric mean of the probabilities of its subwords and EOS, 0 to 1.
    poor_probability: the calibrated probability that its chrF++ is below `Calibration.threshold`; None if the model is
        not calibrated, and for a blank line.
    tokens, probabilities, words: its subwords, the model's probability of each, the index of the word it is part of.
    attention_blocks: for each segment of the line, the (T, S) weights of its subwords over those of its source, if
        requested. The whole matrix of a long line would not fit in memory.
    finished: False if it was cut at the length limit.
    """

    text: str
    score: float
    log_prob: float
    confidence: float
    poor_probability: float | None
    tokens: list[str]
    probabilities: list[float]
    words: list[int]
    attention_blocks: tuple[npt.NDArray[np.float32], ...] | None
    finished: bool

    @cached_property
    def attention(self) -> npt.NDArray[np.float32] | None:
        """The (T, S) weights of its subwords over those of the source: those of each segment over its own source, and
        zero elsewhere. None if they were not requested."""
        if self.attention_blocks is None:
            return None
        if len(self.attention_blocks) == 1:
            return self.attention_blocks[0]
        shapes = [block.shape for block in self.attention_blocks]
        joined = np.zeros((sum(rows for rows, _ in shapes), sum(columns for _, columns in shapes)), np.float32)
        row = column = 0
        for block in self.attention_blocks:
            joined[row : row + len(block), column : column + block.shape[1]] = block
            row, column = row + len(block), column + block.shape[1]
        return joined


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

    @property
    def low_confidence(self) -> bool:
        """Whether the best translation should be doubted."""
        return any(issue.kind == "low_confidence" for issue in self.issues)

    def alignment(self, candidate: Candidate) -> list[Link]:
        """(source word, target word) links of a candidate, from its attention. Raises ConfigError if it has none."""
        if candidate.attention_blocks is None:
            raise ConfigError("alignment: this model has no attention to compute it from")
        return block_links(candidate.attention_blocks, self.source_words, candidate.words)


def blank(line: Line) -> Candidate:
    """The translation of a blank line."""
    return Candidate("", 0.0, 0.0, 1.0, None, [], [], [], (np.zeros((0, 0), np.float32),), True)
