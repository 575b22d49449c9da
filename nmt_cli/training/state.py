"""The state to resume from: where a run stands, and every tensor that it needs to go on."""

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
from nmt_cli.training.step import Learner


@dataclass
class Progress:
    """Where a run stands. `batches` counts those of the current epoch that have been learnt from, of as many as were
    `planned`, `elapsed` seconds of all its parts, `stale` validations without a better value of `metric` than `best`;
    `validated` is the update of the last, which took `validation_seconds`."""

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
    stale: int = 0
    validated: int = -1
    validation_seconds: float = 0.0


def save_state(path: Path, learner: Learner, progress: Progress) -> None:
    """Write the state of a run into its model folder, in one step."""
    tensors = {f"weights/{name}": weight for name, weight in model_weights(learner.model).items()}
    for name, kept in learner.optimiser.state.items():
        tensors |= {f"optimiser/{moment}/{name}": tensor for moment, tensor in kept.items()}
    facts: dict[str, Any] = {"progress": dataclasses.asdict(progress), "launch": learner.world.launch}
    if learner.average is not None:
        tensors |= {f"average/{name}": weight for name, weight in learner.average.weights.items()}
        facts["averaged"] = learner.average.updates
    tensors["random/cpu"] = torch.get_rng_state()
    if learner.compute.device.type == "cuda":
        tensors["random/cuda"] = torch.cuda.get_rng_state(learner.compute.device)
    write_tensors(path / RESUME, tensors, facts)


def load_state(path: Path, learner: Learner) -> Progress:
    """Put a saved state back. Raises CheckpointError if there is none, or it does not fit."""
    file = path / RESUME
    tensors, facts = read_tensors(file)
    load_weights(learner.model, _under(tensors, "weights"), file)
    for name, parameter in model_weights(learner.model).items():
        kept = {m: tensors[f"optimiser/{m}/{name}"] for m in MOMENTS if f"optimiser/{m}/{name}" in tensors}
        if kept:
            device = parameter.device
            learner.optimiser.state[name] = {
                moment: tensor.to(device, copy=True)  # out of the file, which is soon replaced
                for moment, tensor in kept.items()
            }
    if learner.average is not None:
        average = _under(tensors, "average")
        if not average:
            raise CheckpointError(f"{file}: holds no average of the weights; resume with --average-decay 0")
        for name, weight in learner.average.weights.items():
            weight.copy_(average[name])
        learner.average.updates = facts["averaged"]
    torch.set_rng_state(tensors["random/cpu"])
    if "random/cuda" in tensors and learner.compute.device.type == "cuda":
        torch.cuda.set_rng_state(tensors["random/cuda"], learner.compute.device)
    progress = facts["progress"]
    if "update" in progress:  # of the first format, which counted updates
        progress["batches"] = progress.pop("update") * learner.config.accumulate
    return Progress(**progress)


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix + "/"): t for name, t in tensors.items() if name.startswith(prefix + "/")}
