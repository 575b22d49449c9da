"""Which rows go into which split."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmt_cli.config import PreprocessConfig
from nmt_cli.corpus.cleaning import (
    BLANK,
    CHECKS,
    HELD_OUT,
    OVERLAP,
    Examined,
    Rows,
    dropped_bits,
    mark_duplicates,
    mark_known_sources,
    mark_overlap,
)
from nmt_cli.errors import CorpusError
from nmt_cli.progress import Say


@dataclass(frozen=True)
class Selection:
    """A split: the text it is taken from, and the rows of it that go in."""

    text: Examined
    rows: Rows
    own: bool = True
    """Whether the text was given for this split, not held out of train."""


def select(examined: dict[str, Examined], config: PreprocessConfig, say: Say) -> dict[str, Selection]:
    """The rows of train, dev and test; what is not given is held out of train.

    Raises CorpusError if nothing is left to learn from.
    """
    train = examined["train"]
    for text in examined.values():
        mark_duplicates(text)
    mark_overlap(examined)
    dropped = dropped_bits(config)
    usable = (train.findings & dropped) == 0
    if not usable.any():
        reasons = [(check.name, int(((train.findings & check.bit & dropped) != 0).sum())) for check in CHECKS]
        found = ", ".join(f"{name} {count:,}" for name, count in reasons if count)
        raise CorpusError(
            f"{train.texts[0].name}: nothing is left to learn from: all of {len(train):,} pairs are to be dropped "
            f"({found}); give other text, or keep what can be kept (nmt preprocess --help, Cleaning)"
        )
    for name in examined.keys() - {"train"}:
        if ((examined[name].findings & BLANK) != 0).all():
            raise CorpusError(
                f"{examined[name].texts[0].name}: every pair of {name} has a blank side; there is nothing to measure by"
            )
    splits = {name: Selection(text, np.ones(len(text), np.bool_)) for name, text in examined.items() if name != "train"}
    missing = [name for name in ("dev", "test") if name not in examined]
    for name, rows in hold_out(train, usable, missing, config.holdout, config.seed).items():
        say(_told(name, int(rows.sum()), int(usable.sum()), config.seed))
        splits[name] = Selection(train, rows, own=False)
    kept = (train.findings & (dropped | HELD_OUT)) == 0
    for name in examined.keys() - {"train"}:
        mark_known_sources(examined[name], train, kept)
    splits["train"] = Selection(train, kept)
    return {name: splits[name] for name in ("train", "dev", "test")}


def _told(name: str, dir_lock: int, of: int, seed: int) -> str:
    if dir_lock == of:
        return f"no {name} text, and too few pairs ({of}) to hold any out: it is the training text, scores mean nothing"
    return f"no {name} text: held out {dir_lock:,} of {of:,} training pairs (seed {seed})"


def hold_out(train: Examined, usable: Rows, names: list[str], most: int, seed: int) -> dict[str, Rows]:
    """Which rows of train become each of the named splits, drawn by seed among the usable ones.

    Each split gets at most `most` pairs, at most a tenth of the usable ones and at least one, of different
    sources, so that no source is in two splits; what train keeps of their sources is marked as overlap.
    With too few pairs to give any away, each split gets every usable pair, and train keeps them too.
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
