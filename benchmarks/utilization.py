"""The machine's peak matmul rate, and the share of it that training and translating reach.

    python benchmarks/utilization.py --prepared prepared [--seconds 20] [--threads N] [--device cuda] [--json FILE] \
        [--model model --beam-size 1 5 --batch-size 256 64] [-- hidden_size=512 batch_tokens=2048 ...]

Measures in one run: training, as a whole and by phase; matmuls in fp32, bf16 and int8, large ones and those of the
model; and memory bandwidth. Utilization is the multiplications that training needs per second, counted from the model's
sizes, over those of a large matmul in the same precision, alternating with it. Also printed: the share of the time that
the model's matmuls would take alone, each as fast as one of its shape. Padding does not count as work. Model sizes and
`batch_tokens` can be set; everything else has its default.

With `--model`, also translates the test split (dev if there is none) of the prepared corpus with this model, in every
precision. Multiplications are counted for all hypotheses of the beam, over the length of the best translation. The time
of each part comes from a second search, in which the clock is read around every part: it takes a little longer, on a
GPU much longer. Seconds of the parts are summed over threads.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import torch
from clock import median_seconds, now, peak_memory
from decoding import decode
from flops import multiplications_per_token
from result import describe_machine, json_parser, write
from torch import Tensor, nn

from nmt_cli.checkpoint.model_dir import build_model, load_model
from nmt_cli.config import SearchPrecision, TrainConfig
from nmt_cli.corpus.batch import Batch
from nmt_cli.corpus.batching import BatchLoader, BatchPlan
from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.kernels.device import Compute, compute_for_search, compute_for_training
from nmt_cli.kernels.int8 import Int8Linear
from nmt_cli.kernels.output_loss import output_loss
from nmt_cli.model.encoder import Memory
from nmt_cli.model.seq2seq import Seq2Seq, sequence_mask
from nmt_cli.settings import parse_assignment, resolve
from nmt_cli.special_tokens import PAD
from nmt_cli.training.step import TrainStep

LARGE = {"cpu": 2048, "cuda": 8192}
"""Rows, inputs and outputs of a matmul large enough to reach the peak rate."""
CALLS_PER_TIMING = {"cpu": 1, "cuda": 50}
"""Calls between two readings of the clock."""
PRECISIONS: tuple[SearchPrecision, ...] = ("fp32", "bf16", "int8")
LEARNING_RATE = 1e-4
TURNS = 12
"""Parts of the training run, with a large matmul measured between them, since the speed of a shared machine varies."""
WARMUP_UPDATES = 600
"""Updates before timing starts, an epoch of Multi30k: oneDNN compiles kernels for every new shape."""


def matrix_rates(
    shapes: dict[str, tuple[int, int, int]], seconds: float, device: torch.device
) -> Iterator[dict[str, Any]]:
    """GFLOP/s of matmuls of shape (rows, in, out) by precision; a multiply-add counts as two operations."""
    for name, (rows, size, out) in shapes.items():
        rate: dict[str, Any] = {"product": name, "shape": f"{rows} x {size} x {out}"}
        inputs, weight = torch.randn(rows, size, device=device), torch.randn(out, size, device=device)
        runs: dict[str, Callable[[], object]] = {"fp32": lambda i=inputs, w=weight: nn.functional.linear(i, w)}  # type: ignore[misc]
        on_cpu = device.type == "cpu"
        if not on_cpu or torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
            half = inputs.bfloat16(), weight.bfloat16()
            runs["bf16"] = lambda h=half: nn.functional.linear(*h)  # type: ignore[misc]
        if on_cpu:
            int8 = Int8Linear(weight, None)
            runs["int8"] = lambda i=inputs, q=int8: q(i)  # type: ignore[misc]
        for precision, work in runs.items():
            rate[precision] = (
                2e-9 * rows * size * out / median_seconds(work, seconds, device, CALLS_PER_TIMING[device.type])
            )
        yield rate


def large_rate(compute: Compute) -> float:
    """GFLOP/s of a large matmul in the precision of training, measured for 0.2 s."""
    size, calls = LARGE[compute.device.type], CALLS_PER_TIMING[compute.device.type]
    square = torch.randn(size, size, device=compute.device, dtype=compute.dtype)
    return 2e-9 * size**3 / median_seconds(lambda: nn.functional.linear(square, square), 0.2, compute.device, calls)


def bandwidth(seconds: float, device: torch.device) -> float:
    """GB/s of copying 256 MiB, more than caches hold; reads and writes both count."""
    source = torch.ones(64 * 2**20, device=device)
    target = torch.empty_like(source)
    copying = median_seconds(lambda: target.copy_(source), seconds, device, CALLS_PER_TIMING[device.type])
    return 2e-9 * source.numel() * 4 / copying


class Phases:
    """The phases of an update, each run forward and backward alone, on the detached outputs of the one before."""

    def __init__(self, model: Seq2Seq, batch: Batch, compute: Compute) -> None:
        self.model, self.compute = model, compute
        self.source, lengths, self.target_input, target_output = (
            torch.from_numpy(a).to(compute.device)
            for a in (batch.source, batch.source_lengths, batch.target_input, batch.target_output)
        )
        self.mask = sequence_mask(lengths, self.source.size(1))
        self.real = (target_output != PAD).flatten().nonzero().squeeze(1)
        self.targets = target_output.flatten()[self.real]
        with compute.autocast():
            self.memory = self.model.encode(self.source, self.mask)
            self.embedded = self._embed().detach().requires_grad_()
            self.readouts, _ = self.model.decoder(self.embedded, _detach(self.memory))

    def _embed(self) -> Tensor:
        return self.model._embed(self.model.target_embedding, self.target_input)

    def encoder(self) -> None:
        def encode() -> list[Tensor]:
            memory = self.model.encode(self.source, self.mask)
            return [part for part in (memory.keys, memory.values, memory.final) if part is not None]

        self._run(encode)

    def decoder(self) -> None:
        self._run(lambda: [self.model.decoder(self.embedded, _detach(self.memory))[0]])

    def parts(self) -> dict[str, Callable[[], None]]:
        """The parts of the decoder, each timed alone over all steps; empty for a decoder that goes step by step."""
        decoder = self.model.decoder
        if decoder.sequential or decoder.attention is None:
            return {}
        hidden, attend = self.model.config.hidden_size, decoder.attention
        layers = [(layer, self._states(layer.cell.input_size)) for layer in decoder.layers]
        query, context, memory = self._states(hidden), self._states(hidden), _detach(self.memory)
        keys, values = memory.keys, memory.values
        assert keys is not None
        assert values is not None
        runs: dict[str, Callable[[], list[Tensor]]] = {
            "decoder recurrence": lambda: [layer(layer_input)[0] for layer, layer_input in layers],
            "attention": lambda: [attend(query, keys, values, memory.mask)[0]],
            "readout": lambda: [decoder.readout(query, context, self.embedded)],
        }
        return {name: lambda work=work: self._run(work) for name, work in runs.items()}  # type: ignore[misc]

    def _run(self, work: Callable[[], list[Tensor]]) -> None:
        with self.compute.autocast():
            outputs = work()
        self._backward(outputs)

    def _states(self, width: int) -> Tensor:
        return torch.randn(*self.target_input.shape, width, device=self.compute.device, requires_grad=True)

    def target_embedding(self) -> None:
        self._backward([self._embed()])

    def output(self) -> None:
        rows = self.readouts.detach().flatten(0, 1)[self.real].requires_grad_()
        loss, _ = output_loss(rows, self.model.output, self.targets, 0.1, self.compute.dtype)
        self._backward([loss])

    def _backward(self, outputs: list[Tensor]) -> None:
        self.model.zero_grad(set_to_none=True)
        torch.autograd.backward(outputs, [torch.ones_like(output) for output in outputs])


def _detach(memory: Memory) -> Memory:
    """The same memory, detached from the graph, as leaves that require gradients."""

    def leaf(part: Tensor | None) -> Tensor | None:
        return None if part is None else part.detach().requires_grad_()

    final = leaf(memory.final)
    assert final is not None
    layers = tuple(tuple(part.detach().requires_grad_() for part in layer) for layer in memory.layers)
    return Memory(leaf(memory.keys), leaf(memory.values), memory.mask, final, layers)


def start_training(args: argparse.Namespace, compute: Compute) -> tuple[TrainStep, TrainConfig, Iterator[list[Batch]]]:
    """A new model with these options, its configuration, and an endless stream of updates of the corpus."""
    corpus = PreparedCorpus.open(args.prepared)
    options = [("--", parse_assignment(text)) for text in args.options]
    config = resolve(TrainConfig, [*options, ("benchmark", {"prepared": args.prepared, "out": Path("unused")})])
    torch.manual_seed(1)
    train_step = TrainStep(build_model(config, corpus.tokenizers).to(compute.device).train(), config.training, compute)
    split, plan = corpus.split("train"), BatchPlan(config.training.batch_tokens, 1, 1)
    return (
        train_step,
        config,
        (update for epoch in itertools.count() for update in BatchLoader(split, plan, epoch).iterate()),
    )


def train(args: argparse.Namespace, compute: Compute) -> dict[str, Any]:
    """Tokens per second of whole updates, and the time of each phase for a batch of median size."""
    train_step, config, updates = start_training(args, compute)
    model = train_step.model
    if ignored := config.training.model_fields_set - {"batch_tokens"}:
        raise SystemExit(f"utilization.py: {', '.join(sorted(ignored))}: only model sizes and batch_tokens can be set")
    for update in itertools.islice(updates, WARMUP_UPDATES):
        train_step.update(update, LEARNING_RATE)
    seen: list[Batch] = []
    waited = 0.0
    speeds, rates = [], [large_rate(compute)]
    for _ in range(TURNS):
        first, started = len(seen), now(compute.device)
        while time.perf_counter() - started < args.seconds / TURNS:
            requested = time.perf_counter()
            (batch,) = next(updates)
            waited += time.perf_counter() - requested
            train_step.update([batch], LEARNING_RATE)
            seen.append(batch)
        speeds.append(sum(batch.tokens for batch in seen[first:]) / (now(compute.device) - started))
        rates.append(large_rate(compute))
    tokens = sum(batch.tokens for batch in seen)
    source_tokens = sum(int(batch.source_lengths.sum()) for batch in seen)
    peak = peak_memory(compute.device)
    median_batch = sorted(seen, key=lambda batch: batch.tokens)[len(seen) // 2]
    phases = Phases(model, median_batch, compute)
    runs = {
        "embedding": phases.target_embedding,
        "encoder": phases.encoder,
        "decoder": phases.decoder,
        "output layer": phases.output,
    }

    def milliseconds(work: Callable[[], object]) -> float:
        return 1000 * median_seconds(work, args.seconds / 10, compute.device)

    durations = {name: milliseconds(work) for name, work in runs.items()}
    parts = {name: milliseconds(work) for name, work in phases.parts().items()}
    train_step.update([batch], LEARNING_RATE)  # gives the optimizer all gradients
    durations["optimizer"] = milliseconds(lambda: train_step.optimizer_step(LEARNING_RATE))
    durations["data"] = 1000 * waited / len(seen)
    products = multiplications_per_token(
        model, source_tokens / tokens, source_tokens / sum(len(batch.source) for batch in seen)
    )
    operations = 6e-9 * sum(products.values())
    shares = [2 * operations * speed / sum(rates[turn : turn + 2]) for turn, speed in enumerate(speeds)]
    speed = median(speeds)
    return {
        "tokens_per_second": speed,
        "milliseconds_per_update": 1000 * tokens / len(seen) / speed,
        "phases": durations,
        "parts_of_decoder": parts,
        "products_per_token": products,
        "gflops": operations * speed,
        "large_rates": rates,
        "shares": shares,
        "shapes": {
            "recurrent step": (len(median_batch.source), model.config.hidden_size, 4 * model.config.hidden_size),
            "output layer": (median_batch.tokens, model.config.embedding_size, len(model.output.weight)),
        },
        "precision": "bf16" if compute.dtype == torch.bfloat16 else "fp32",
        "parameters": model.num_parameters,
        "peak_memory": peak,
    }


def main() -> None:
    parser = json_parser(__doc__)
    parser.add_argument("--prepared", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["auto", "fp32", "bf16"], default="auto")
    parser.add_argument("--model", type=Path, help="also measure translation with this model")
    parser.add_argument("--beam-size", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--batch-size", type=int, nargs="+", default=[256, 64], help="for each beam size")
    parser.add_argument("options", nargs="*", help="model sizes and batch_tokens as key=value, after --")
    args = parser.parse_args()
    if len(args.beam_size) != len(args.batch_size):
        parser.error("--batch-size and --beam-size need the same number of values")
    compute = compute_for_training(args.device, args.precision, args.threads)
    print(f"{describe_machine()}; {compute}\n")
    trained = train(args, compute)

    large = LARGE[compute.device.type]
    shapes = {"large": (large, large, large), **trained["shapes"]}
    rates = list(matrix_rates(shapes, args.seconds / 20, compute.device))
    print(f"{'matmul, GFLOP/s':<26} {'shape':>20} {'fp32':>7} {'bf16':>7} {'int8':>7}")
    for rate in rates:
        figures = " ".join(f"{rate[p]:7.0f}" if p in rate else f"{'':>7}" for p in PRECISIONS)
        print(f"{rate['product']:<26} {rate['shape']:>20} {figures}")
    memory_bandwidth = bandwidth(args.seconds / 20, compute.device)
    print(f"memory {memory_bandwidth:.0f} GB/s\n")

    _, recurrent, output = (rate[trained["precision"]] for rate in rates)
    products = trained["products_per_token"]
    operations, large_rates = 6e-9 * trained["tokens_per_second"], trained["large_rates"]
    trained["share_of_products_alone"] = operations * sum(
        count / (output if name == "output layer" else recurrent) for name, count in products.items()
    )
    table("ms an update", trained["phases"], products, operations, median(large_rates), trained["parts_of_decoder"])
    print(f"{'a whole update':<20} {trained['milliseconds_per_update']:12.2f}\n")
    shares, precision = trained["shares"], trained["precision"]
    print(
        f"training: {trained['tokens_per_second']:,.0f} target subwords/s x 6 x {sum(products.values()):,.0f} "
        f"multiplications = {trained['gflops']:.0f} GFLOP/s in {precision}, "
        f"{median(shares):.0%} ({min(shares):.0%} to {max(shares):.0%}) of a large matmul's {median(large_rates):.0f}, "
        f"alternating with it\n"
        f"the model's matmuls alone would take {trained['share_of_products_alone']:.0%} of the time; "
        f"peak memory {trained['peak_memory']:,.0f} MiB\n"
    )
    searches = list(translate(args, rates[0])) if args.model else []
    results = {
        "machine": describe_machine(),
        "matrix": rates,
        "memory": memory_bandwidth,
        "training": trained,
        "searches": searches,
    }
    write(args.json, results)


def table(
    head: str,
    phases: dict[str, float],
    products: dict[str, float],
    operations: float,
    best: float,
    parts: dict[str, float] | None = None,
) -> None:
    """Print the phases of training or search and their parts: time, share of the time, multiplications per token,
    GFLOP/s, and the share of the `best` GFLOP/s. One multiplication per token is `operations` GFLOP/s of the whole."""
    whole = sum(phases.values())
    print(f"{'phase':<20} {head:>12} {'share':>6} {'mults per token':>17} {'GFLOP/s':>8} {'of large':>9}")

    def row(label: str, name: str, duration: float) -> None:
        parts_of = ("decoder recurrence", "attention", "readout") if name == "decoder" else (name,)
        line = f"{label:<20} {duration:12.2f} {duration / whole:6.0%}"
        if counted := sum(products.get(part, 0) for part in parts_of):
            rate = operations * counted * whole / duration
            line += f" {counted:17,.0f} {rate:8.0f} {rate / best:9.0%}"
        print(line)

    for name, duration in phases.items():
        row(name, name, duration)
    for name, duration in (parts or {}).items():
        row("- " + name, name, duration)
    print(f"{'sum of phases':<20} {whole:12.2f}")


def translate(args: argparse.Namespace, rates: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Measure and print every beam size and precision; `rates` are those of a large matmul."""
    corpus = PreparedCorpus.open(args.prepared)
    split = corpus.split("test" if "test" in corpus.manifest.counts else "dev")
    texts = [split.source_text(row) for row in range(len(split))]
    for beam_size, batch_size in zip(args.beam_size, args.batch_size, strict=True):
        for precision in PRECISIONS:
            if precision not in rates:
                continue
            compute = compute_for_search(args.device, precision, args.threads)
            result = decode(load_model(args.model, compute), texts, beam_size, batch_size)
            print(f"beam {beam_size}, batches of {batch_size}, {compute}")
            operations = 2e-9 * result["tokens_per_second"]
            table("s", result["phases"], result["products_per_token"], operations, rates[precision])
            print(
                f"{result['sentences_per_second']:,.0f} sentences/s; {result['tokens_per_second']:,.0f} subwords/s x "
                f"2 x {sum(result['products_per_token'].values()):,.0f} multiplications = "
                f"{result['gflops']:.0f} GFLOP/s, {result['gflops'] / rates[precision]:.0%} of "
                f"{rates[precision]:.0f} in {precision}\n",
                flush=True,
            )
            yield result


if __name__ == "__main__":
    main()
