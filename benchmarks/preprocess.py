"""Time and memory of `nmt preprocess` and of SentencePiece alone on the same text.

    python benchmarks/preprocess.py data/train --source en --target fr --pairs 200000 1000000 --repeats 3

synthesizes text of each size from the given corpus (half of one pair followed by half of another, drawn by seed), then
alternates `nmt preprocess` and SentencePiece's own multi-threaded training (on all of the text, with the same
vocabulary size and settings) and encoding, each in a new process. For each size it prints the median wall-clock and CPU
seconds of both, their ratio, and the peak memory of the whole process tree (PSS, polled), which must not grow with the
corpus. Needs Linux (/proc).
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
from pathlib import Path

import sentencepiece
from process import Run, measure, nmt

from nmt_cli.corpus.readers import locate, read_pairs
from nmt_cli.corpus.tabular import Fields

SENTENCEPIECE = """
import io, sys
import sentencepiece
source, target, size, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
model = io.BytesIO()
sentencepiece.SentencePieceTrainer.train(
    input=[source, target], model_writer=model, vocab_size=size, hard_vocab_limit=False, byte_fallback=True,
    character_coverage=1.0, normalization_rule_name="identity", num_threads=threads, minloglevel=2,
)
processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
for path in (source, target):
    with open(path, encoding="utf-8", newline="\\n") as file:
        processor.encode([line.rstrip("\\n") for line in file], num_threads=threads)
"""


def synthesize(prefix: str, languages: tuple[str, str], pairs: int, out: Path) -> None:
    """Write pairs, each the first half of one known pair and the second half of another."""
    known = list(read_pairs(locate(prefix, "auto", languages), Fields(languages)))
    rng = random.Random(pairs)
    files = [open(f"{out}.{code}", "w", encoding="utf-8", newline="\n") for code in languages]  # noqa: SIM115
    for _ in range(pairs):
        first, second = rng.choice(known), rng.choice(known)
        for file, begin, end in zip(files, first, second, strict=True):
            file.write(" ".join([*_half(begin, 0), *_half(end, 1)]) + "\n")
    for file in files:
        file.close()


def _half(text: str, which: int) -> list[str]:
    words = text.split(" ")
    middle = (len(words) + 1) // 2
    return words[middle:] if which else words[:middle]


def compare(folder: Path, languages: tuple[str, str], pairs: int, repeats: int) -> None:
    """Run both programs alternately on the same text; prints a line for each."""
    prefix = folder / str(pairs)
    threads = len(os.sched_getaffinity(0))
    size = "8000"
    ours: list[Run] = []
    theirs: list[Run] = []
    for _ in range(repeats):
        out = folder / f"prepared-{pairs}"
        pair = ["--source", languages[0], "--target", languages[1]]
        ours.append(nmt("preprocess", "--train", str(prefix), "--out", str(out), "--overwrite", *pair))
        size = str(json.loads((out / "manifest.json").read_text())["tokenizer"]["source_size"])
        files = [f"{prefix}.{code}" for code in languages]
        theirs.append(measure([sys.executable, "-c", SENTENCEPIECE, *files, size, str(threads)]))
    for name, runs in (("nmt preprocess", ours), (f"SentencePiece, {size}", theirs)):
        seconds = statistics.median(run.seconds for run in runs)
        cpu = statistics.median(run.cpu_seconds for run in runs)
        peak = max(run.peak_bytes for run in runs) / 2**20
        print(f"{pairs:>9,}  {name:<22}{seconds:>8.1f} s{cpu:>9.1f} s CPU{peak:>9,.0f} MiB peak")
    ratios = [a.seconds / b.seconds for a, b in zip(ours, theirs, strict=True)]
    cpu_ratios = [a.cpu_seconds / b.cpu_seconds for a, b in zip(ours, theirs, strict=True)]
    print(
        f"{pairs:>9,}  ratio of time {statistics.median(ratios):.2f} ({', '.join(f'{r:.2f}' for r in ratios)}), "
        f"of CPU time {statistics.median(cpu_ratios):.2f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix", help="corpus to synthesize text from")
    parser.add_argument("--source", required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--pairs", type=int, nargs="+", default=[200_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    languages = (options.source, options.target)
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(f"{cores} cores, load {load:.1f}, sentencepiece {sentencepiece.__version__}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        for pairs in options.pairs:
            synthesize(options.prefix, languages, pairs, Path(name) / str(pairs))
            compare(Path(name), languages, pairs, options.repeats)


if __name__ == "__main__":
    main()
