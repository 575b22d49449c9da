"""One update: forward and backward passes over its batches, clipping, and the optimizer step."""

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
from nmt_cli.training.freeze import freeze
from nmt_cli.training.optimizer import AdamW

EMPTY_BATCH = collate([[]], [[]])
"""A batch of weight 0, for a process that has none at the end of an epoch: DDP needs a backward pass from each."""


@dataclass(frozen=True)
class LossSums:
    """Sums over real target tokens, in nats: the smoothed loss and the negative log-likelihood."""

    loss: Tensor
    nll: Tensor
    tokens: int


def batch_loss(
    model: Seq2Seq,
    batch: Batch,
    smoothing: float,
    compute: Compute,
    forced: Tensor | None = None,
    r_drop: float = 0.0,
) -> tuple[LossSums, Tensor | None]:
    """The loss of one batch -> its sums and the attention weights (B, T, S), None without attention.

    The decoder's input is the gold previous token, or its own best prediction where `forced` (B, T) is False. With
    `r_drop` the batch must come from `duplicate`.
    """
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
    return LossSums(loss, likelihood, batch.tokens), weights


@dataclass(frozen=True)
class UpdateReport:
    """What an update did: loss per token in nats, the gradient norm before clipping, whether the gradient was clipped,
    and whether the weights were updated."""

    loss: float
    tokens: int
    norm: float
    clipped: bool
    applied: bool


class _LossModule(nn.Module):
    """The loss of a batch as a module's forward pass, which DistributedDataParallel wraps to average gradients."""

    def __init__(self, model: Seq2Seq) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, batch: Batch, smoothing: float, compute: Compute, forced: Tensor | None, r_drop: float
    ) -> tuple[LossSums, Tensor | None]:
        return batch_loss(self.model, batch, smoothing, compute, forced, r_drop)


class TrainStep:
    """A model, its optimizer and the EMA of its weights; they are identical in all processes of a run."""

    def __init__(self, model: Seq2Seq, config: TrainingConfig, compute: Compute, world: World | None = None) -> None:
        self.model = model
        self.config = config
        self.compute = compute
        self.world = world or World()
        freeze(model, config.freeze)  # before DDP, which averages the gradients of the others only
        self._loss_module: nn.Module = _LossModule(model)
        if self.world.size > 1:
            unused = model.config.attention == "none-repeat"  # the embeddings of the previous tokens
            self._loss_module = DistributedDataParallel(self._loss_module, find_unused_parameters=unused)
        trained = {name: weight for name, weight in model_weights(model).items() if weight.requires_grad}
        self.optimizer = AdamW(trained, config.weight_decay)
        self.ema = EMA(model, config.ema_decay) if config.ema_decay else None

    def update(self, batches: list[Batch], rate: float, teacher_forcing_ratio: float = 1.0) -> UpdateReport:
        """Train on these batches and those of the other processes as if they were one batch. The decoder's input is
        the gold previous token with probability `teacher_forcing_ratio`. If the loss or a gradient is not finite, the
        weights are not changed.
        """
        tokens = int(self.world.all_reduce(sum(batch.tokens for batch in batches))[0])
        weight = 1.0 if batches else 0.0
        batches = batches or [EMPTY_BATCH]
        self.model.zero_grad(set_to_none=True)
        likelihood = 0.0
        for batch in batches:
            inputs = duplicate(batch) if self.config.r_drop else batch
            forced = self._draw_forced(inputs, teacher_forcing_ratio)
            with nullcontext() if batch is batches[-1] else self._no_sync():
                sums, _ = self._loss_module(
                    inputs, self.config.label_smoothing, self.compute, forced, self.config.r_drop
                )
                copies = sums.tokens / batch.tokens
                # times the number of processes, over which DDP takes the mean
                (sums.loss * (weight * self.world.size / (copies * tokens))).backward()
            likelihood += weight * float(sums.nll) / copies
        (likelihood,) = self.world.all_reduce(likelihood)
        norm = self.optimizer_step(rate) if likelihood == likelihood else float("nan")
        return UpdateReport(likelihood / tokens, tokens, norm, norm > self.config.clip_norm, norm < float("inf"))

    def optimizer_step(self, rate: float) -> float:
        """Clip the gradients to `clip_norm` and update the weights, unless a gradient is not finite -> the gradients'
        norm before clipping."""
        gradients = [weight.grad for weight in self.model.parameters() if weight.grad is not None]
        total_norm, clip_norm = nn.utils.get_total_norm(gradients), self.config.clip_norm
        norm = float(total_norm)
        if norm < float("inf"):
            self.optimizer.step(rate, total_norm / clip_norm if norm > clip_norm else None)
            if self.ema is not None:
                self.ema.update()
        return norm

    def _no_sync(self) -> AbstractContextManager[None]:
        """A context without DDP's averaging of gradients, for all batches of an update but the last."""
        loss_module = self._loss_module
        return loss_module.no_sync() if isinstance(loss_module, DistributedDataParallel) else nullcontext()

    def _draw_forced(self, batch: Batch, ratio: float) -> Tensor | None:
        """Draw where the decoder's input is the gold previous token, (B, T); None for everywhere."""
        if ratio >= 1.0:
            return None
        rows, steps = batch.target_input.shape
        return torch.rand((rows, steps), device=self.compute.device) < ratio
