"""Statistics of the last updates, for the log and the health warnings."""

import statistics
from collections import deque

from nmt_cli.training.step import UpdateReport


class UpdateStats:
    """The reports of the last updates, at most `limit` of them if it is given."""

    def __init__(self, limit: int | None = None) -> None:
        self._reports: deque[UpdateReport] = deque(maxlen=limit)

    def add(self, report: UpdateReport) -> None:
        """Take the report of an update into account."""
        self._reports.append(report)

    def clear(self) -> None:
        """Forget all updates."""
        self._reports.clear()

    @property
    def tokens(self) -> int:
        """Target tokens of the updates."""
        return sum(report.tokens for report in self._reports)

    @property
    def loss(self) -> float:
        """The mean loss per target token, in nats; 0 without updates."""
        return sum(report.loss * report.tokens for report in self._reports) / (self.tokens or 1)

    @property
    def norm(self) -> float:
        """The median of the gradient norms; 0 without updates."""
        return statistics.median(report.norm for report in self._reports) if self._reports else 0.0

    @property
    def clipped(self) -> float:
        """The share of updates whose gradient was clipped; 0 without updates."""
        return sum(report.clipped for report in self._reports) / (len(self._reports) or 1)
