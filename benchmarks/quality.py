"""Quality in a given time: raw text -> preprocess -> train -> eval, each as a user would run it.

    python benchmarks/quality.py --train data/train --dev data/dev --test data/test \
        --source en --target de --minutes 15 [--lowercase-tokenised] [-- more options of nmt train]

Prints one row with the figures and their recipe, and writes it to --json FILE. The clock runs from before
preprocess to after training; evaluation (beam 5) is timed on its own.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from lowercase_bleu import lowercase_bleu
from result import arguments, as_json, describe_machine, write


def run(*command: str) -> tuple[float, str]:
    """Run an nmt command; seconds and standard output."""
    print("$ nmt", shlex.join(command), file=sys.stderr, flush=True)
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "nmt_cli", *command], stdout=subprocess.PIPE, text=True, check=True)
    return time.monotonic() - started, done.stdout


def corpus_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser that knows where a corpus is, what to write, and the options to hand on."""
    parser = arguments(description)
    for name in ("--train", "--dev", "--test"):
        parser.add_argument(name, required=name == "--train")
    parser.add_argument("--source", required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("options", nargs="*", help="more options of nmt train, after --")
    return parser


def prepare(given: argparse.Namespace, prepared: Path, *options: str) -> float:
    """Prepare the corpus that was given; seconds."""
    splits = [f for name in ("dev", "test") if (value := getattr(given, name)) for f in (f"--{name}", value)]
    pair = ["--source", given.source, "--target", given.target]
    return run("preprocess", "--train", given.train, *splits, *pair, "--out", str(prepared), *options)[0]


def main() -> None:
    parser = corpus_parser(__doc__)
    parser.add_argument("--minutes", type=float, default=15.0, help="from raw text on; 0 leaves the end to nmt train")
    parser.add_argument("--lowercase-tokenised", action="store_true", help="also BLEU as older papers report it")
    parser.add_argument("--preprocess", default="", help="more options of nmt preprocess")
    parser.add_argument("--keep", type=Path, help="keep prepared/ and model/ in this folder")
    given = parser.parse_args()

    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        prepared, model, output = folder / "prepared", folder / "model", folder / "output.txt"
        preparing = prepare(given, prepared, *shlex.split(given.preprocess))
        limit = ["--max-minutes", f"{given.minutes - preparing / 60:.4f}"] if given.minutes else []
        training, _ = run("train", str(prepared), "--out", str(model), *limit, *given.options)
        evaluating, printed = run("eval", "--model", str(model), "--json", "--save", str(output))
        result = json.loads(printed)
        row: dict[str, Any] = {
            "minutes": round((preparing + training) / 60, 2),
            "preprocess_seconds": round(preparing, 1),
            "train_seconds": round(training, 1),
            "eval_seconds": round(evaluating, 1),
            "bleu": result["bleu"],
            "chrf": result["chrf"],
            "ter": result["ter"],
            "recipe": result["recipe"],
            "machine": describe_machine(),
            "options": given.options,
        }
        if given.lowercase_tokenised:
            from nmt_cli.corpus.dataset import PreparedCorpus

            references = PreparedCorpus.open(prepared).split("test").target_texts()
            hypotheses = output.read_text(encoding="utf-8").split("\n")[:-1]
            row["bleu_lowercase_tokenised"] = lowercase_bleu(hypotheses, references)
    print(as_json(row))
    write(given.json, row)


if __name__ == "__main__":
    main()
