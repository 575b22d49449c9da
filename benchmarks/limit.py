"""What this machine can do at most, and what share of it training and translating use.

    python benchmarks/limit.py --prepared prepared [--seconds 20] [--threads N] [--device cuda] [--json FILE] \
        [--model model --beam-size 1 5 --batch-size 256 64] [-- hidden_size=512 batch_tokens=2048 ...]

Measures in one run: matrix products in fp32, bf16 and int8, large ones and those of the model; memory bandwidth; then
training, as a whole and phase by phase. Utilisation is what training multiplies in a second, counted from the model's
sizes, over what the machine multiplies in a large product at the same precision, the two in turn; beside it, the share
of the time that these products would take alone, each as fast as one of its shape. Padding counts as nothing: only real
tokens are work. Sizes of the model and `batch_tokens` can be given; all else is as by default.

With `--model` also searches by this model, of the test split (dev if there is none) of the prepared corpus, in every
precision. Their products are those of the beam on the way to the best translation. Searched once more, with the clock
read at every part of a step, it takes a little longer, on a GPU much; from that are the seconds of the parts, of all
threads together.
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
from products import multiplications
from result import arguments, describe_machine, write
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
"""Rows, inputs and outputs of a product large enough to be as fast as any."""
AT_ONCE = {"cpu": 1, "cuda": 50}
"""Calls between two looks at the clock."""
PRECISIONS: tuple[SearchPrecision, ...] = ("fp32", "bf16", "int8")
RATE = 1e-4
TURNS = 12
"""Stretches of training, with a large product measured between them: a shared machine is not the same for long."""
WARM = 600
"""Updates before the clock runs, an epoch of Multi30k: the library compiles kernels for every new shape."""


def matrix_rates(
    shapes: dict[str, tuple[int, int, int]], seconds: float, device: torch.device
) -> Iterator[dict[str, Any]]:
    """GFLOP/s of (rows, in, out) by precision; a product and a sum are two operations."""
    for name, (rows, size, out) in shapes.items():
        rate: dict[str, Any] = {"product": name, "shape": f"{rows} x {size} x {out}"}
        inputs, weight = torch.randn(rows, size, device=device), torch.randn(out, size, device=device)
        ways: dict[str, Callable[[], object]] = {"fp32": lambda i=inputs, w=weight: nn.functional.linear(i, w)}  # type: ignore[misc]
        on_cpu = device.type == "cpu"
        if not on_cpu or torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
            half = inputs.bfloat16(), weight.bfloat16()
            ways["bf16"] = lambda h=half: nn.functional.linear(*h)  # type: ignore[misc]
        if on_cpu:
            int8 = Int8Linear(weight, None)
            ways["int8"] = lambda i=inputs, q=int8: q(i)  # type: ignore[misc]
        for precision, work in ways.items():
            rate[precision] = 2e-9 * rows * size * out / median_seconds(work, seconds, device, AT_ONCE[device.type])
        yield rate


def large_rate(compute: Compute) -> float:
    """GFLOP/s of a large product as training multiplies, for a moment."""
    size, calls = LARGE[compute.device.type], AT_ONCE[compute.device.type]
    square = torch.randn(size, size, device=compute.device, dtype=compute.dtype)
    return 2e-9 * size**3 / median_seconds(lambda: nn.functional.linear(square, square), 0.2, compute.device, calls)


def bandwidth(seconds: float, device: torch.device) -> float:
    """GB/s of copying what no cache holds, reading and writing counted."""
    source = torch.ones(64 * 2**20, device=device)
    target = torch.empty_like(source)
    taken = median_seconds(lambda: target.copy_(source), seconds, device, AT_ONCE[device.type])
    return 2e-9 * source.numel() * 4 / taken


class Phases:
    """The parts of an update, each made of the one before it and learnt from by itself."""

    def __init__(self, model: Seq2Seq, batch: Batch, compute: Compute) -> None:
        self.model, self.compute = model, compute
        self.source, lengths, self.target_input, leaving = (
            torch.from_numpy(a).to(compute.device)
            for a in (batch.source, batch.source_lengths, batch.target_input, batch.target_output)
        )
        self.mask = sequence_mask(lengths, self.source.size(1))
        self.real = (leaving != PAD).flatten().nonzero().squeeze(1)
        self.targets = leaving.flatten()[self.real]
        with compute.autocast():
            self.memory = self.model.encode(self.source, self.mask)
            self.embedded = self._embed().detach().requires_grad_()
            self.readouts, _ = self.model.decoder(self.embedded, _cut(self.memory))

    def _embed(self) -> Tensor:
        return self.model._embed(self.model.target_embedding, self.target_input)

    def encoder(self) -> None:
        def read() -> list[Tensor]:
            memory = self.model.encode(self.source, self.mask)
            return [part for part in (memory.keys, memory.values, memory.final) if part is not None]

        self._run(read)

    def decoder(self) -> None:
        self._run(lambda: [self.model.decoder(self.embedded, _cut(self.memory))[0]])

    def parts(self) -> dict[str, Callable[[], None]]:
        """What the decoder is made of, each over all steps by itself; of one that goes step by step, nothing."""
        decoder = self.model.decoder
        if decoder.sequential or decoder.attention is None:
            return {}
        hidden, attend = self.model.config.hidden_size, decoder.attention
        layers = [(layer, self._states(layer.cell.input_size)) for layer in decoder.layers]
        query, context, memory = self._states(hidden), self._states(hidden), _cut(self.memory)
        keys, values = memory.keys, memory.values
        assert keys is not None
        assert values is not None
        works: dict[str, Callable[[], list[Tensor]]] = {
            "decoder recurrence": lambda: [layer(entering)[0] for layer, entering in layers],
            "attention": lambda: [attend(query, keys, values, memory.mask)[0]],
            "readout": lambda: [decoder.readout(query, context, self.embedded)],
        }
        return {name: lambda work=work: self._run(work) for name, work in works.items()}  # type: ignore[misc]

    def _run(self, work: Callable[[], list[Tensor]]) -> None:
        with self.compute.autocast():
            outputs = work()
        self._learn(outputs)

    def _states(self, width: int) -> Tensor:
        return torch.randn(*self.target_input.shape, width, device=self.compute.device, requires_grad=True)

    def target_embedding(self) -> None:
        self._learn([self._embed()])

    def output(self) -> None:
        rows = self.readouts.detach().flatten(0, 1)[self.real].requires_grad_()
        loss, _ = output_loss(rows, self.model.output, self.targets, 0.1, self.compute.dtype)
        self._learn([loss])

    def _learn(self, outputs: list[Tensor]) -> None:
        self.model.zero_grad(set_to_none=True)
        torch.autograd.backward(outputs, [torch.ones_like(output) for output in outputs])


def _cut(memory: Memory) -> Memory:
    """The same memory, as if it had come from nowhere, but with a gradient to give."""

    def leaf(part: Tensor | None) -> Tensor | None:
        return None if part is None else part.detach().requires_grad_()

    final = leaf(memory.final)
    assert final is not None
    layers = tuple(tuple(part.detach().requires_grad_() for part in layer) for layer in memory.layers)
    return Memory(leaf(memory.keys), leaf(memory.values), memory.mask, final, layers)


def begin(given: argparse.Namespace, compute: Compute) -> tuple[TrainStep, TrainConfig, Iterator[list[Batch]]]:
    """A fresh model of the given options that learns the given corpus, and updates without end."""
    corpus = PreparedCorpus.open(given.prepared)
    options = [("--", parse_assignment(text)) for text in given.options]
    config = resolve(TrainConfig, [*options, ("benchmark", {"prepared": given.prepared, "out": Path("unused")})])
    torch.manual_seed(1)
    train_step = TrainStep(build_model(config, corpus.tokenizers).to(compute.device).train(), config.training, compute)
    split, plan = corpus.split("train"), BatchPlan(config.training.batch_tokens, 1, 1)
    return (
        train_step,
        config,
        (update for epoch in itertools.count() for update in BatchLoader(split, plan, epoch).iterate()),
    )


def train(given: argparse.Namespace, compute: Compute) -> dict[str, Any]:
    """Tokens a second of whole updates, and the seconds of each phase of a usual batch."""
    train_step, config, updates = begin(given, compute)
    model = train_step.model
    if ignored := config.training.model_fields_set - {"batch_tokens"}:
        raise SystemExit(
            f"limit.py: {', '.join(sorted(ignored))}: only sizes of the model and batch_tokens are measured"
        )
    for update in itertools.islice(updates, WARM):
        train_step.update(update, RATE)
    seen: list[Batch] = []
    waited = 0.0
    speeds, rates = [], [large_rate(compute)]
    for _ in range(TURNS):
        first, started = len(seen), now(compute.device)
        while time.perf_counter() - started < given.seconds / TURNS:
            asked = time.perf_counter()
            (batch,) = next(updates)
            waited += time.perf_counter() - asked
            train_step.update([batch], RATE)
            seen.append(batch)
        speeds.append(sum(batch.tokens for batch in seen[first:]) / (now(compute.device) - started))
        rates.append(large_rate(compute))
    tokens, sources = sum(batch.tokens for batch in seen), sum(int(batch.source_lengths.sum()) for batch in seen)
    peak = peak_memory(compute.device)
    usual = sorted(seen, key=lambda batch: batch.tokens)[len(seen) // 2]
    phases = Phases(model, usual, compute)
    works = {
        "embedding": phases.target_embedding,
        "encoder": phases.encoder,
        "decoder": phases.decoder,
        "output layer": phases.output,
    }

    def milliseconds(work: Callable[[], object]) -> float:
        return 1000 * median_seconds(work, given.seconds / 10, compute.device)

    taken = {name: milliseconds(work) for name, work in works.items()}
    parts = {name: milliseconds(work) for name, work in phases.parts().items()}
    train_step.update([batch], RATE)  # so that the optimiser has all gradients
    taken["optimizer"] = milliseconds(lambda: train_step.optimizer_step(RATE))
    taken["data"] = 1000 * waited / len(seen)
    products = multiplications(model, sources / tokens, sources / sum(len(batch.source) for batch in seen))
    operations = 6e-9 * sum(products.values())
    shares = [2 * operations * speed / sum(rates[turn : turn + 2]) for turn, speed in enumerate(speeds)]
    speed = median(speeds)
    return {
        "tokens_per_second": speed,
        "milliseconds_per_update": 1000 * tokens / len(seen) / speed,
        "phases": taken,
        "parts_of_decoder": parts,
        "products_per_token": products,
        "gflops": operations * speed,
        "large_rates": rates,
        "shares": shares,
        "shapes": {
            "recurrent step": (len(usual.source), model.config.hidden_size, 4 * model.config.hidden_size),
            "output layer": (usual.tokens, model.config.embedding_size, len(model.output.weight)),
        },
        "precision": "bf16" if compute.dtype == torch.bfloat16 else "fp32",
        "parameters": model.num_parameters,
        "peak_memory": peak,
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--prepared", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["auto", "fp32", "bf16"], default="auto")
    parser.add_argument("--model", type=Path, help="also how fast this model translates")
    parser.add_argument("--beam-size", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--batch-size", type=int, nargs="+", default=[256, 64], help="for each beam size")
    parser.add_argument("options", nargs="*", help="sizes as key=value, after --")
    given = parser.parse_args()
    if len(given.beam_size) != len(given.batch_size):
        parser.error("give as many numbers to --batch-size as to --beam-size")
    compute = compute_for_training(given.device, given.precision, given.threads)
    print(f"{describe_machine()}; {compute}\n")
    trained = train(given, compute)

    large = LARGE[compute.device.type]
    shapes = {"large": (large, large, large), **trained["shapes"]}
    rates = list(matrix_rates(shapes, given.seconds / 20, compute.device))
    print(f"{'matrix product, GFLOP/s':<26} {'shape':>20} {'fp32':>7} {'bf16':>7} {'int8':>7}")
    for rate in rates:
        figures = " ".join(f"{rate[p]:7.0f}" if p in rate else f"{'':>7}" for p in PRECISIONS)
        print(f"{rate['product']:<26} {rate['shape']:>20} {figures}")
    copied = bandwidth(given.seconds / 20, compute.device)
    print(f"memory {copied:.0f} GB/s\n")

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
        f"training: {trained['tokens_per_second']:,.0f} target subwords/s x 6 x {sum(products.values()):,.0f} products "
        f"= {trained['gflops']:.0f} GFLOP/s in {precision}; in turn with a large product, of "
        f"{median(large_rates):.0f}, {median(shares):.0%} of it ({min(shares):.0%} to {max(shares):.0%})\n"
        f"its products by themselves would take {trained['share_of_products_alone']:.0%} of the time; "
        f"peak memory {trained['peak_memory']:,.0f} MiB\n"
    )
    searches = list(translate(given, rates[0])) if given.model else []
    found = {
        "machine": describe_machine(),
        "matrix": rates,
        "memory": copied,
        "training": trained,
        "searches": searches,
    }
    write(given.json, {"machine": describe_machine(), **found})


def table(
    head: str,
    phases: dict[str, float],
    products: dict[str, float],
    operations: float,
    best: float,
    parts: dict[str, float] | None = None,
) -> None:
    """The phases of training or of search, and what some are made of: their shares of the time, their products, and how
    near they come to the `best` GFLOP/s; each product a token is so many `operations` in a second of the whole, 1e9."""
    whole = sum(phases.values())
    print(f"{'phase':<20} {head:>12} {'share':>6} {'products a token':>17} {'GFLOP/s':>8} {'of large':>9}")

    def row(label: str, name: str, taken: float) -> None:
        made_of = ("decoder recurrence", "attention", "readout") if name == "decoder" else (name,)
        line = f"{label:<20} {taken:12.2f} {taken / whole:6.0%}"
        if counted := sum(products.get(part, 0) for part in made_of):
            rate = operations * counted * whole / taken
            line += f" {counted:17,.0f} {rate:8.0f} {rate / best:9.0%}"
        print(line)

    for name, taken in phases.items():
        row(name, name, taken)
    for name, taken in (parts or {}).items():
        row("- " + name, name, taken)
    print(f"{'sum of phases':<20} {whole:12.2f}")


def translate(given: argparse.Namespace, rates: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Searches of every kind, each told as it ends; `rates` are those of a large product."""
    corpus = PreparedCorpus.open(given.prepared)
    split = corpus.split("test" if "test" in corpus.manifest.counts else "dev")
    texts = [split.source_text(row) for row in range(len(split))]
    for beam_size, batch_size in zip(given.beam_size, given.batch_size, strict=True):
        for precision in PRECISIONS:
            if precision not in rates:
                continue
            compute = compute_for_search(given.device, precision, given.threads)
            found = decode(load_model(given.model, compute), texts, beam_size, batch_size)
            print(f"beam {beam_size}, batches of {batch_size}, {compute}")
            operations = 2e-9 * found["tokens_per_second"]
            table("s", found["phases"], found["products_per_token"], operations, rates[precision])
            print(
                f"{found['sentences_per_second']:,.0f} sentences/s; {found['tokens_per_second']:,.0f} subwords/s x "
                f"2 x {sum(found['products_per_token'].values()):,.0f} products = {found['gflops']:.0f} GFLOP/s, "
                f"{found['gflops'] / rates[precision]:.0%} of {rates[precision]:.0f} in {precision}\n",
                flush=True,
            )
            yield found


if __name__ == "__main__":
    main()
