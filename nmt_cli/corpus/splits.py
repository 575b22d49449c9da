"""Select the rows of train, dev and test."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmt_cli.config import PreprocessConfig
from nmt_cli.corpus.cleaning import (
    BLANK,
    CHECKS,
    HELD_OUT,
    OVERLAP,
    CheckedText,
    Rows,
    dropped_bits,
    mark_duplicates,
    mark_known_sources,
    mark_overlap,
)
from nmt_cli.corpus.score_filter import mark_low_scores
from nmt_cli.errors import CorpusError
from nmt_cli.progress import Progress


@dataclass(frozen=True)
class Selection:
    """A split: its text, and which rows of the text belong to it."""

    text: CheckedText
    rows: Rows
    given: bool = True
    """Whether the user supplied text for this split; False if its rows are held out of train."""


def select(examined: dict[str, CheckedText], config: PreprocessConfig, progress: Progress) -> dict[str, Selection]:
    """Select the rows of train, dev and test; a split that is not given is held out of train.

    Raises CorpusError if nothing is left to train on.
    """
    train = examined["train"]
    for text in examined.values():
        mark_duplicates(text)
    mark_overlap(examined)
    dropped = dropped_bits(config)
    mark_low_scores(train, config, (train.findings & dropped) == 0, progress)
    usable = (train.findings & dropped) == 0
    if not usable.any():
        reasons = [(check.name, int(((train.findings & check.bit & dropped) != 0).sum())) for check in CHECKS]
        counts = ", ".join(f"{name} {count:,}" for name, count in reasons if count)
        raise CorpusError(
            f"{train.texts[0].name}: nothing is left to train on: all {len(train):,} pairs would be dropped "
            f"({counts}); give other text, or keep more with --keep (see nmt preprocess --help)"
        )
    for name in examined.keys() - {"train"}:
        if ((examined[name].findings & BLANK) != 0).all():
            raise CorpusError(
                f"{examined[name].texts[0].name}: every pair of {name} has a blank side; nothing can be scored"
            )
    splits = {name: Selection(text, np.ones(len(text), np.bool_)) for name, text in examined.items() if name != "train"}
    missing = [name for name in ("dev", "test") if name not in examined]
    for name, rows in hold_out(train, usable, missing, config.holdout, config.seed).items():
        progress.message(_holdout_message(name, int(rows.sum()), int(usable.sum()), config.seed))
        splits[name] = Selection(train, rows, given=False)
    kept = (train.findings & (dropped | HELD_OUT)) == 0
    for name in examined.keys() - {"train"}:
        mark_known_sources(examined[name], train, kept)
    splits["train"] = Selection(train, kept)
    return {name: splits[name] for name in ("train", "dev", "test")}


def _holdout_message(name: str, held_out: int, usable: int, seed: int) -> str:
    if held_out == usable:
        return f"no {name} text, and too few pairs ({usable}) to hold out: {name} equals train; its scores mean nothing"
    return f"no {name} text: held out {held_out:,} of {usable:,} training pairs (seed {seed})"


def hold_out(train: CheckedText, usable: Rows, names: list[str], most: int, seed: int) -> dict[str, Rows]:
    """Draw the rows of each named split from the usable rows of train, with this seed.

    Each split gets at most `most` pairs, at most a tenth of the usable ones and at least one. Their sources differ, so
    that no source is in two splits; other training pairs with these sources are marked as overlap. If there are too few
    pairs, each split gets every usable pair, and train keeps them too.
    """
    if not names:
        return {}
    rows = np.flatnonzero(usable)
    first = rows[np.unique(train.sources[rows], return_index=True)[1]]
    share = min(most, max(1, len(rows) // 10))
    if len(first) <= share * len(names):
        return {name: usable.copy() for name in names}
    drawn = np.random.default_rng(seed).permutation(np.sort(first))[: share * len(names)]
    train.findings[np.isin(train.sources, train.sources[drawn])] |= OVERLAP
    train.findings[drawn] &= np.uint16(~OVERLAP & 0xFFFF)
    train.findings[drawn] |= HELD_OUT
    return {name: _mask(len(train), part) for name, part in zip(names, np.split(drawn, len(names)), strict=True)}


def _mask(size: int, rows: npt.NDArray[np.int64]) -> Rows:
    mask = np.zeros(size, np.bool_)
    mask[rows] = True
    return mask
