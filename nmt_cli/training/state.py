"""The state to resume from: the counters of a run, and every tensor that it needs to continue."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nmt_cli.checkpoint.layout import RESUME
from nmt_cli.checkpoint.model_dir import load_weights, model_weights
from nmt_cli.checkpoint.tensors import read_tensors, write_tensors
from nmt_cli.errors import CheckpointError
from nmt_cli.training.optimizer import MOMENTS
from nmt_cli.training.step import TrainStep


@dataclass
class TrainerState:
    """The counters of a run.

    `batches` is how many batches of the current epoch are done, out of `planned`; `elapsed` the seconds that the
    run has taken, before and after resuming. `bad_validations` is how many validations in a row were no better than
    `best`, the value of `metric` at update `best_step`. `skipped` is the number of updates skipped because the loss or
    a gradient was not finite. `validated` is the update of the last validation, which took `validation_seconds`.
    """

    step: int = 0
    epoch: int = 0
    batches: int = 0
    planned: int = 0
    tokens: int = 0
    elapsed: float = 0.0
    skipped: int = 0
    metric: str | None = None
    best: float | None = None
    best_step: int = 0
    bad_validations: int = 0
    validated: int = -1
    validation_seconds: float = 0.0


def save_state(path: Path, train_step: TrainStep, progress: TrainerState) -> None:
    """Write the state of a run to its model folder, atomically."""
    tensors = {f"weights/{name}": weight for name, weight in model_weights(train_step.model).items()}
    for name, moments in train_step.optimizer.state.items():
        tensors |= {f"optimiser/{moment}/{name}": tensor for moment, tensor in moments.items()}
    metadata: dict[str, Any] = {"progress": dataclasses.asdict(progress), "launch": train_step.world.launch}
    if train_step.ema is not None:
        tensors |= {f"average/{name}": weight for name, weight in train_step.ema.weights.items()}
        metadata["averaged"] = train_step.ema.updates
    tensors["random/cpu"] = torch.get_rng_state()
    if train_step.compute.device.type == "cuda":
        tensors["random/cuda"] = torch.cuda.get_rng_state(train_step.compute.device)
    write_tensors(path / RESUME, tensors, metadata)


def load_state(path: Path, train_step: TrainStep) -> TrainerState:
    """Restore a saved state. Raises CheckpointError if there is none, or it does not fit the model."""
    file = path / RESUME
    tensors, metadata = read_tensors(file)
    load_weights(train_step.model, _with_prefix(tensors, "weights"), file)
    for name, parameter in model_weights(train_step.model).items():
        moments = {m: tensors[f"optimiser/{m}/{name}"] for m in MOMENTS if f"optimiser/{m}/{name}" in tensors}
        if moments:
            device = parameter.device
            train_step.optimizer.state[name] = {
                moment: tensor.to(device, copy=True)  # not mapped from the file, which is soon replaced
                for moment, tensor in moments.items()
            }
    if train_step.ema is not None:
        average = _with_prefix(tensors, "average")
        if not average:
            raise CheckpointError(f"{file}: holds no average of the weights (EMA); resume with --ema-decay 0")
        for name, weight in train_step.ema.weights.items():
            weight.copy_(average[name])
        train_step.ema.updates = metadata["averaged"]
    torch.set_rng_state(tensors["random/cpu"])
    if "random/cuda" in tensors and train_step.compute.device.type == "cuda":
        torch.cuda.set_rng_state(tensors["random/cuda"], train_step.compute.device)
    return TrainerState(**metadata["progress"])


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix + "/"): t for name, t in tensors.items() if name.startswith(prefix + "/")}
