"""Back-translation: half of a corpus and, as text in the target language, the other half, against the half alone.

    python benchmarks/back_translation.py --train data/train --dev data/dev --test data/test_2016_flickr \
        --source en --target de --minutes 10 --work runs/back-translation [-- more options of nmt train]

A model of the reverse direction is trained on the first half and translates the target side of the second half. Then
one model is trained on both and another on the first half alone, each for the same minutes on --threads threads. Prints
BLEU and chrF++ on the test text and the paired test.
"""

import json
from pathlib import Path
from typing import Any

from quality import corpus_parser, run
from result import as_json, describe_machine, write

from nmt_cli.corpus.readers import locate, read_pairs
from nmt_cli.corpus.tabular import Fields


def write_halves(text: str, languages: tuple[str, str], folder: Path) -> None:
    """Write every other pair as `first`, and the target side of the others as `second`."""
    source, target = languages
    with (
        open(folder / f"first.{source}", "w", encoding="utf-8") as first_source,
        open(folder / f"first.{target}", "w", encoding="utf-8") as first_target,
        open(folder / f"second.{target}", "w", encoding="utf-8") as second,
    ):
        for number, pair in enumerate(read_pairs(locate(text, "auto", languages), Fields(languages))):
            if number % 2:
                second.write(pair[1] + "\n")
            else:
                first_source.write(pair[0] + "\n")
                first_target.write(pair[1] + "\n")


def main() -> None:
    parser = corpus_parser(__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of each training")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--work", type=Path, required=True, help="folder for text and models")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    folder: Path = args.work
    write_halves(args.train, (args.source, args.target), folder)
    splits = ["--dev", args.dev, "--test", args.test]
    limit = ["--max-minutes", str(args.minutes), "--threads", args.threads, *args.options]

    def train(name: str, pair: tuple[str, str], *texts: str) -> str:
        prepared, model = str(folder / f"prepared-{name}"), str(folder / name)
        given = [word for text in texts for word in ("--train", str(folder / text))]
        languages = ["--source", pair[0], "--target", pair[1]]
        run("preprocess", *given, *splits, *languages, "--out", prepared, "--overwrite")
        run("train", prepared, "--out", model, "--overwrite", *limit)
        return model

    reverse = train("reverse", (args.target, args.source), "first")
    mono = str(folder / f"second.{args.target}")
    back = ("augment", "--model", reverse, "--text", mono, "--out", str(folder / "back"), "--tag", "bt", "--overwrite")
    seconds, _ = run(*back, "--workers", args.threads)
    pair = args.source, args.target
    alone, both = train("half", pair, "first"), train("augmented", pair, "first", "back")
    prepared = ["--prepared", str(folder / "prepared-half"), "--threads", args.threads, "--json"]
    _, printed = run("eval", "--model", both, *prepared, "--baseline", alone)
    result: dict[str, Any] = json.loads(printed)
    row = {
        "machine": describe_machine(),
        "minutes": args.minutes,
        "translating_seconds": round(seconds, 1),
        **{name: result["baseline"][name] for name in ("bleu", "chrf")},
        "recipe": result["recipe"],
    }
    print(as_json(row))
    write(args.json, row)


if __name__ == "__main__":
    main()
