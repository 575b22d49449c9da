"""One update: batches in, weights moved."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nmt_cli.config import TrainingConfig
from nmt_cli.corpus.batching import Batch, twice
from nmt_cli.corpus.tokenizer import PAD
from nmt_cli.model.device import Compute
from nmt_cli.model.seq2seq import Seq2Seq, mask_from
from nmt_cli.training.averaging import MovingAverage
from nmt_cli.training.loss import output_loss


@dataclass(frozen=True)
class Sums:
    """Sums over real target tokens, in nats: the smoothed loss and the negative log-likelihood."""

    loss: Tensor
    likelihood: Tensor
    tokens: int


def batch_loss(
    model: Seq2Seq,
    batch: Batch,
    smoothing: float,
    compute: Compute,
    forced: Tensor | None = None,
    r_drop: float = 0.0,
) -> tuple[Sums, Tensor | None]:
    """Learn from one batch by teacher forcing, or where `forced` (B, T) is False with the model's own words -> its sums
    and the attention weights (B, T, S), None without attention. With `r_drop` the batch must be one of `twice`."""
    source, lengths, entering, leaving = (
        torch.from_numpy(array).to(compute.device, non_blocking=True)
        for array in (batch.source, batch.source_lengths, batch.entering, batch.leaving)
    )
    with compute.autocast():
        mask = mask_from(lengths, source.size(1))
        if forced is None:
            readouts, weights = model(source, mask, entering)
        else:
            readouts, weights = model.forward_mixed(source, mask, entering, forced)
        real = (leaving != PAD).flatten().nonzero().squeeze(1)  # (N,)
        loss, likelihood = output_loss(
            readouts.flatten(0, 1).index_select(0, real),
            model.output,
            leaving.flatten().index_select(0, real),
            smoothing,
            compute.dtype,
            r_drop,
        )
    return Sums(loss, likelihood, batch.tokens), weights


@dataclass(frozen=True)
class UpdateReport:
    """What an update did: loss per token in nats, the gradient's norm before clipping, and whether it was taken."""

    loss: float
    tokens: int
    norm: float
    clipped: bool
    taken: bool


class Learner:
    """A model, its optimiser and the average of its weights."""

    def __init__(self, model: Seq2Seq, config: TrainingConfig, compute: Compute) -> None:
        self.model = model
        self.config = config
        self.compute = compute
        matrices = [p for p in model.parameters() if p.dim() > 1]
        others = [p for p in model.parameters() if p.dim() <= 1]
        groups = [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), eps=1e-9, fused=True)
        self.average = MovingAverage(model, config.average_decay) if config.average_decay else None

    def update(self, batches: list[Batch], rate: float, share: float = 1.0) -> UpdateReport:
        """Learn from these batches as from one, reading true words with the probability `share`. A loss or gradient
        that is not finite is not taken."""
        tokens = sum(batch.tokens for batch in batches)
        self.optimiser.zero_grad(set_to_none=True)
        likelihood = 0.0
        for batch in batches:
            reading = twice(batch) if self.config.r_drop else batch
            forced = self._draw_forced(reading, share)
            sums, _ = batch_loss(
                self.model, reading, self.config.label_smoothing, self.compute, forced, self.config.r_drop
            )
            readings = sums.tokens / batch.tokens
            (sums.loss / (readings * tokens)).backward()  # type: ignore[no-untyped-call]
            likelihood += float(sums.likelihood) / readings
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm))
        finite = norm < float("inf") and likelihood == likelihood
        if finite:
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            self.optimiser.step()
            if self.average is not None:
                self.average.update()
        return UpdateReport(likelihood / tokens, tokens, norm, norm > self.config.clip_norm, finite)

    def _draw_forced(self, batch: Batch, share: float) -> Tensor | None:
        """Where the true word is read, (B, T); None if everywhere."""
        if share >= 1.0:
            return None
        rows, steps = batch.entering.shape
        shape = (rows, 1) if self.config.feeding_per == "sentence" else (rows, steps)
        return (torch.rand(shape, device=self.compute.device) < share).expand(rows, steps)
