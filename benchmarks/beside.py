"""Programs timed beside each other on the same input: ours and those of other toolkits.

    python benchmarks/beside.py --input test.en --reference test.de --repeats 5 \
        'nmt=nmt translate --model model' 'other=their_translate -model m.pt -src {input} -output {output}'

Each is NAME=COMMAND; a command that does not name {input} and {output} reads standard input and writes standard output.
All run in turn, `--repeats` times; with two programs on two cores nothing else may run. Prints medians of the whole
process's wall-clock and processor time, its peak memory, lines a second, and how many times the time of the first the
others take; with a reference also BLEU. Give an input of one line to see how long a cold start takes. Output in
SentencePiece's pieces is joined before it is judged.

Programs that tell their own speed as they go, when they train, say, are also compared by that:

    python benchmarks/beside.py --figure '([0-9,]+) tokens/s' --figure '([0-9]+) tok/s' \
        'nmt=nmt train prepared --out {output} --overwrite --max-steps 60' 'other=their_train -config config.yaml'

A figure is that of the program in the same place: the median of all numbers that its pattern finds in what the program
writes, without the first two of each run.
"""

import itertools
import re
import shlex
import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from process import Run, measure
from result import arguments, describe_machine, write
from sacrebleu import corpus_bleu

from nmt_cli.corpus.text_io import TextFile, read_lines

PIECE = "\u2581"
RATIOS = ("seconds", "figure")
"""What is also told as so many times the first program's."""


def read(path: Path) -> list[str]:
    """The lines of a file, as text."""
    lines = read_lines(TextFile(path))
    return [line.replace(" ", "").replace(PIECE, " ").strip() if PIECE in line else line for line in lines]


@dataclass
class Program:
    """A program, and what was measured of it."""

    name: str
    command: str
    pattern: str | None = None
    runs: list[Run] = field(default_factory=list)
    figures: list[float] = field(default_factory=list)
    output: list[str] = field(default_factory=list)

    def run(self, source: Path | None, folder: Path) -> None:
        """Once more."""
        target, log = folder / f"{self.name}.output", folder / f"{self.name}.log"
        given = [
            part.replace("{input}", str(source)).replace("{output}", str(target)) for part in shlex.split(self.command)
        ]
        reads, writes = "{input}" not in self.command, "{output}" not in self.command
        self.runs.append(measure(given, source if reads else None, target if writes else None, log))
        if source:
            self.output = read(target)
        if self.pattern:
            texts = [path.read_text(encoding="utf-8", errors="replace") for path in (target, log) if path.is_file()]
            found = re.findall(self.pattern, "\n".join(texts))
            self.figures += [float(number.replace(",", "")) for number in found[2:]]

    def summary(self, reference: list[str] | None) -> dict[str, float | None]:
        """Medians, the largest memory, and BLEU."""
        return {
            "seconds": statistics.median(run.seconds for run in self.runs),
            "processor": statistics.median(run.processor_seconds for run in self.runs),
            "MiB": max(run.peak_bytes for run in self.runs) / 2**20,
            "lines/s": len(self.output) / statistics.median(run.seconds for run in self.runs) or None,
            "BLEU": corpus_bleu(self.output, [reference]).score if reference else None,
            "figure": statistics.median(self.figures) if self.figures else None,
        }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("programs", nargs="+", metavar="NAME=COMMAND")
    parser.add_argument("--input", type=Path)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--figure", action="append", default=[], metavar="PATTERN")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    named = (text.partition("=") for text in given.programs)
    programs = [
        Program(name, command, pattern) for (name, _, command), pattern in itertools.zip_longest(named, given.figure)
    ]
    with tempfile.TemporaryDirectory() as folder:
        for _, program in itertools.product(range(given.repeats), programs):
            program.run(given.input, Path(folder))

    reference = read(given.reference) if given.reference else None
    rows = [program.summary(reference) for program in programs]
    first = rows[0]
    print(f"{describe_machine()}; {given.input or 'no input'}, {given.repeats} times each, in turn")
    shown = [name for name, value in first.items() if value is not None]
    print(f"{'':<16}" + "".join(f"{name:>10}" + f"{'times':>7}" * (name in RATIOS) for name in shown))
    for program, row in zip(programs, rows, strict=True):
        cells = []
        for name in shown:
            value, unit = row[name] or 0.0, first[name] or 1.0
            cells.append(f"{value:10,.2f}" + f"{value / unit:7.2f}" * (name in RATIOS))
        print(f"{program.name:<16}" + "".join(cells))
    found = [{"name": each.name, "command": each.command, **row} for each, row in zip(programs, rows, strict=True)]
    write(given.json, {"machine": describe_machine(), "repeats": given.repeats, "rows": found})


if __name__ == "__main__":
    main()
