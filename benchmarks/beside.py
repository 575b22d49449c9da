"""Programs timed beside each other on the same input: ours and those of other toolkits.

    python benchmarks/beside.py --input test.en --reference test.de --repeats 5 \
        'nmt=nmt translate --model model' 'other=their_translate -model m.pt -src {input} -output {output}'

Each is NAME=COMMAND; a command that does not name {input} and {output} reads standard input and writes standard output.
All run in turn, `--repeats` times; with two programs on two cores nothing else may run. Prints medians of the whole
process's wall-clock and processor time, its peak memory, lines a second, and how many times the time of the first the
others take; with a reference also BLEU. Give an input of one line to see how long a cold start takes. Output in
SentencePiece's pieces is joined before it is judged.
"""

import shlex
import statistics
import tempfile
from pathlib import Path

from process import Run, measure
from result import arguments, machine, write
from sacrebleu import corpus_bleu

from nmt_cli.corpus.lines import TextFile, read_lines

PIECE = "\u2581"


def read(path: Path) -> list[str]:
    """The lines of a file, as text."""
    lines = read_lines(TextFile(path))
    return [line.replace(" ", "").replace(PIECE, " ").strip() if PIECE in line else line for line in lines]


def run(command: str, source: Path, target: Path) -> Run:
    """One run of a program."""
    given = [part.replace("{input}", str(source)).replace("{output}", str(target)) for part in shlex.split(command)]
    return measure(given, None if "{input}" in command else source, None if "{output}" in command else target)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("programs", nargs="+", metavar="NAME=COMMAND")
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    commands = dict(program.split("=", 1) for program in given.programs)
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    outputs = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(given.repeats):
            for name, command in commands.items():
                target = Path(folder) / "output"
                runs[name].append(run(command, given.input, target))
                outputs[name] = read(target)

    lines = len(read(given.input))
    first = statistics.median(one.seconds for one in next(iter(runs.values())))
    rows = []
    print(f"{machine()}; {lines:,} lines of {given.input}, {given.repeats} times")
    print(f"{'':<16} {'seconds':>8} {'times':>6} {'processor':>9} {'lines/s':>9} {'MiB':>6} {'BLEU':>6}")
    for name, found in runs.items():
        seconds, processor = (
            statistics.median(getattr(one, what) for one in found) for what in ("seconds", "processor_seconds")
        )
        peak = max(one.peak_bytes for one in found) / 2**20
        score = corpus_bleu(outputs[name], [read(given.reference)]).score if given.reference else None
        print(
            f"{name:<16} {seconds:8.2f} {seconds / first:6.2f} {processor:9.2f} {lines / seconds:9.1f} {peak:6.0f}"
            + (f" {score:6.2f}" if score is not None else "")
        )
        rows.append({"name": name, "command": commands[name], "seconds": [one.seconds for one in found],
                     "processor_seconds": processor, "peak_mebibytes": peak, "bleu": score})  # fmt: skip
    write(given.json, {"machine": machine(), "lines": lines, "rows": rows})


if __name__ == "__main__":
    main()
