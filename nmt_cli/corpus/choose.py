"""Which rows go into which split."""

from dataclasses import dataclass

import numpy as np

from nmt_cli.config import PreprocessConfig
from nmt_cli.corpus.checks import BLANK, CHECKS, HELD_OUT, dropped_bits
from nmt_cli.corpus.examine import Examined, Rows, mark_duplicates, mark_known_sources, mark_overlap
from nmt_cli.corpus.holdout import hold_out
from nmt_cli.corpus.progress import Say
from nmt_cli.errors import CorpusError


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


def _told(name: str, held: int, of: int, seed: int) -> str:
    if held == of:
        return f"no {name} text, and too few pairs ({of}) to hold any out: it is the training text, scores mean nothing"
    return f"no {name} text: held out {held:,} of {of:,} training pairs (seed {seed})"
