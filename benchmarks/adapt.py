"""Adaptation to a domain: a general model, the same model adapted on both texts mixed, and models trained from scratch
for as many updates, which take the same time.

    python benchmarks/adapt.py --general data/bible --domain data/tatoeba --source en --target ko \
        --weight 4 --seeds 3 --work runs/adapt

Both arguments are folders with the files train, dev and, for the domain, test, each with the suffixes of the languages.
The general model is scored on the general dev text too, which chooses only its own weights. Each training has one
thread; --jobs of them run at a time. --rates tries learning rates of adaptation, as shares of the default of training,
on the domain's dev text with one seed, and stops.
"""

import argparse
import statistics
from pathlib import Path
from typing import Any

from quality import evaluate, run
from result import as_json, describe_machine, json_parser, write
from training import parallel, train

from nmt_cli.checkpoint.layout import WEIGHTS, read_config, read_metadata
from nmt_cli.training.schedule import default_learning_rate

KINDS = ("adapted", "scratch, mixed", "scratch, domain")


class Adaptation:
    """The folders and the commands of one comparison."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.work: Path = args.work
        self.languages = ("--source", args.source, "--target", args.target)
        self.common = ("--threads", "1")

    def prepare(self) -> None:
        """Prepare the general text, train the general model, and prepare the mixed text and that of the domain."""
        general, domain = self.args.general, self.args.domain
        texts = ("--train", f"{general}/train", "--dev", f"{general}/dev")
        run("preprocess", *texts, *self.languages, "--out", str(self.work / "general"))
        self._train("general", "parent", self.args.general_updates)
        splits = ("--dev", f"{domain}/dev", "--test", f"{domain}/test")
        mixed = ("--train", f"{general}/train", "--train", f"{domain}/train={self.args.weight:g}", *splits)
        run("preprocess", *mixed, "--like", str(self.work / "parent"), "--out", str(self.work / "mixed"))
        alone = ("--train", f"{domain}/train", *splits, *self.languages)
        run("preprocess", *alone, "--out", str(self.work / "domain"))

    def _train(self, prepared: str, model: str, updates: int, *options: str) -> Path:
        return train(self.work / prepared, self.work / model, "--max-steps", str(updates), *options)

    def adapt(self, name: str, *options: str) -> Path:
        """Adapt the general model on the mixed text."""
        return self._train("mixed", name, self.args.updates, "--from", str(self.work / "parent"), *options)

    def train(self, kind: str, seed: int) -> Path:
        """Train the model of this kind and seed."""
        options = ("--seed", str(seed))
        name = f"{kind.replace(', ', '-')}-{seed}"
        if kind == "adapted":
            return self.adapt(name, *options)
        return self._train(kind.removeprefix("scratch, "), name, self.args.updates, *options)

    def score(self, model: Path, prepared: str, *options: str) -> dict[str, Any]:
        """The scores of a model on the test text of the domain, or on the given files."""
        corpus = ("--prepared", str(self.work / prepared)) if prepared else ()
        return evaluate("--model", str(model), *corpus, *self.common, *options)

    def general(self, model: Path) -> float:
        """BLEU on the general dev text."""
        dev = [f"{self.args.general}/dev.{language}" for language in (self.args.source, self.args.target)]
        suffix = "" if Path(dev[0]).exists() else ".gz"
        bleu: float = self.score(model, "", dev[0] + suffix, "--reference", dev[1] + suffix)["bleu"]["score"]
        return bleu


def try_rates(adaptation: Adaptation) -> dict[str, Any]:
    """chrF++ of dev for each learning rate, as a share of the default of training."""
    default = default_learning_rate(read_config(adaptation.work / "parent").model)

    def dev_chrf(share: float) -> float:
        model = adaptation.adapt(f"rate-{share:g}", "--learning-rate", str(share * default))
        chrf: float = read_metadata(model / WEIGHTS)["dev_chrf"]
        return chrf

    shares: list[float] = adaptation.args.rates
    scores = parallel(adaptation.args.jobs, [lambda share=share: dev_chrf(share) for share in shares])  # type: ignore[misc]
    return {f"{share:g} x {default:.2g}": score for share, score in zip(shares, scores, strict=True)}


def compare(adaptation: Adaptation) -> dict[str, Any]:
    """Train every kind with every seed and score all on the domain."""
    seeds = range(1, adaptation.args.seeds + 1)
    jobs = [(kind, seed) for seed in seeds for kind in KINDS]
    models = dict(
        zip(jobs, parallel(adaptation.args.jobs, [lambda job=job: adaptation.train(*job) for job in jobs]), strict=True)  # type: ignore[misc]
    )
    parent = adaptation.work / "parent"
    rows: dict[str, Any] = {
        "general": {
            "chrf": [adaptation.score(parent, "mixed")["chrf"]["score"]],
            "general": [adaptation.general(parent)],
        }
    }
    for kind in KINDS:
        prepared = "domain" if kind.endswith("domain") else "mixed"
        chrf = [adaptation.score(models[kind, seed], prepared)["chrf"]["score"] for seed in seeds]
        rows[kind] = {"chrf": chrf}
    rows["adapted"]["general"] = [adaptation.general(models["adapted", seed]) for seed in seeds]
    rows["p"] = {}
    for other in ("general", *KINDS[1:]):
        baselines = [parent if other == "general" else models[other, seed] for seed in seeds]
        rows["p"][other] = [
            adaptation.score(models["adapted", seed], "mixed", "--baseline", str(baseline))["baseline"]["chrf"][
                "p_value"
            ]
            for seed, baseline in zip(seeds, baselines, strict=True)
        ]
    return rows


def main() -> None:
    parser = json_parser(__doc__)
    parser.add_argument("--general", required=True, help="folder of the general text")
    parser.add_argument("--domain", required=True, help="folder of the domain's text")
    parser.add_argument("--source", required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder of the models, which are kept and reused")
    parser.add_argument("--general-updates", type=int, default=3000)
    parser.add_argument("--updates", type=int, default=1000, help="of each other model")
    parser.add_argument("--weight", type=float, default=4.0, help="of the domain's text beside the general one")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--rates", type=float, nargs="*", help="learning rates to try, as shares of the default")
    args = parser.parse_args()
    adaptation = Adaptation(args)
    adaptation.prepare()
    result = {"machine": describe_machine()} | (try_rates(adaptation) if args.rates else compare(adaptation))
    for kind in () if args.rates else ("general", *KINDS):
        means = {name: round(statistics.mean(values), 2) for name, values in result[kind].items()}
        print(f"{kind:16} {means}")
    print(as_json(result))
    write(args.json, result)


if __name__ == "__main__":
    main()
