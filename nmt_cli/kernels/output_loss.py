"""Output layer, softmax and loss in one piece, in chunks of rows, and their gradients with them.

It computes `label_smoothed_cross_entropy` (`training/loss.py`) of logits h W' + b, with the same gradients, but the
logits of a whole batch (N, V) never stand in memory, and no pass over them is made but the softmax. Used in training
and for the dev loss, on CPUs and GPUs (figures: `benchmarks/RESULTS.md`, "How near training is to the machine's
limit").
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from nmt_cli.kernels.matmul import linear_no_grad
from nmt_cli.kernels.rounding import round_up

LOGITS = {"cpu": 3 << 20, "cuda": 48 << 20}
"""How many logits are computed at a time: on a CPU what its cache holds."""
ROW_MULTIPLE = 32
"""Rows are padded to a multiple of this: oneDNN compiles kernels anew for every number of rows."""
BLOCK = 512
"""Rows of a gradient that a CPU adds to at a time: torch copies bf16 to float32 first, and so much stays cached."""


def output_loss(
    readouts: Tensor, output: nn.Linear, targets: Tensor, smoothing: float, dtype: torch.dtype, r_drop: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Readouts (N, E) of real tokens and the tokens they should predict (N,) -> two sums over N, in nats:
    the smoothed loss, to be minimised, and the negative log-likelihood, to be reported (no gradient).

    Matrix products and the columns' sums run in `dtype`, other sums in float32. `r_drop` is the weight a; it acts only
    where there are gradients.
    """
    with torch.autocast(readouts.device.type, enabled=False):
        if torch.is_grad_enabled():
            parameters = (output.weight, output.bias)
            loss, likelihood = _OutputLoss.apply(readouts, *parameters, targets, smoothing, dtype, r_drop)  # type: ignore[no-untyped-call]
            return loss, likelihood
        table, offset = output.weight.to(dtype), output.bias.to(dtype)
        rows, chosen = _pad_rows(readouts.to(dtype), targets)
        size = _chunk_rows(len(rows), table)
        true, mean = [], []  # of each row's log-probabilities
        for some, target in zip(torch.split(rows, size), torch.split(chosen, size), strict=True):
            log_probs = torch.addmm(offset, some, table.t()).log_softmax(-1, dtype=torch.float32)  # (n, V)
            true.append(log_probs.gather(1, target.unsqueeze(1)).squeeze(1))
            mean.append(log_probs.mean(1))
        likelihood, uniform = (-torch.cat(parts)[: len(readouts)].sum() for parts in (true, mean))
        return (1 - smoothing) * likelihood + smoothing * uniform, likelihood


class _OutputLoss(torch.autograd.Function):
    """The gradient of the logits is p - (1 - e) onehot(y) - e / V. Its last term is the same for all rows and
    columns, so it is added to the results of the two products rather than to the (N, V) logits."""

    @staticmethod
    def forward(
        ctx: Any,
        readouts: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        smoothing: float,
        dtype: torch.dtype,
        r_drop: float,
    ) -> tuple[Tensor, Tensor]:
        table, offset, rows = weight.to(dtype), bias.to(dtype), readouts.to(dtype)
        real = len(rows)
        if not r_drop:
            rows, targets = _pad_rows(rows, targets)
        # the mean over v of the logits is h . mean(W) + mean(b)
        mean_weight, mean_bias = weight.float().mean(0), bias.float().mean()
        grad_rows, grad_bias = torch.empty_like(rows), torch.zeros_like(bias)
        grad_weight: Tensor | None = None
        places = torch.arange(len(rows), device=rows.device)
        likelihood, uniform, kl = readouts.new_zeros((3,), dtype=torch.float32)
        for chosen in _chunks(len(rows), _chunk_rows(len(rows), table), paired=r_drop > 0, device=rows.device):
            some, target = rows[chosen], targets[chosen, None]
            inside = min(len(some), real - chosen.start) if isinstance(chosen, slice) else len(some)
            logits = linear_no_grad(some, table, offset)  # (n, V)
            probabilities = logits.softmax(-1)
            true, likely = logits.gather(1, target).float(), probabilities.gather(1, target)
            log_total = true - likely.float().clamp_min(1e-38).log()  # log sum exp
            likelihood += (log_total - true)[:inside].sum()
            uniform += (log_total.squeeze(1) - some.float() @ mean_weight - mean_bias)[:inside].sum()
            if r_drop:
                distance, gradient = _divergence(logits.float() - log_total)
                kl += distance
                probabilities += (r_drop * gradient).to(dtype)
                likely = probabilities.gather(1, target)
            # on a processor scatter_add_, and a sum that is asked for in float32, would copy bf16 as a whole first
            probabilities[places[: len(some)], target.squeeze(1)] = likely.squeeze(1) - (1 - smoothing)
            probabilities[inside:] = 0.0
            grad_rows[chosen] = linear_no_grad(probabilities, table.t())
            grad_weight = _add_product(grad_weight, probabilities.t(), some)
            grad_bias += probabilities.sum(0)
        assert grad_weight is not None, "there are rows"
        grad_rows = grad_rows[:real] - (smoothing * mean_weight).to(dtype)
        grad_weight -= smoothing / len(weight) * rows.float().sum(0)
        grad_bias -= smoothing / len(weight) * real
        ctx.gradients, ctx.dtype = [grad_rows, grad_weight, grad_bias], readouts.dtype
        ctx.mark_non_differentiable(likelihood)
        return (1 - smoothing) * likelihood + smoothing * uniform + r_drop * kl, likelihood

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        kept, ctx.gradients = ctx.gradients, None  # scaled in their place: there is no second time
        rows, weight, bias = (gradient.mul_(gradients[0]) for gradient in kept)
        return rows.to(ctx.dtype), weight, bias, None, None, None, None


def _add_product(total: Tensor | None, left: Tensor, right: Tensor) -> Tensor:
    """A sum of products in float32, and the product (V, E) of (V, n) and (n, E) added to it."""
    if total is None:
        return (left @ right).float()
    if left.dtype == total.dtype:
        return total.addmm_(left, right)
    product = left @ right
    size = BLOCK if total.device.type == "cpu" else len(total)
    for some, more in zip(torch.split(total, size), torch.split(product, size), strict=True):
        some += more
    return total


def _pad_rows(rows: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (n, E) and targets (n,), and zeros."""
    missing = round_up(len(rows), ROW_MULTIPLE) - len(rows)
    return nn.functional.pad(rows, (0, 0, 0, missing)), nn.functional.pad(targets, (0, missing))


def _chunk_rows(rows: int, table: Tensor) -> int:
    """How many of so many rows to compute logits (n, V) for at a time, by a table (V, E)."""
    most = max(ROW_MULTIPLE, LOGITS[table.device.type] // len(table))
    share = math.ceil(rows / max(1, math.ceil(rows / most)))
    return round_up(share, ROW_MULTIPLE)


def _chunks(rows: int, size: int, paired: bool, device: torch.device) -> Iterator[slice | Tensor]:
    """Rows to take at a time; if paired, as many of the first half with those of the second that belong to them."""
    if not paired:
        yield from (slice(start, start + size) for start in range(0, rows, size))
        return
    half = rows // 2
    for some in torch.split(torch.arange(half, device=device), size // 2):
        yield torch.cat([some, some + half])


def _divergence(log_probs: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities (2n, V), p above q -> sum of [KL(p || q) + KL(q || p)] / 2, and its gradient by the logits,
    which by those of p is [p (log p - log q - KL(p || q)) + p - q] / 2."""
    other = log_probs.roll(len(log_probs) // 2, 0)
    p, q, ratio = log_probs.exp(), other.exp(), log_probs - other
    kl = (p * ratio).sum(1, keepdim=True)
    return kl.sum() / 2, (p * (ratio - kl) + p - q) / 2
