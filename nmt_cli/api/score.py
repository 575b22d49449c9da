"""`nmt score`: the log-probability of each pair of a parallel text, one line per pair, in order."""

import copy
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from nmt_cli.atomic import atomic_open, check_output_file
from nmt_cli.checkpoint.layout import MODEL
from nmt_cli.checkpoint.model_dir import load_ensemble
from nmt_cli.config import ScoreConfig
from nmt_cli.corpus.download import find_text
from nmt_cli.corpus.readers import ParallelText, read_pairs, reading_notes
from nmt_cli.corpus.tabular import Fields, fields_of
from nmt_cli.decoding.issues import json_line
from nmt_cli.decoding.output import DIGITS
from nmt_cli.decoding.pair_scores import PairScore, score_pairs
from nmt_cli.decoding.translator import WINDOW
from nmt_cli.errors import ConfigError
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.paths import check_not_read
from nmt_cli.progress import Progress


@dataclass
class ScoreCounts:
    """The number of pairs, and of those without a score by reason."""

    pairs: int = 0
    issues: Counter[str] = field(default_factory=Counter)

    def add(self, score: PairScore) -> None:
        """Count a pair."""
        self.pairs += 1
        if score.issue:
            self.issues[score.issue] += 1

    def summary(self) -> Iterator[str]:
        """Yield a sentence for each reason."""
        meanings = {"blank": "have a blank side", "too long": "have a side that is too long for the model"}
        for issue, meaning in meanings.items():
            if count := self.issues[issue]:
                yield f"{count:,} of {self.pairs:,} pairs {meaning}; their score is nan"


def score(config: ScoreConfig, progress: Progress | None = None) -> ScoreCounts:
    """Write the score of each pair of `config.pairs` to `config.out`, or to standard output.

    The pairs are read twice, first to check and count them. Raises ConfigError if there are none to score, CorpusError
    if they cannot be read, CheckpointError if the model is missing or damaged, OutputError if the output exists.
    """
    if config.pairs is None:
        raise ConfigError("name the pairs to score with --pairs")
    if config.out is not None:
        check_output_file(config.out, config.overwrite)
    manifest = MODEL.read(config.model)
    languages = manifest.source, manifest.target
    fields = fields_of(config, languages)
    progress = progress or Progress()
    with tempfile.TemporaryDirectory(prefix="nmt-score-") as folder:
        text = find_text(config.pairs, config.format, languages, Path(folder), progress)
        if config.out is not None:
            check_not_read([config.out], [file.path for file in text.files], "--pairs")
        total = _count(text, fields, progress)
        with _output(config.out) as write:
            return _score(config, read_pairs(text, fields), total, write, progress)


def _count(text: ParallelText, fields: Fields, progress: Progress) -> int:
    """The number of pairs, found by reading them all, so that an error in the last line is known before the work."""
    text = copy.deepcopy(text)  # a file counts the lines that are read
    with progress.step(f"reading {text.name}", unit="pairs", announce=False) as step:
        for _ in read_pairs(text, fields):
            step.advance()
    for note in reading_notes(text):
        progress.message(note)
    return step.done


@contextmanager
def _output(path: Path | None) -> Iterator[Callable[[str], object]]:
    """Yield the function that writes to the file, which appears when it is complete, or to standard output."""
    if path is None:
        yield lambda text: sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
        return
    with atomic_open(path) as file:
        yield file.write


def _score(
    config: ScoreConfig,
    pairs: Iterator[tuple[str, str]],
    total: int,
    write: Callable[[str], object],
    progress: Progress,
) -> ScoreCounts:
    """Score a window of pairs at a time."""
    compute = compute_for_search(config.device, config.precision, config.threads)
    loaded = load_ensemble(config.model, config.ensemble, compute)
    counts = ScoreCounts()
    with progress.step("scoring", total, "pairs") as step:
        while window := list(islice(pairs, WINDOW)):
            scores = score_pairs(loaded, window, config.batch_size, config.tag)
            write("".join(_format(config, each) + "\n" for each in scores))
            for each in scores:
                counts.add(each)
            step.advance(len(window))
    return counts


def _format(config: ScoreConfig, score: PairScore) -> str:
    """A score as one line."""
    if config.output_format == "text":
        value = score.per_subword if config.per_subword else score.log_prob
        return "nan" if value is None else f"{value:.{DIGITS}f}"
    return json_line(
        {
            "log_prob": None if score.log_prob is None else round(score.log_prob, DIGITS),
            "per_subword": None if score.per_subword is None else round(score.per_subword, DIGITS),
            "source_subwords": score.source_subwords,
            "target_subwords": score.target_subwords,
        }
    )
