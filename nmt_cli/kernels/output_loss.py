"""Output layer, softmax, loss and their gradients, fused and computed in chunks of rows.

Computes `label_smoothed_cross_entropy` (`training/loss.py`) of the logits h W' + b, with the same gradients, but never
holds the logits of a whole batch (N, V) in memory, and passes over them only once, for the softmax. Used for
training and for the dev loss, on CPUs and GPUs. Benchmarks: `benchmarks/RESULTS.md`, "How near training is to the
machine's limit"; `benchmarks/JOURNAL.md`, "The output layer's gradient".
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from nmt_cli.kernels.matmul import linear_no_grad
from nmt_cli.kernels.rounding import round_up

LOGITS = {"cpu": 3 << 20, "cuda": 48 << 20}
"""Number of logits computed at a time, by device; on a CPU, as many as fit its cache."""
ROW_MULTIPLE = 32
"""Rows are padded to a multiple of this: oneDNN compiles new kernels for every number of rows."""
BLOCK = 512
"""Rows of a gradient that are added at a time on a CPU: torch first copies bf16 to float32, and a block of this size
stays in the cache."""


def output_loss(
    readouts: Tensor, output: nn.Linear, targets: Tensor, smoothing: float, dtype: torch.dtype, r_drop: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Readouts (N, E) and gold tokens (N,), without padding -> two sums over N, in nats: the smoothed loss, to be
    minimised, and the negative log-likelihood, which is only reported and has no gradient.

    Matmuls and column sums run in `dtype`, other sums in float32. `r_drop` is the weight a of R-Drop; it has no effect
    when gradients are disabled.
    """
    with torch.autocast(readouts.device.type, enabled=False):
        if torch.is_grad_enabled():
            parameters = (output.weight, output.bias)
            loss, likelihood = _OutputLoss.apply(readouts, *parameters, targets, smoothing, dtype, r_drop)  # type: ignore[no-untyped-call]
            return loss, likelihood
        w, b = output.weight.to(dtype), output.bias.to(dtype)
        rows, padded_targets = _pad_rows(readouts.to(dtype), targets)
        size = _chunk_rows(len(rows), w)
        gold, mean = [], []  # log-probability of the gold token, and mean over v, of each row
        for h, target in zip(torch.split(rows, size), torch.split(padded_targets, size), strict=True):
            log_probs = torch.addmm(b, h, w.t()).log_softmax(-1, dtype=torch.float32)  # (n, V)
            gold.append(log_probs.gather(1, target.unsqueeze(1)).squeeze(1))
            mean.append(log_probs.mean(1))
        likelihood, uniform = (-torch.cat(parts)[: len(readouts)].sum() for parts in (gold, mean))
        return (1 - smoothing) * likelihood + smoothing * uniform, likelihood


def gold_log_probs(readouts: Tensor, output: nn.Module, targets: Tensor, vocabulary: int) -> Tensor:
    """Readouts (N, E) and gold tokens (N,) -> the log-probability of each gold token (N,), in float32, without a
    gradient. The output layer, of so many subwords, may be one that is packed for search."""
    size = max(ROW_MULTIPLE, LOGITS[readouts.device.type] // vocabulary)
    gold = []
    for h, target in zip(torch.split(readouts, size), torch.split(targets, size), strict=True):
        logits = output(h).float()  # (n, V)
        gold.append(logits.gather(1, target.unsqueeze(1)).squeeze(1) - logits.logsumexp(1))
    return torch.cat(gold)


class _OutputLoss(torch.autograd.Function):
    """Computes the gradients in the forward pass. That of the logits is p - (1 - e) onehot(y) - e / V, where e is
    `smoothing`. The last term is the same for all rows and columns, so it is added to the results of the two matmuls,
    not to the (N, V) gradient."""

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
        w, b, rows = weight.to(dtype), bias.to(dtype), readouts.to(dtype)
        num_rows = len(rows)  # without padding
        if not r_drop:
            rows, targets = _pad_rows(rows, targets)
        # the mean of the logits over v is h . mean(W) + mean(b)
        mean_weight, mean_bias = weight.float().mean(0), bias.float().mean()
        grad_rows, grad_bias = torch.empty_like(rows), torch.zeros_like(bias)
        grad_weight: Tensor | None = None
        row_indices = torch.arange(len(rows), device=rows.device)
        likelihood, uniform, kl = readouts.new_zeros((3,), dtype=torch.float32)
        for chunk in _chunks(len(rows), _chunk_rows(len(rows), w), paired=r_drop > 0, device=rows.device):
            h, target = rows[chunk], targets[chunk, None]
            real = min(len(h), num_rows - chunk.start) if isinstance(chunk, slice) else len(h)
            logits = linear_no_grad(h, w, b)  # (n, V)
            grad_logits = logits.softmax(-1)  # p, until the other terms are added
            gold_logits, gold_probs = logits.gather(1, target).float(), grad_logits.gather(1, target)
            log_sum_exp = gold_logits - gold_probs.float().clamp_min(1e-38).log()
            likelihood += (log_sum_exp - gold_logits)[:real].sum()
            uniform += (log_sum_exp.squeeze(1) - h.float() @ mean_weight - mean_bias)[:real].sum()
            if r_drop:
                chunk_kl, kl_gradient = _divergence(logits.float() - log_sum_exp)
                kl += chunk_kl
                grad_logits += (r_drop * kl_gradient).to(dtype)
                gold_probs = grad_logits.gather(1, target)
            # on a CPU, scatter_add_ and a sum with dtype float32 would first copy the whole bf16 tensor
            grad_logits[row_indices[: len(h)], target.squeeze(1)] = gold_probs.squeeze(1) - (1 - smoothing)
            grad_logits[real:] = 0.0
            grad_rows[chunk] = linear_no_grad(grad_logits, w.t())
            grad_weight = _add_matmul(grad_weight, grad_logits.t(), h)
            grad_bias += grad_logits.sum(0)
        assert grad_weight is not None, "there are rows"
        grad_rows = grad_rows[:num_rows] - (smoothing * mean_weight).to(dtype)
        grad_weight -= smoothing / len(weight) * rows.float().sum(0)
        grad_bias -= smoothing / len(weight) * num_rows
        ctx.gradients, ctx.dtype = [grad_rows, grad_weight, grad_bias], readouts.dtype
        ctx.mark_non_differentiable(likelihood)
        return (1 - smoothing) * likelihood + smoothing * uniform + r_drop * kl, likelihood

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        computed, ctx.gradients = ctx.gradients, None  # scaled in place, so backward runs only once
        rows, weight, bias = (gradient.mul_(gradients[0]) for gradient in computed)
        return rows.to(ctx.dtype), weight, bias, None, None, None, None


def _add_matmul(total: Tensor | None, left: Tensor, right: Tensor) -> Tensor:
    """Add the matmul of (V, n) and (n, E) to the float32 `total` (V, E), in place; None counts as zero."""
    if total is None:
        return (left @ right).float()
    if left.dtype == total.dtype:
        return total.addmm_(left, right)
    product = left @ right
    size = BLOCK if total.device.type == "cpu" else len(total)
    for total_block, block in zip(torch.split(total, size), torch.split(product, size), strict=True):
        total_block += block
    return total


def _pad_rows(rows: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Pad rows (n, E) and targets (n,) with zeros to a multiple of `ROW_MULTIPLE`."""
    missing = round_up(len(rows), ROW_MULTIPLE) - len(rows)
    return nn.functional.pad(rows, (0, 0, 0, missing)), nn.functional.pad(targets, (0, missing))


def _chunk_rows(rows: int, weight: Tensor) -> int:
    """Rows n per chunk for a weight (V, E): chunks of equal size, whose logits (n, V) number about `LOGITS` at most."""
    limit = max(ROW_MULTIPLE, LOGITS[weight.device.type] // len(weight))
    equal = math.ceil(rows / max(1, math.ceil(rows / limit)))
    return round_up(equal, ROW_MULTIPLE)


def _chunks(rows: int, size: int, paired: bool, device: torch.device) -> Iterator[slice | Tensor]:
    """Index of the rows of each chunk. If `paired` (R-Drop), rows of the first half with their copies in the second."""
    if not paired:
        yield from (slice(start, start + size) for start in range(0, rows, size))
        return
    half = rows // 2
    for indices in torch.split(torch.arange(half, device=device), size // 2):
        yield torch.cat([indices, indices + half])


def _divergence(log_probs: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities (2n, V), p in the first n rows and q in the others -> sum of [KL(p || q) + KL(q || p)] / 2, and
    its gradient with respect to the logits; for those of p it is [p (log p - log q - KL(p || q)) + p - q] / 2."""
    other = log_probs.roll(len(log_probs) // 2, 0)
    p, q, ratio = log_probs.exp(), other.exp(), log_probs - other
    kl = (p * ratio).sum(1, keepdim=True)
    return kl.sum() / 2, (p * (ratio - kl) + p - q) / 2
