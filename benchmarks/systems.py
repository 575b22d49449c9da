"""Every published system and the default, trained on one corpus with equal budgets.

    python benchmarks/systems.py --train data/train --dev data/dev --test data/test --source en --target de \
        --minutes 5 [--scale 0.25] [--systems bahdanau2014 luong2015-dot] [--gold-alignment test.align] \
        [-- more options of nmt train]

Prepares the corpus once, then trains and evaluates one system after the other (beam 5). Prints a table of BLEU, chrF++,
target subwords per second and parameters, and writes it with its recipe to --json FILE. With a gold alignment of the
test split also the alignment error rate of attention, at a word's own step and at the next.
"""

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from quality import corpus_parser, evaluate, prepare, run
from result import describe_machine, training_log, write

from nmt_cli.checkpoint.model_dir import load_model
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.presets import PRESETS

DEFAULT = "default"


def measure(name: str, prepared: Path, model: Path, options: list[str], args: argparse.Namespace) -> dict[str, Any]:
    """Train one system and evaluate it."""
    preset = [] if name == DEFAULT else ["--preset", name, "--scale", str(args.scale)]
    seconds, _ = run("train", str(prepared), "--out", str(model), *preset, *options)
    loaded = load_model(model, compute_for_search("cpu", "fp32", 0), packed=False)
    aligned = args.gold_alignment and loaded.config.model.attends
    result = evaluate("--model", str(model), *(["--gold-alignment", args.gold_alignment] if aligned else []))
    log = training_log(model)
    return {
        "system": name,
        "bleu": result["bleu"],
        "chrf": result["chrf"],
        "speed": statistics.median(entry["speed"] for entry in log),
        "epochs": max(entry["epoch"] for entry in log),
        "parameters": loaded.model.num_parameters,
        "alignment": result["alignment"],
        "train_seconds": round(seconds, 1),
        "recipe": result["recipe"],
    }


def main() -> None:
    parser = corpus_parser(__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--scale", type=float, default=0.25)
    parser.add_argument("--systems", nargs="+", default=[*PRESETS, DEFAULT], choices=[*PRESETS, DEFAULT])
    parser.add_argument("--gold-alignment", help="gold word alignment of the test split")
    args = parser.parse_args()

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared"
        prepare(args, prepared)
        header = f"{'system':<24} {'BLEU':>6} {'chrF++':>7} {'epochs':>7} {'tokens/s':>9} {'parameters':>11}"
        print(header + (f" {'AER own':>8} {'next':>6}" if args.gold_alignment else ""), flush=True)
        for name in args.systems:
            limit = ["--max-minutes", str(args.minutes), *args.options]
            row = measure(name, prepared, Path(folder) / name, limit, args)
            rows.append(row)
            print(
                f"{name:<24} {row['bleu']['score']:6.1f} {row['chrf']['score']:7.1f} {row['epochs']:7.1f} "
                f"{row['speed']:9,.0f} {row['parameters']:11,}"
                + "".join(f" {row['alignment'][step]['aer']:7.3f}" for step in row["alignment"] or {}),
                flush=True,
            )
            # after every row, so that an interrupted run keeps its results
            write(
                args.json,
                {"minutes": args.minutes, "scale": args.scale, "machine": describe_machine(), "rows": rows},
            )


if __name__ == "__main__":
    main()
