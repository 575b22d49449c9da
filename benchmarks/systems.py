"""Every published system, and the default, on one corpus with equal budget.

    python benchmarks/systems.py --train data/train --dev data/dev --test data/test --source en --target de \
        --minutes 5 [--scale 0.25] [--systems bahdanau2014 luong2015-dot] [--gold-alignment test.align] \
        [-- more options of nmt train]

Prepares the corpus once, then trains and judges one system after the other (beam 5), and prints a table of BLEU,
chrF++, target subwords a second and parameters, and writes it with its recipe to --json FILE. With a gold alignment of
the test split also the alignment error rate of attention, by a word's own step and by the next.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from quality import corpus_parser, prepare, run
from result import describe_machine, reports, write

from nmt_cli.checkpoint.model_dir import load_model
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.presets import PRESETS

DEFAULT = "default"


def measure(name: str, prepared: Path, model: Path, options: list[str], given: argparse.Namespace) -> dict[str, Any]:
    """Train one system and judge it."""
    preset = [] if name == DEFAULT else ["--preset", name, "--scale", str(given.scale)]
    seconds, _ = run("train", str(prepared), "--out", str(model), *preset, *options)
    loaded = load_model(model, compute_for_search("cpu", "fp32", 0), packed=False)
    aligned = given.gold_alignment and loaded.config.model.attends
    _, printed = run(
        "eval", "--model", str(model), "--json", *(["--gold-alignment", given.gold_alignment] if aligned else [])
    )
    result = json.loads(printed)
    told = reports(model)
    return {
        "system": name,
        "bleu": result["bleu"],
        "chrf": result["chrf"],
        "speed": statistics.median(entry["speed"] for entry in told),
        "epochs": max(entry["epoch"] for entry in told),
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
    given = parser.parse_args()

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared"
        prepare(given, prepared)
        header = f"{'system':<24} {'BLEU':>6} {'chrF++':>7} {'epochs':>7} {'tokens/s':>9} {'parameters':>11}"
        print(header + (f" {'AER own':>8} {'next':>6}" if given.gold_alignment else ""), flush=True)
        for name in given.systems:
            limit = ["--max-minutes", str(given.minutes), *given.options]
            row = measure(name, prepared, Path(folder) / name, limit, given)
            rows.append(row)
            print(
                f"{name:<24} {row['bleu']['score']:6.1f} {row['chrf']['score']:7.1f} {row['epochs']:7.1f} "
                f"{row['speed']:9,.0f} {row['parameters']:11,}"
                + "".join(f" {row['alignment'][step]['aer']:7.3f}" for step in row["alignment"] or {}),
                flush=True,
            )
            # after every row, so that a run cut short has what it has
            write(
                given.json,
                {"minutes": given.minutes, "scale": given.scale, "machine": describe_machine(), "rows": rows},
            )


if __name__ == "__main__":
    main()
