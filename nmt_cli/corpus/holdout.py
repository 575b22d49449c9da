"""Dev and test out of train, where the user gave none."""

import numpy as np
import numpy.typing as npt

from nmt_cli.corpus.checks import HELD_OUT, OVERLAP
from nmt_cli.corpus.examine import Examined, Rows


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
