"""Cost of translation as sentences and files grow, and of training as the corpus grows.

    python benchmarks/growth.py --model model --text test.en [--beam-size 5] [--json FILE]
    python benchmarks/growth.py --train data/train --source en --target fr [--pairs 29000 200000 800000] [--json FILE]

With a model: milliseconds per target subword for sentences of 10 to 400 words, made by joining those of the text, in
one process; they should not grow with the sentence. Then seconds per thousand lines and peak memory of the process for
files of 1,000 to 100,000 lines: the text repeated, each line with its number in front so that no two are the same.

With a corpus: corpora of each size, made from the given one (half of one pair followed by half of another), are
prepared with the tokenizer of the first and trained on for the same number of updates; prints target subwords per
second in the second half of them, and peak memory.
"""

import argparse
import itertools
import tempfile
import time
from pathlib import Path

from preprocess import synthesize
from process import nmt
from result import describe_machine, json_parser, median_speed, write

from nmt_cli.checkpoint.model_dir import load_model
from nmt_cli.config import SearchConfig, SearchPrecision
from nmt_cli.corpus.text_io import TextFile, read_lines
from nmt_cli.decoding.translator import Batching, LineTranslator
from nmt_cli.kernels.device import compute_for_search

LENGTHS = (10, 20, 50, 100, 200, 400)
SENTENCES = 64
FILES = (1_000, 10_000, 100_000)
UPDATES = 1200
"""The first epoch of the smallest corpus, in which oneDNN compiles its kernels, and half as many updates again."""


def by_length(model: Path, text: list[str], beam_size: int, precision: SearchPrecision) -> list[dict[str, float]]:
    """Milliseconds per target subword, by words of a line."""
    loaded = load_model(model, compute_for_search("cpu", precision, 0))
    words = list(itertools.chain.from_iterable(line.split() for line in text))
    rows = []
    for length in LENGTHS:
        lines = [" ".join(words[i * 37 : i * 37 + length]) for i in range(SENTENCES)]
        translator = LineTranslator(loaded, SearchConfig(beam_size=beam_size), Batching())
        seconds = []
        for _ in range(2):  # the first compiles kernels
            started = time.perf_counter()
            translations = translator.translate_lines(lines)
            tokens = sum(len(translation.candidates[0].tokens) + 1 for translation in translations)
            seconds.append(time.perf_counter() - started)
        rows.append({"words": length, "tokens": tokens, "milliseconds": 1000 * seconds[-1] / tokens})
        print(f"{length:>4} words  {tokens / SENTENCES:6.1f} subwords out  {rows[-1]['milliseconds']:.3f} ms each")
    return rows


def by_file(model: Path, text: list[str], beam_size: int, precision: SearchPrecision) -> list[dict[str, float]]:
    """Seconds and peak memory of the whole process, by lines of its input."""
    options = ["--model", str(model), "--beam-size", str(beam_size), "--precision", precision]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        for count in FILES:
            lines = itertools.islice(itertools.cycle(text), count)
            source.write_text("".join(f"{n} {line}\n" for n, line in enumerate(lines)), encoding="utf-8")
            run = nmt("translate", *options, source=source)
            row = {"lines": count, "seconds": run.seconds, "peak_mebibytes": run.peak_bytes / 2**20}
            rows.append(row)
            print(
                f"{count:>7,} lines  {1000 * run.seconds / count:6.2f} s a thousand  {row['peak_mebibytes']:6,.0f} MiB",
                flush=True,
            )
    return rows


def by_corpus(args: argparse.Namespace) -> list[dict[str, float]]:
    """Speed and peak memory of training, by pairs of the corpus."""
    languages, rows = (args.source, args.target), []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tokenizer: list[str] = []
        for pairs in args.pairs:
            prefix, prepared, model = (folder / f"{name}-{pairs}" for name in ("text", "prepared", "model"))
            synthesize(args.train, languages, pairs, prefix)
            options = ["--source", languages[0], "--target", languages[1], "--out", str(prepared), *tokenizer]
            preparing = nmt("preprocess", "--train", str(prefix), *options)
            tokenizer = tokenizer or ["--tokenizer-model", str(prepared / "tokenizer.model")]
            run = nmt("train", str(prepared), "--out", str(model), "--max-steps", str(UPDATES), "--device", "cpu")
            row = {
                "pairs": pairs,
                "prepare_seconds": preparing.seconds,
                "tokens_per_second": median_speed(model),
                "peak_mebibytes": run.peak_bytes / 2**20,
            }
            rows.append(row)
            print(
                f"{pairs:>9,} pairs  prepared in {row['prepare_seconds']:5.1f} s  "
                f"{row['tokens_per_second']:7,.0f} target subwords/s  {row['peak_mebibytes']:6,.0f} MiB",
                flush=True,
            )
    return rows


def main() -> None:
    parser = json_parser(__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--text", type=Path, help="lines for the model to translate")
    parser.add_argument("--beam-size", type=int, default=5)
    parser.add_argument("--precision", choices=["fp32", "int8"], default="fp32")
    parser.add_argument("--train", help="a corpus to train on")
    parser.add_argument("--source")
    parser.add_argument("--target")
    parser.add_argument("--pairs", type=int, nargs="+", default=[29_000, 200_000, 800_000])
    args = parser.parse_args()
    translating, training = (args.model, args.text), (args.train, args.source, args.target)
    if any(any(needed) and not all(needed) for needed in (translating, training)) or not any(translating + training):
        parser.error("give --model and --text, or --train, --source and --target")
    print(describe_machine())
    results: dict[str, object] = {"machine": describe_machine()}
    if args.model:
        setting = (args.model, list(read_lines(TextFile(args.text))), args.beam_size, args.precision)
        results |= {"lengths": by_length(*setting), "files": by_file(*setting)}
    if args.train:
        results["corpora"] = by_corpus(args)
    write(args.json, results)


if __name__ == "__main__":
    main()
