"""Quality on lines that are unlike the training text: in capitals, in title case, with typing errors.

    python benchmarks/robustness.py MODEL SOURCE REFERENCE [--typos 0.1] [--translate "--threads 1"]

SOURCE and REFERENCE are files of lines. Prints BLEU of the normal text as it is, and for each form chrF++ without
regard to case (both sides in small letters), its share of that of the normal text, and the lines with each issue.
"""

import argparse
import json
import random
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quality import evaluate
from result import as_json, describe_machine, json_parser, write

from nmt_cli.checkpoint.layout import MODEL
from nmt_cli.corpus import casing
from nmt_cli.corpus.noise import add_typos
from nmt_cli.corpus.text_io import TextFile, read_lines


def forms(language: str, typos: float) -> dict[str, Callable[[str], str]]:
    """What is done to a line, by name."""
    rng = random.Random(1)
    return {
        "normal": str,
        "capitals": lambda text: casing.upper(text, language),
        "title case": lambda text: casing.title(text, language),
        f"typing errors in {typos:.0%} of words": lambda text: add_typos(text, typos, rng),
    }


def score(hypotheses: Path, reference: Path, target: str, name: str) -> float:
    """The corpus score of a file by the metric of this name."""
    files = ("--hypotheses", str(hypotheses), "--reference", str(reference), "--target", target)
    result: float = evaluate(*files)[name]["score"]
    return result


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    manifest = MODEL.read(args.model)
    lines = list(read_lines(TextFile(args.source)))
    reference = list(read_lines(TextFile(args.reference)))
    written = folder / "reference"
    written.write_text("".join(line.lower() + "\n" for line in reference))
    rows: dict[str, Any] = {}
    for name, change in forms(manifest.source, args.typos).items():
        source, out, receipt = folder / "source", folder / "out", folder / "receipt"
        source.write_text("".join(change(line) + "\n" for line in lines))
        command = ("translate", "--model", str(args.model), str(source), "--out", str(out), "--receipt", str(receipt))
        subprocess.run(
            [sys.executable, "-m", "nmt_cli", *command, "--overwrite", *shlex.split(args.translate)], check=True
        )
        issues: Counter[str] = Counter()
        for entry in receipt.read_text().splitlines():
            issues.update({issue["kind"] for issue in json.loads(entry)["issues"]})
        bleu = score(out, args.reference, manifest.target, "bleu") if name == "normal" else None
        out.write_text(out.read_text().lower())
        chrf = score(out, written, manifest.target, "chrf")
        share = chrf / rows["normal"]["chrf"] if rows else 1.0
        rows[name] = {"bleu": bleu, "chrf": round(chrf, 2), "share": round(share, 3), "issues": dict(issues)}
    return rows


def main() -> None:
    parser = json_parser(__doc__)
    for name in ("model", "source", "reference"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--typos", type=float, default=0.1, help="share of words with a typing error")
    parser.add_argument("--translate", default="", help="more options of nmt translate")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = {"machine": describe_machine(), **measure(args, Path(folder))}
    print(as_json(result))
    write(args.json, result)


if __name__ == "__main__":
    main()
