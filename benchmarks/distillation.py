"""Distillation: a model trained on a corpus and on its teachers' translation of it, against the same model untaught.

    python benchmarks/distillation.py --train data/train --dev data/dev --test data/test_2016_flickr \
        --source en --target de --updates 8000 --teachers 3 --work runs/distillation [-- more options of nmt train]

The teachers have the same options and differ in their seed; the first of them is also the model untaught. Their
ensemble translates the source side of the training text by one nmt augment. The student starts from the seed of the
model untaught and has as many updates, which take the same time, on one thread each. Prints BLEU and chrF++ of the
ensemble and of the student on the test text, and the paired test of the student against the model untaught.
"""

from pathlib import Path

from quality import corpus_parser, evaluate, prepare, run
from result import as_json, describe_machine, write
from training import parallel, train


def main() -> None:
    parser = corpus_parser(__doc__)
    parser.add_argument("--updates", type=int, default=8000, help="of each training")
    parser.add_argument("--teachers", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument("--work", type=Path, required=True, help="folder of the text and the models, which are reused")
    args = parser.parse_args()
    folder: Path = args.work
    folder.mkdir(parents=True, exist_ok=True)
    prepared = folder / "prepared"
    prepare(args, prepared, "--overwrite")

    def train_on(corpus: Path, name: str, seed: int) -> Path:
        options = ("--max-steps", str(args.updates), "--seed", str(seed), *args.options)
        return train(corpus, folder / name, *options)

    seeds = range(1, args.teachers + 1)
    teachers = parallel(
        args.jobs,
        [lambda seed=seed: train_on(prepared, f"teacher-{seed}", seed) for seed in seeds],  # type: ignore[misc]
    )
    untaught, *others = map(str, teachers)
    ensemble = [word for other in others for word in ("--ensemble", other)]
    languages = ["--source", args.source, "--target", args.target]
    taught = folder / "taught"
    teaching = ("augment", "--model", untaught, *ensemble, "--pairs", args.train, "--out", str(taught))
    seconds, _ = run(*teaching, "--overwrite", "--workers", str(args.jobs))
    both = ["--train", args.train, "--train", str(taught), "--like", untaught]
    splits = ["--dev", args.dev, "--test", args.test]
    run("preprocess", *both, *splits, *languages, "--out", str(folder / "prepared-taught"), "--overwrite")
    student = train_on(folder / "prepared-taught", "student", 1)

    corpus = ("--prepared", str(prepared))
    together = evaluate("--model", untaught, *ensemble, *corpus)
    compared = evaluate("--model", str(student), "--baseline", untaught, *corpus)
    row = {
        "machine": describe_machine(),
        "updates": args.updates,
        "teaching_seconds": round(seconds, 1),
        "teachers": {name: together[name] for name in ("bleu", "chrf")},
        **{name: compared["baseline"][name] for name in ("bleu", "chrf")},
        "recipe": compared["recipe"],
    }
    print(as_json(row))
    write(args.json, row)


if __name__ == "__main__":
    main()
