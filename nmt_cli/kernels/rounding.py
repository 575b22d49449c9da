"""Rounds row counts, batch sizes and widths, so that few distinct shapes occur: oneDNN compiles a kernel of 0.25 to
0.5 MB for each shape and keeps it."""


def round_up(count: int, multiple: int) -> int:
    """`count` rounded up to a multiple of `multiple`."""
    return -(-count // multiple) * multiple


def round_up_rows(rows: int) -> int:
    """Round up to a multiple of 8 (16 above 64, 32 above 128, ...): above 32, at most 25 % padding. Counts up to 8 are
    not changed."""
    return rows if rows <= 8 else round_up(rows, _step(rows))


def round_batch_size(sentences: int) -> int:
    """Round down to a size that `round_up_rows` does not change: above 32, at most a fifth is left for the next batch.
    Sizes below 8 are not changed."""
    return sentences - sentences % _step(sentences) or sentences


def _step(count: int) -> int:
    return max(8, (1 << (count - 1).bit_length()) // 8)
