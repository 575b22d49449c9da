"""Quality in a given time: raw text -> preprocess -> train -> eval, with the real commands.

    python benchmarks/quality.py --train data/train --dev data/dev --test data/test \
        --source en --target de --minutes 15 [--lowercase-tokenized] [-- more options of nmt train]

Prints one row with the scores and their recipe, and writes it to --json FILE. The time limit covers preprocess and
train; evaluation (beam 5) is timed separately.
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
from result import as_json, describe_machine, json_parser, write


def run(*command: str) -> tuple[float, str]:
    """Run an nmt command; returns its seconds and standard output."""
    print("$ nmt", shlex.join(command), file=sys.stderr, flush=True)
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "nmt_cli", *command], stdout=subprocess.PIPE, text=True, check=True)
    return time.monotonic() - started, done.stdout


def evaluate(*options: str) -> dict[str, Any]:
    """The result of nmt eval."""
    result: dict[str, Any] = json.loads(run("eval", *options, "--json")[1])
    return result


def corpus_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser for the corpus, --json, and options passed on to nmt train."""
    parser = json_parser(description)
    for name in ("--train", "--dev", "--test"):
        parser.add_argument(name, required=name == "--train")
    parser.add_argument("--source", required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("options", nargs="*", help="more options of nmt train, after --")
    return parser


def prepare(args: argparse.Namespace, prepared: Path, *options: str) -> float:
    """Prepare the corpus; returns the seconds it took."""
    splits = [f for name in ("dev", "test") if (value := getattr(args, name)) for f in (f"--{name}", value)]
    pair = ["--source", args.source, "--target", args.target]
    return run("preprocess", "--train", args.train, *splits, *pair, "--out", str(prepared), *options)[0]


def main() -> None:
    parser = corpus_parser(__doc__)
    parser.add_argument("--minutes", type=float, default=15.0, help="counted from raw text; 0 sets no limit here")
    parser.add_argument("--lowercase-tokenized", action="store_true", help="also BLEU lower-cased and tokenised")
    parser.add_argument("--preprocess", default="", help="more options of nmt preprocess")
    parser.add_argument("--keep", type=Path, help="folder in which to keep prepared/ and model/")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        prepared, model, output = folder / "prepared", folder / "model", folder / "output.txt"
        preparing = prepare(args, prepared, *shlex.split(args.preprocess))
        limit = ["--max-minutes", f"{args.minutes - preparing / 60:.4f}"] if args.minutes else []
        training, _ = run("train", str(prepared), "--out", str(model), *limit, *args.options)
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
            "options": args.options,
        }
        if args.lowercase_tokenized:
            from nmt_cli.corpus.dataset import PreparedCorpus

            references = PreparedCorpus.open(prepared).split("test").target_texts()
            hypotheses = output.read_text(encoding="utf-8").split("\n")[:-1]
            row["bleu_lowercase_tokenised"] = lowercase_bleu(hypotheses, references)
    print(as_json(row))
    write(args.json, row)


if __name__ == "__main__":
    main()
