"""What the moving average of the weights is worth: dev loss, BLEU and chrF++ of a run's last state, with and without.

    python benchmarks/averaging.py MODEL [--sentences 1000]

MODEL is a folder that `nmt train` writes, also while it still trains: its last state holds both. The learning rate
falls to zero at the end of a run, so that both come to the same there; in the middle they differ.
"""

import argparse
from pathlib import Path

from nmt_cli.checkpoint.layout import RESUME
from nmt_cli.checkpoint.model_dir import load_model, load_weights
from nmt_cli.checkpoint.tensors import read_tensors
from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.training.validation import Validator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--sentences", type=int, default=1000, help="of dev, translated greedily")
    given = parser.parse_args()
    loaded = load_model(given.model, compute_for_search("cpu", "fp32", 0), packed=False)
    tensors, facts = read_tensors(given.model / RESUME)
    corpus = PreparedCorpus.open(Path(loaded.manifest.prepared))
    validator = Validator(corpus, given.sentences, loaded.config.training.batch_tokens)
    progress = facts["progress"]
    print(f"update {progress['step']:,}, epoch {progress['epoch']}")
    print(f"{'weights':<10} {'dev loss':>9} {'BLEU':>6} {'chrF++':>7}")
    for name in ("weights", "average"):
        chosen = {key.removeprefix(f"{name}/"): tensor for key, tensor in tensors.items() if key.startswith(f"{name}/")}
        load_weights(loaded.model, chosen, given.model / RESUME)
        found = validator.validate(loaded)
        print(f"{'as learnt' if name == 'weights' else name:<10} {found.loss:9.4f} {found.bleu:6.2f} {found.chrf:7.2f}")


if __name__ == "__main__":
    main()
