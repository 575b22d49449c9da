"""Which arithmetic to train in: tokens a second of the default model in fp32 and bf16, on this processor as it is,
held to AVX-512 without its bf16 instructions, and held to AVX2.

    python benchmarks/precision.py [--threads 2] [--updates 15]

The updates of the two precisions are interleaved; medians are printed. `--precision auto` takes bf16 only where the
instructions are there.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np

from nmt_cli.config import Precision

PROCESSORS: dict[str, dict[str, str]] = {
    "as it is": {},
    "AVX-512, no bf16": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
}

PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")


def measure(threads: int, updates: int) -> dict[str, int | str | None]:
    """Tokens a second of each precision, in this process."""
    import torch

    from nmt_cli.config import ModelConfig, TrainingConfig
    from nmt_cli.corpus.batch import collate
    from nmt_cli.errors import ConfigError
    from nmt_cli.kernels.device import compute_for_training
    from nmt_cli.model.seq2seq import Seq2Seq, VocabSizes
    from nmt_cli.training.step import TrainStep

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    batch = collate(list(rng.integers(4, 4000, (64, 15))), list(rng.integers(4, 4000, (64, 15))))
    learners = {}
    for precision in PRECISIONS:
        try:
            compute = compute_for_training("cpu", precision, threads)
        except ConfigError:
            continue
        model = Seq2Seq(ModelConfig(), VocabSizes(4000, 4000, True)).train()
        learners[precision] = TrainStep(model, TrainingConfig(), compute)
    seconds: dict[str, list[float]] = {name: [] for name in learners}
    for turn in range(updates + 3):
        for name, train_step in learners.items():
            started = time.perf_counter()
            train_step.update([batch], 1e-3)
            if turn >= 3:
                seconds[name].append(time.perf_counter() - started)
    result: dict[str, int | str | None] = dict.fromkeys(PRECISIONS)
    result |= {name: round(batch.tokens / statistics.median(times)) for name, times in seconds.items()}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--updates", type=int, default=15)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measure(given.threads, given.updates)))
        return
    print(f"{'processor':<18}{'fp32 tokens/s':>15}{'bf16 tokens/s':>15}{'bf16/fp32':>11}")
    for name, limit in PROCESSORS.items():
        child = [sys.executable, __file__, "--child", f"--threads={given.threads}", f"--updates={given.updates}"]
        done = subprocess.run(child, env={**os.environ, **limit}, stdout=subprocess.PIPE, check=True)
        found = json.loads(done.stdout)
        bf16 = f"{found['bf16']:,}" if found["bf16"] else "refused"
        ratio = f"{found['bf16'] / found['fp32']:.2f}" if found["bf16"] else ""
        print(f"{name:<18}{found['fp32']:>15,}{bf16:>15}{ratio:>11}")


if __name__ == "__main__":
    main()
