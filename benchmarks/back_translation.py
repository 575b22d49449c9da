"""Back-translation: half of a corpus and, as text in the target language, the other half, against the half alone.

    python benchmarks/back_translation.py --train data/train --dev data/dev --test data/test_2016_flickr \
        --source en --target de --updates 6000 --work runs/back-translation [-- more options of nmt train]

A model of the reverse direction is trained on the first half and translates the target side of the second half. Then
one model is trained on both and another on the first half alone, all three for the same number of updates, which take
the same time, on one thread each. Prints BLEU and chrF++ on the test text and the paired test.
"""

from pathlib import Path

from quality import corpus_parser, evaluate, run
from result import as_json, describe_machine, write
from training import parallel, train

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
    parser.add_argument("--updates", type=int, default=6000, help="of each training")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument("--sample", action="store_true", help="draw the translations instead of searching for them")
    parser.add_argument("--work", type=Path, required=True, help="folder of the text and the models, which are reused")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    folder: Path = args.work
    write_halves(args.train, (args.source, args.target), folder)
    splits = ["--dev", args.dev, "--test", args.test]

    def train_on(name: str, pair: tuple[str, str], *texts: str) -> Path:
        prepared = folder / f"prepared-{name}"
        given = [word for text in texts for word in ("--train", str(folder / text))]
        languages = ["--source", pair[0], "--target", pair[1]]
        run("preprocess", *given, *splits, *languages, "--out", str(prepared), "--overwrite")
        return train(prepared, folder / name, "--max-steps", str(args.updates), *args.options)

    pair = args.source, args.target
    reverse, alone = parallel(
        args.jobs,
        [
            lambda: train_on("reverse", (args.target, args.source), "first"),
            lambda: train_on("half", pair, "first"),
        ],
    )
    back = "drawn" if args.sample else "back"
    mono = str(folder / f"second.{args.target}")
    options = ("--sample",) if args.sample else ()
    pairs = ("augment", "--model", str(reverse), "--text", mono, "--out", str(folder / back), "--tag", "bt")
    seconds, _ = run(*pairs, *options, "--overwrite", "--workers", str(args.jobs))
    both = train_on(f"augmented-{back}", pair, "first", back)
    prepared = str(folder / "prepared-half")
    result = evaluate("--model", str(both), "--prepared", prepared, "--baseline", str(alone))
    row = {
        "machine": describe_machine(),
        "updates": args.updates,
        "translating_seconds": round(seconds, 1),
        **{name: result["baseline"][name] for name in ("bleu", "chrf")},
        "recipe": result["recipe"],
    }
    print(as_json(row))
    write(args.json, row)


if __name__ == "__main__":
    main()
