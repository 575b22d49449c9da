"""Training speed of the default model in fp32 and bf16, with all instructions of this CPU, limited to AVX-512 without
bf16, and limited to AVX2.

    python benchmarks/precision.py [--threads 2] [--updates 15]

The updates of the two precisions alternate; prints medians of target tokens per second. `--precision auto` chooses bf16
only on CPUs with bf16 instructions.
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

INSTRUCTIONS: dict[str, dict[str, str]] = {
    "all": {},
    "AVX-512, no bf16": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
}

PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")


def measure(threads: int, updates: int) -> dict[str, int | str | None]:
    """Target tokens per second in each precision, in this process; None where it is refused."""
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
    train_steps = {}
    for precision in PRECISIONS:
        try:
            compute = compute_for_training("cpu", precision, threads)
        except ConfigError:
            continue
        model = Seq2Seq(ModelConfig(), VocabSizes(4000, 4000, True)).train()
        train_steps[precision] = TrainStep(model, TrainingConfig(), compute)
    seconds: dict[str, list[float]] = {name: [] for name in train_steps}
    for turn in range(updates + 3):
        for name, train_step in train_steps.items():
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
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure(args.threads, args.updates)))
        return
    print(f"{'instructions':<18}{'fp32 tokens/s':>15}{'bf16 tokens/s':>15}{'bf16/fp32':>11}")
    for name, limit in INSTRUCTIONS.items():
        child = [sys.executable, __file__, "--child", f"--threads={args.threads}", f"--updates={args.updates}"]
        done = subprocess.run(child, env={**os.environ, **limit}, stdout=subprocess.PIPE, check=True)
        speeds = json.loads(done.stdout)
        bf16 = f"{speeds['bf16']:,}" if speeds["bf16"] else "refused"
        ratio = f"{speeds['bf16'] / speeds['fp32']:.2f}" if speeds["bf16"] else ""
        print(f"{name:<18}{speeds['fp32']:>15,}{bf16:>15}{ratio:>11}")


if __name__ == "__main__":
    main()
