"""Write the English-Korean sample corpus: python data/make_sample.py [--out DIR] [--train-align]."""

import argparse
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from random import Random

from grammar import Grammar
from phrase import Pair

SEED = 20240501
SIZES = {"train": 20_000, "dev": 500, "test": 500}
MAX_WORDS = 42
BUCKETS = (5, 10, 15, 20, 25, 30, MAX_WORDS)

Splits = dict[str, list[Pair]]


def generate(seed: int = SEED) -> Splits:
    """All pairs, distinct on both sides, dealt into the splits.

    A sentence that occurs once on each side cannot be in two splits, so no test sentence can have
    been seen in training.
    """
    rng = Random(seed)
    grammar = Grammar(rng)
    pairs: list[Pair] = []
    english: set[str] = set()
    korean: set[str] = set()
    while len(pairs) < sum(SIZES.values()):
        pair = grammar.pair()
        if pair.en in english or pair.ko in korean or not 3 <= len(pair.en.split()) <= MAX_WORDS:
            continue
        english.add(pair.en)
        korean.add(pair.ko)
        pairs.append(pair)
    rng.shuffle(pairs)
    splits: Splits = {}
    start = 0
    for name, size in SIZES.items():
        splits[name] = pairs[start : start + size]
        start += size
    return splits


def write(splits: Splits, out: Path, train_align: bool) -> None:
    """One segment per line, UTF-8, composed characters, Unix line ends."""
    out.mkdir(parents=True, exist_ok=True)
    for name, pairs in splits.items():
        sides = {"en": [pair.en for pair in pairs], "ko": [pair.ko for pair in pairs]}
        if name != "train" or train_align:
            sides["align"] = [pair.align for pair in pairs]
        for side, lines in sides.items():
            text = unicodedata.normalize("NFC", "\n".join(lines) + "\n")
            (out / f"{name}.{side}").write_bytes(text.encode("utf-8"))


def summary(splits: Splits) -> str:
    """Counts, median and a histogram of English sentence lengths."""
    lengths = sorted(len(pair.en.split()) for pairs in splits.values() for pair in pairs)
    lines = [f"{name}: {len(pairs)} pairs" for name, pairs in splits.items()]
    lines.append(f"English words per sentence: {lengths[0]} to {lengths[-1]}, median {lengths[len(lengths) // 2]}")
    low = lengths[0]
    for high in BUCKETS:
        share = sum(low <= length <= high for length in lengths) / len(lengths)
        lines.append(f"{low:3d}-{high:2d} {share:6.1%} {'#' * round(share * 100)}")
        low = high + 1
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Generate, write and report."""
    parser = argparse.ArgumentParser(description="Write the English-Korean sample corpus.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to")
    parser.add_argument("--train-align", action="store_true", help="also write the alignment of the training set")
    options = parser.parse_args(arguments)
    splits = generate()
    write(splits, options.out, options.train_align)
    print(summary(splits))


if __name__ == "__main__":
    main()
