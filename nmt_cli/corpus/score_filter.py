"""Drops the training pairs of the lowest scores, such as log-probabilities from `nmt score`."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmt_cli.config import PreprocessConfig
from nmt_cli.corpus.cleaning import LOW_SCORE, CheckedText, Rows
from nmt_cli.corpus.columns import shorten
from nmt_cli.corpus.text_io import TextFile, read_lines
from nmt_cli.errors import ConfigError, CorpusError
from nmt_cli.progress import Progress

Scores = npt.NDArray[np.float32]


def check_scores(config: PreprocessConfig) -> None:
    """Raise ConfigError if the options of scores do not fit each other, CorpusError if a file cannot be read twice."""
    if config.keep_best is None:
        if config.scores:
            raise ConfigError("--scores has an effect only with --keep-best, the fraction to keep, such as 0.8")
        return
    if len(config.scores) != max(1, len(config.train)):
        raise ConfigError(
            f"--keep-best: --scores is given {len(config.scores)} times and --train {len(config.train)} times; give "
            "--scores once for each --train, in the same order, - for one without scores"
        )
    for path in config.scores:
        if str(path) != "-" and not path.is_file():
            what = "is not a file that can be read twice" if path.exists() else "no such file"
            raise CorpusError(f"{path}: {what}; give a file with one score per line, as nmt score writes it")


def read_scores(config: PreprocessConfig) -> list[tuple[Path, Scores] | None]:
    """The file and the scores of each training text; None for one without. Raises CorpusError if a line is not a
    number."""
    return [None if str(path) == "-" else (path, _read(path)) for path in config.scores]


def _read(path: Path) -> Scores:
    file = TextFile(path)
    values = []
    for line in read_lines(file):
        try:
            values.append(float(line))
        except ValueError:
            raise CorpusError(
                f"{file.name}:{len(values) + 1}: {shorten(line)} is not a number; give one score per line, as nmt "
                "score writes them"
            ) from None
    return np.array(values, np.float32)


def set_scores(train: CheckedText, scores: list[tuple[Path, Scores] | None]) -> None:
    """Assign the scores to the rows of train. Raises CorpusError unless each file has one for each pair of its text."""
    if not any(scores):
        return
    train.scores = np.full(len(train), np.nan, np.float32)
    for text, rows, scored in zip(train.texts, text_rows(train), scores, strict=True):
        if scored is None:
            continue
        path, values = scored
        if len(values) != (pairs := rows.stop - rows.start):
            raise CorpusError(
                f"{path}: {len(values):,} scores, but {text.name} has {pairs:,} pairs; score this text with nmt score"
            )
        train.scores[rows] = values


def text_rows(train: CheckedText) -> list[slice]:
    """The rows of each text."""
    return [slice(*bounds) for bounds in zip(train.firsts, [*train.firsts[1:], len(train)], strict=True)]


def mark_low_scores(train: CheckedText, config: PreprocessConfig, usable: Rows, progress: Progress) -> None:
    """Mark the pairs to drop of each text with scores: of its usable rows, all but the best `config.keep_best`. Of
    equal scores the earlier rows are dropped; nan is the lowest."""
    if train.scores is None or config.keep_best is None:
        return
    for text, rows, path in zip(train.texts, text_rows(train), config.scores, strict=True):
        candidates = rows.start + np.flatnonzero(usable[rows])
        if str(path) == "-" or not len(candidates):
            continue
        scores = lowest_nan(train.scores[candidates])
        order = np.argsort(scores, kind="stable")
        dropped = len(order) - max(1, round(config.keep_best * len(order)))
        train.findings[candidates[order[:dropped]]] |= LOW_SCORE
        progress.message(
            f"{text.name}: {dropped:,} of {len(order):,} pairs dropped for their score, kept from "
            f"{scores[order[dropped]]:.4f} on (--keep-best {config.keep_best:g})"
            + (_describe(train, int(candidates[order[0]])) if dropped else "")
        )


def _describe(train: CheckedText, row: int) -> str:
    """The worst pair, for the message."""
    assert train.scores is not None
    file, line = train.place(row)
    source, target = map(shorten, train.scratch.pair(row))
    return f"; the worst, {train.scores[row]:.4f}, {file}:{line}: {source} | {target}"


def lowest_nan(scores: Scores) -> Scores:
    """The scores with -inf in place of nan."""
    return np.where(np.isnan(scores), -np.inf, scores).astype(np.float32)
