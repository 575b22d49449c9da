"""How many rows are multiplied at a time: few numbers of them, since oneDNN compiles a kernel for each and keeps it."""

from torch import Tensor
from torch.nn import functional as F


def made_up(rows: int) -> int:
    """Rows that so many are made up to, a quarter more at most: a multiple of 8 from there on, of 16 above 64, and so
    on, as `corpus.batching.round_size` has it."""
    step = max(8, (1 << rows.bit_length()) // 8)
    return rows if rows <= 8 else -(-rows // step) * step


def padded(rows: Tensor) -> Tensor:
    """Rows (n, I), and zeros, as many as they are made up with."""
    missing = made_up(len(rows)) - len(rows)
    return F.pad(rows, (0, 0, 0, missing)) if missing else rows
