"""One update: batches in, weights moved."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from nmt_cli.checkpoint.model_dir import model_weights
from nmt_cli.config import TrainingConfig
from nmt_cli.corpus.batch import Batch, collate, duplicate
from nmt_cli.kernels.device import Compute
from nmt_cli.kernels.output_loss import output_loss
from nmt_cli.model.seq2seq import Seq2Seq, sequence_mask
from nmt_cli.special_tokens import PAD
from nmt_cli.training.distributed import World
from nmt_cli.training.ema import EMA
from nmt_cli.training.optimizer import AdamW

EMPTY_BATCH = collate([[]], [[]])
"""What a process reads, to no effect, when the others have the last batches of an epoch among themselves."""


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
    and the attention weights (B, T, S), None without attention. With `r_drop` the batch must be one of `duplicate`."""
    source, lengths, target_input, target_output = (
        torch.from_numpy(array).to(compute.device, non_blocking=True)
        for array in (batch.source, batch.source_lengths, batch.target_input, batch.target_output)
    )
    with compute.autocast():
        mask = sequence_mask(lengths, source.size(1))
        if forced is None:
            readouts, weights = model(source, mask, target_input)
        else:
            readouts, weights = model.forward_scheduled_sampling(source, mask, target_input, forced)
        real = (target_output != PAD).flatten().nonzero().squeeze(1)  # (N,)
        loss, likelihood = output_loss(
            readouts.flatten(0, 1).index_select(0, real),
            model.output,
            target_output.flatten().index_select(0, real),
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
    applied: bool


class _LossModule(nn.Module):
    """The loss of a batch as a module's forward pass, as the library wants it to add up gradients over processes."""

    def __init__(self, model: Seq2Seq) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, batch: Batch, smoothing: float, compute: Compute, forced: Tensor | None, r_drop: float
    ) -> tuple[Sums, Tensor | None]:
        return batch_loss(self.model, batch, smoothing, compute, forced, r_drop)


class TrainStep:
    """A model, its optimiser and the average of its weights; one of several alike if the world has more processes."""

    def __init__(self, model: Seq2Seq, config: TrainingConfig, compute: Compute, world: World | None = None) -> None:
        self.model = model
        self.config = config
        self.compute = compute
        self.world = world or World()
        self._loss_module: nn.Module = _LossModule(model)
        if self.world.size > 1:
            unread = model.config.attention == "none-repeat"  # the embeddings of the previous word
            self._loss_module = DistributedDataParallel(self._loss_module, find_unused_parameters=unread)
        self.optimizer = AdamW(model_weights(model), config.weight_decay)
        self.ema = EMA(model, config.ema_decay) if config.ema_decay else None

    def update(self, batches: list[Batch], rate: float, share: float = 1.0) -> UpdateReport:
        """Learn from these batches, and those of the other processes, as from one, reading true words with the
        probability `share`. A loss or gradient that is not finite is not taken."""
        tokens = int(self.world.all_reduce(sum(batch.tokens for batch in batches))[0])
        counts = 1.0 if batches else 0.0
        batches = batches or [EMPTY_BATCH]
        self.model.zero_grad(set_to_none=True)
        likelihood = 0.0
        for batch in batches:
            reading = duplicate(batch) if self.config.r_drop else batch
            forced = self._draw_forced(reading, share)
            with nullcontext() if batch is batches[-1] else self._no_sync():
                sums, _ = self._loss_module(
                    reading, self.config.label_smoothing, self.compute, forced, self.config.r_drop
                )
                readings = sums.tokens / batch.tokens
                # the library takes the mean over processes
                (sums.loss * (counts * self.world.size / (readings * tokens))).backward()
            likelihood += counts * float(sums.likelihood) / readings
        (likelihood,) = self.world.all_reduce(likelihood)
        norm = self.optimizer_step(rate) if likelihood == likelihood else float("nan")
        return UpdateReport(likelihood / tokens, tokens, norm, norm > self.config.clip_norm, norm < float("inf"))

    def optimizer_step(self, rate: float) -> float:
        """Move the weights by their gradients, shortened to `clip_norm`, unless these are not finite -> their norm."""
        gradients = [weight.grad for weight in self.model.parameters() if weight.grad is not None]
        length, longest = nn.utils.get_total_norm(gradients), self.config.clip_norm
        norm = float(length)
        if norm < float("inf"):
            self.optimizer.step(rate, length / longest if norm > longest else None)
            if self.ema is not None:
                self.ema.update()
        return norm

    def _no_sync(self) -> AbstractContextManager[None]:
        """Within it gradients are not yet added up over processes."""
        loss_module = self._loss_module
        return loss_module.no_sync() if isinstance(loss_module, DistributedDataParallel) else nullcontext()

    def _draw_forced(self, batch: Batch, share: float) -> Tensor | None:
        """Where the true word is read, (B, T); None if everywhere."""
        if share >= 1.0:
            return None
        rows, steps = batch.target_input.shape
        return torch.rand((rows, steps), device=self.compute.device) < share
