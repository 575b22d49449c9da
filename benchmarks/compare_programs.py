"""Time, memory and BLEU of several programs on the same input: nmt and other toolkits.

    python benchmarks/compare_programs.py --input test.en --reference test.de --repeats 5 \
        'nmt=nmt translate --model model' 'other=their_translate -model m.pt -src {input} -output {output}'

Each program is NAME=COMMAND; a command without {input} and {output} reads standard input and writes standard output.
The programs run one after the other, alternating `--repeats` times; nothing else should use the machine. Prints medians
of wall-clock and CPU time of the whole process, its peak memory, lines per second and the time relative to the first
program's; with a reference also BLEU. An input of one line measures a cold start. Output in SentencePiece pieces is
joined before it is scored.

Speeds that the programs log themselves, in training for example, are compared with `--figure`:

    python benchmarks/compare_programs.py --figure '([0-9,]+) tokens/s' --figure '([0-9]+) tok/s' \
        'nmt=nmt train prepared --out {output} --overwrite --max-steps 60' 'other=their_train -config config.yaml'

The first pattern belongs to the first program, and so on. A program's figure is the median of all numbers that its
pattern finds in its output, without the first two of each run.
"""

import itertools
import re
import shlex
import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from process import Run, measure
from result import describe_machine, json_parser, write
from sacrebleu import corpus_bleu

from nmt_cli.corpus.text_io import TextFile, read_lines

PIECE = "\u2581"
RATIOS = ("seconds", "figure")
"""Columns that are also printed relative to the first program."""


def read(path: Path) -> list[str]:
    """The lines of a file, SentencePiece pieces joined."""
    lines = read_lines(TextFile(path))
    return [line.replace(" ", "").replace(PIECE, " ").strip() if PIECE in line else line for line in lines]


@dataclass
class Program:
    """A program and its measurements."""

    name: str
    command: str
    pattern: str | None = None
    runs: list[Run] = field(default_factory=list)
    figures: list[float] = field(default_factory=list)
    output: list[str] = field(default_factory=list)

    def run(self, source: Path | None, folder: Path) -> None:
        """Run it once."""
        target, log = folder / f"{self.name}.output", folder / f"{self.name}.log"
        command = [
            part.replace("{input}", str(source)).replace("{output}", str(target)) for part in shlex.split(self.command)
        ]
        reads, writes = "{input}" not in self.command, "{output}" not in self.command
        self.runs.append(measure(command, source if reads else None, target if writes else None, log))
        if source:
            self.output = read(target)
        if self.pattern:
            texts = [path.read_text(encoding="utf-8", errors="replace") for path in (target, log) if path.is_file()]
            numbers = re.findall(self.pattern, "\n".join(texts))
            self.figures += [float(number.replace(",", "")) for number in numbers[2:]]

    def summary(self, reference: list[str] | None) -> dict[str, float | None]:
        """Medians, the largest peak memory, and BLEU."""
        return {
            "seconds": statistics.median(run.seconds for run in self.runs),
            "processor": statistics.median(run.cpu_seconds for run in self.runs),
            "MiB": max(run.peak_bytes for run in self.runs) / 2**20,
            "lines/s": len(self.output) / statistics.median(run.seconds for run in self.runs) or None,
            "BLEU": corpus_bleu(self.output, [reference]).score if reference else None,
            "figure": statistics.median(self.figures) if self.figures else None,
        }


def main() -> None:
    parser = json_parser(__doc__)
    parser.add_argument("programs", nargs="+", metavar="NAME=COMMAND")
    parser.add_argument("--input", type=Path)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--figure", action="append", default=[], metavar="PATTERN")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    commands = (text.partition("=") for text in args.programs)
    programs = [
        Program(name, command, pattern) for (name, _, command), pattern in itertools.zip_longest(commands, args.figure)
    ]
    with tempfile.TemporaryDirectory() as folder:
        for _, program in itertools.product(range(args.repeats), programs):
            program.run(args.input, Path(folder))

    reference = read(args.reference) if args.reference else None
    rows = [program.summary(reference) for program in programs]
    first = rows[0]
    print(f"{describe_machine()}; {args.input or 'no input'}, {args.repeats} times each, alternating")
    columns = [name for name, value in first.items() if value is not None]
    print(f"{'':<16}" + "".join(f"{name:>10}" + f"{'times':>7}" * (name in RATIOS) for name in columns))
    for program, row in zip(programs, rows, strict=True):
        cells = []
        for name in columns:
            value, unit = row[name] or 0.0, first[name] or 1.0
            cells.append(f"{value:10,.2f}" + f"{value / unit:7.2f}" * (name in RATIOS))
        print(f"{program.name:<16}" + "".join(cells))
    results = [{"name": each.name, "command": each.command, **row} for each, row in zip(programs, rows, strict=True)]
    write(args.json, {"machine": describe_machine(), "repeats": args.repeats, "rows": results})


if __name__ == "__main__":
    main()
