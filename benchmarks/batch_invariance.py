"""Counts the lines whose translation depends on the batch that they are in, for each precision and with a shortlist.

    python benchmarks/batch_invariance.py MODEL SOURCE [--lines 1000] [--beam-size 5]

The lines are translated alone, and shuffled in batches of 1, 7, 64 and 256, each with a long line. Prints how many
translations differ from that of the line alone, and how many of these are not proven ties: of a proven tie, both
translations have the same score, to 1e-4, when the model is forced to produce them.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from nmt_cli.checkpoint.model_dir import LoadedModel, load_model
from nmt_cli.config import SearchConfig, SearchPrecision
from nmt_cli.corpus.text_io import TextFile, read_lines
from nmt_cli.decoding.hypothesis import length_penalty
from nmt_cli.decoding.translation import Candidate, Translation
from nmt_cli.decoding.translator import Batching, LineTranslator
from nmt_cli.errors import CheckpointError, ConfigError
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.special_tokens import BOS, EOS

BATCH_SIZES = (1, 7, 64, 256)
TIE = 1e-4
"""Difference of scores up to which two translations are a tie."""
LONG = 8
"""Lines of a batch that its long line is made of."""
ROOM = 32
"""The batch size that is allowed, as a multiple of the size, so that the long line does not split the batch."""

SETTINGS: tuple[tuple[SearchPrecision, int], ...] = (("fp32", 0), ("bf16", 0), ("int8", 0), ("fp32", 32))
"""Precision and shortlist."""


@dataclass(frozen=True)
class Differences:
    """Lines whose translation in a batch is another one than alone, and how many of these are not proven ties."""

    lines: list[str]
    unproven: int


def translate_in_batches(
    loaded: LoadedModel, lines: Sequence[str], search: SearchConfig, size: int
) -> list[Translation]:
    """The translation of each line, in shuffled batches of `size`, each with a long line."""
    order = list(range(len(lines)))
    random.Random(size).shuffle(order)
    translator = LineTranslator(loaded, search, Batching(ROOM * size))
    results: dict[int, Translation] = {}
    step = max(1, size - 1)
    for start in range(0, len(order), step):
        rows = order[start : start + step]
        batch = [lines[row] for row in rows]
        if size > 1:
            batch.append(" ".join(batch[:LONG]))
        results.update(zip(rows, translator.translate_lines(batch), strict=False))
    return [results[row] for row in range(len(lines))]


def compare(
    loaded: LoadedModel, search: SearchConfig, alone: list[Translation], together: list[Translation]
) -> Differences:
    """Compare the best translations of the same lines."""
    differing, unproven = [], 0
    for one, other in zip(alone, together, strict=True):
        first, second = one.candidates[0], other.candidates[0]
        if first.tokens != second.tokens:
            differing.append(one.line.text)
            scores = [forced_score(loaded, search, one.line.text, candidate) for candidate in (first, second)]
            unproven += abs(scores[0] - scores[1]) > TIE
    return Differences(differing, unproven)


@torch.inference_mode()
def forced_score(loaded: LoadedModel, search: SearchConfig, source: str, candidate: Candidate) -> float:
    """The score of a translation: its log-probability when the model is forced to produce it, normalised by length."""
    pieces = loaded.tokenizers.target.pieces(range(loaded.tokenizers.target.size))
    target = [*map(pieces.index, candidate.tokens), *([EOS] if candidate.finished else [])]
    ids = torch.tensor([[*loaded.tokenizers.source.encode(source), EOS]])
    readouts, _ = loaded.model(ids, torch.ones_like(ids, dtype=torch.bool), torch.tensor([[BOS, *target[:-1]]]))
    log_probs = loaded.model.output(readouts)[0].log_softmax(-1)
    total = float(log_probs[torch.arange(len(target)), torch.tensor(target)].sum())
    return total / float(length_penalty(torch.tensor(len(target)), search.length_penalty))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("source", type=Path)
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument("--beam-size", type=int, default=5)
    args = parser.parse_args()
    lines = list(read_lines(TextFile(args.source)))[: args.lines]
    exact = load_model(args.model, compute_for_search("cpu", "fp32", 1), packed=False)
    print(f"{len(lines)} lines, beam {args.beam_size}; lines that differ in batches (of these no proven ties)")
    print(f"{'':24}" + "".join(f"{size:>12}" for size in BATCH_SIZES))
    for precision, shortlist in SETTINGS:
        name = f"{precision} --shortlist {shortlist}" if shortlist else precision
        search = SearchConfig(beam_size=args.beam_size, shortlist=shortlist)
        try:
            loaded = load_model(args.model, compute_for_search("cpu", precision, 1))
            alone = translate_in_batches(loaded, lines, search, 1)
        except (ConfigError, CheckpointError) as error:
            print(f"{name:24}{error}")
            continue
        cells = []
        for size in BATCH_SIZES:
            found = compare(exact, search, alone, translate_in_batches(loaded, lines, search, size))
            cells.append(f"{len(found.lines)} ({found.unproven})")
        print(f"{name:24}" + "".join(f"{cell:>12}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
