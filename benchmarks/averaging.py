"""Dev loss, BLEU and chrF++ of a run's last state, with its trained weights and with their moving average.

    python benchmarks/averaging.py MODEL [--sentences 1000]

MODEL is a folder that `nmt train` writes; the run may still be going on. Its last state holds both sets of weights.
They differ in the middle of a run and converge at its end, where the learning rate falls to zero.
"""

import argparse
from pathlib import Path

from nmt_cli.checkpoint.layout import RESUME
from nmt_cli.checkpoint.model_dir import load_model, load_weights
from nmt_cli.checkpoint.tensors import read_tensors
from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.progress import Progress
from nmt_cli.training.validation import Validator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--sentences", type=int, default=1000, help="dev sentences to translate, greedily")
    args = parser.parse_args()
    loaded = load_model(args.model, compute_for_search("cpu", "fp32", 0), packed=False)
    tensors, metadata = read_tensors(args.model / RESUME)
    corpus = PreparedCorpus.open(Path(loaded.manifest.prepared))
    validator = Validator(corpus, args.sentences, loaded.config.training.batch_tokens)
    progress = metadata["progress"]
    print(f"update {progress['step']:,}, epoch {progress['epoch']}")
    print(f"{'weights':<10} {'dev loss':>9} {'BLEU':>6} {'chrF++':>7}")
    for name in ("weights", "average"):
        prefix = f"{name}/"
        weights = {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
        load_weights(loaded.model, weights, args.model / RESUME)
        result = validator.validate(loaded, Progress())
        label = "trained" if name == "weights" else name
        print(f"{label:<10} {result.loss:9.4f} {result.bleu:6.2f} {result.chrf:7.2f}")


if __name__ == "__main__":
    main()
