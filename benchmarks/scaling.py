"""Training throughput on 1 to 64 machines, computed from measurements on this one.

    python benchmarks/scaling.py --prepared prepared [--threads N] [--json FILE] [-- hidden_size=512 ...]

Measured here: the training time of each of some hundred batches (an update waits for the slowest), the time in which
two processes of this machine all-reduce a gradient, and the real throughput of two processes. Computed:

    update = largest over n machines of the sum of k batches + 2 (n - 1) / n * gradient / bandwidth + 2 (n - 1) latency

Batch times are drawn from those measured, all machines are like this one, k is the number of batches per machine and
update (`nmt train --gradient-accumulation`), and the gradient is all-reduced in a ring, in fp32 or bf16, after the
backward pass. torch overlaps the two, so large models do better than this. Tokens per second are not progress: n times
the batch is not n times the learning.
"""

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from result import describe_machine, json_parser, median_speed, write
from torch import distributed, multiprocessing
from torch.multiprocessing.spawn import spawn
from utilization import LEARNING_RATE, WARMUP_UPDATES, start_training

from nmt_cli.kernels.device import compute_for_training

MACHINES = (1, 2, 4, 8, 16, 32, 64)
NETWORKS = {"1 Gbit/s": (0.125e9, 50e-6), "10 Gbit/s": (1.25e9, 30e-6), "100 Gbit/s": (12.5e9, 10e-6)}
"""Bandwidth in bytes per second, and latency in seconds."""
PORT = 29_411
UPDATES = 2000
"""Simulated updates for each row."""


def one_machine(args: argparse.Namespace) -> tuple[list[float], float, int]:
    """Seconds of each batch, mean tokens of a batch, and the number of parameters."""
    train_step, _, updates = start_training(args, compute_for_training("cpu", "auto", args.threads))
    durations: list[float] = []
    tokens = []
    for number, update in enumerate(itertools.islice(updates, args.warm + args.batches)):
        started = time.perf_counter()
        train_step.update(update, LEARNING_RATE)
        if number >= args.warm:
            durations.append(time.perf_counter() - started)
            tokens.append(update[0].tokens)
    return durations, statistics.fmean(tokens), train_step.model.num_parameters


def _sum_gradients(rank: int, port: int, size: int, seconds: list[float]) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    gradient = torch.ones(size)
    for _ in range(20):
        started = time.perf_counter()
        distributed.all_reduce(gradient)
        seconds.append(time.perf_counter() - started)
    distributed.destroy_process_group()


def all_reduce_seconds(size: int) -> float:
    """Seconds in which two processes of this machine all-reduce a gradient of `size` numbers."""
    with multiprocessing.get_context("spawn").Manager() as manager:
        seconds: Any = manager.list()
        spawn(_sum_gradients, (PORT, size, seconds), nprocs=2)  # type: ignore[no-untyped-call]
        return float(statistics.median(seconds))


def throughput(args: argparse.Namespace, processes: int) -> float:
    """Measured tokens per second of a training run with this many processes of one thread each."""
    with tempfile.TemporaryDirectory() as folder:
        train = ["train", str(args.prepared), "--out", folder, "--overwrite", "--threads", "1"]
        train += ["--max-steps", str(args.steps), "--validate-sentences", "1"]
        train += [part for text in args.options for part in ("--set", text)]
        torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m", "nmt_cli"]
        subprocess.run([sys.executable, *torchrun, *train], check=True, stderr=subprocess.DEVNULL)
        return median_speed(Path(folder))


def simulate(durations: list[float], machines: int, accumulate: int, sum_seconds: float) -> float:
    """Mean seconds of an update."""
    draws = np.random.default_rng(1).choice(np.array(durations), (UPDATES, machines, accumulate))
    return float(draws.sum(2).max(1).mean()) + sum_seconds


def main() -> None:
    parser = json_parser(__doc__)
    parser.add_argument("--prepared", type=Path, required=True)
    parser.add_argument("--batches", type=int, default=300, help="batches to measure, after --warm")
    parser.add_argument("--warm", type=int, default=WARMUP_UPDATES, help="batches before them that are not measured")
    parser.add_argument("--steps", type=int, default=300, help="updates of the runs with one and two processes")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("options", nargs="*", help="options of nmt train as key=value, after --")
    args = parser.parse_args()
    durations, tokens, size = one_machine(args)
    alone = tokens / statistics.fmean(durations)
    print(f"{describe_machine()}; {torch.get_num_threads()} threads, {size:,} parameters, {tokens:,.0f} tokens a batch")
    mean, least, most = (1000 * function(durations) for function in (statistics.fmean, min, max))
    print(f"a batch takes {mean:.0f} ms ({least:.0f} to {most:.0f}): {alone:,.0f} tokens/s")

    local = all_reduce_seconds(size)
    one, two = (throughput(args, processes) for processes in (1, 2))
    print(f"two processes of this machine, a thread each: {1000 * local:.1f} ms to all-reduce a gradient; "
          f"{two:,.0f} tokens/s, one process {one:,.0f}: {two / one:.2f} times")  # fmt: skip

    print(f"\n{'network':<12} {'batches':>7} {'':>5}" + "".join(f"{n:>11}" for n in MACHINES) + "   bound from")
    rows: list[dict[str, Any]] = []
    for (name, (bandwidth, latency)), accumulate, width in itertools.product(NETWORKS.items(), (1, 4, 16), (4, 2)):
        speeds = []
        binds = None
        for n in MACHINES:
            summing = 2 * (n - 1) / n * size * width / bandwidth + 2 * (n - 1) * latency
            seconds = simulate(durations, n, accumulate, summing)
            speeds.append(n * accumulate * tokens / seconds)
            if binds is None and summing > seconds / 2:
                binds = n
        precision = "fp32" if width == 4 else "bf16"
        print(f"{name:<12} {accumulate:>7} {precision:>5}" + "".join(f"{speed:11,.0f}" for speed in speeds)
              + f"   {binds or 'never'}")  # fmt: skip
        rows.append({"network": name, "accumulate": accumulate, "gradient": precision,
                     "tokens_per_second": dict(zip(MACHINES, speeds, strict=True)), "binds": binds})  # fmt: skip
    print("\ntarget tokens/s by machines; bound: communication takes more than half of an update")
    write(
        args.json,
        {"machine": describe_machine(), "parameters": size, "batch_seconds": durations, "tokens": tokens, "rows": rows,
         "local": {"sum_seconds": local, "one": one, "two": two}},
    )  # fmt: skip


if __name__ == "__main__":
    main()
