"""What translating costs as sentences and files grow.

    python benchmarks/growth.py --model model --text test.en [--beam-size 5] [--json FILE]

Sentences of 10 to 400 words, made by joining those of the text, in one process: milliseconds for each target subword,
which should not become more as sentences grow. Files of 1,000 to 100,000 lines, the text again and again with a
number in front so that no line is the same: seconds for each thousand lines, and the peak memory of the process.
"""

import itertools
import sys
import tempfile
import time
from pathlib import Path

from process import measure
from result import arguments, machine, write

from nmt_cli.checkpoint.folder import load_model
from nmt_cli.config import SearchConfig, SearchPrecision
from nmt_cli.corpus.lines import TextFile, read_lines
from nmt_cli.decoding.translator import Batching, Translator
from nmt_cli.model.device import compute_for_search

LENGTHS = (10, 20, 50, 100, 200, 400)
SENTENCES = 64
FILES = (1_000, 10_000, 100_000)


def by_length(model: Path, text: list[str], beam_size: int, precision: SearchPrecision) -> list[dict[str, float]]:
    """Milliseconds for each target subword, by the words of a line."""
    loaded = load_model(model, compute_for_search("cpu", precision, 0))
    words = list(itertools.chain.from_iterable(line.split() for line in text))
    rows = []
    for length in LENGTHS:
        lines = [" ".join(words[i * 37 : i * 37 + length]) for i in range(SENTENCES)]
        translator = Translator(loaded, SearchConfig(beam_size=beam_size), Batching())
        taken = []
        for _ in range(2):  # the first compiles kernels
            started = time.perf_counter()
            found = translator.translate_lines(lines)
            tokens = sum(len(translation.candidates[0].tokens) + 1 for translation in found)
            taken.append(time.perf_counter() - started)
        rows.append({"words": length, "tokens": tokens, "milliseconds": 1000 * taken[-1] / tokens})
        print(f"{length:>4} words  {tokens / SENTENCES:6.1f} subwords out  {rows[-1]['milliseconds']:.3f} ms each")
    return rows


def by_file(model: Path, text: list[str], beam_size: int, precision: SearchPrecision) -> list[dict[str, float]]:
    """Seconds and memory of the whole process, by the lines of its input."""
    options = ["--model", str(model), "--beam-size", str(beam_size), "--precision", precision]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        for count in FILES:
            lines = itertools.islice(itertools.cycle(text), count)
            source.write_text("".join(f"{n} {line}\n" for n, line in enumerate(lines)), encoding="utf-8")
            run = measure([sys.executable, "-m", "nmt_cli", "translate", *options], source)
            row = {"lines": count, "seconds": run.seconds, "peak_mebibytes": run.peak_bytes / 2**20}
            rows.append(row)
            print(
                f"{count:>7,} lines  {1000 * run.seconds / count:6.2f} s a thousand  {row['peak_mebibytes']:6,.0f} MiB",
                flush=True,
            )
    return rows


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--beam-size", type=int, default=5)
    parser.add_argument("--precision", choices=["fp32", "int8"], default="fp32")
    given = parser.parse_args()
    text = list(read_lines(TextFile(given.text)))
    print(machine())
    how = (given.model, text, given.beam_size, given.precision)
    write(given.json, {"machine": machine(), "lengths": by_length(*how), "files": by_file(*how)})


if __name__ == "__main__":
    main()
