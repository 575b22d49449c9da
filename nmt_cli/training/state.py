"""The state to resume from: the counters of a run, and every tensor that it needs to continue."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import torch
from pydantic import ConfigDict, Field, TypeAdapter
from torch import Tensor

from nmt_cli.checkpoint.header import read_header
from nmt_cli.checkpoint.layout import RESUME, check_run
from nmt_cli.checkpoint.model_dir import check_shapes, load_weights, model_weights
from nmt_cli.checkpoint.tensors import read_tensors, write_tensors
from nmt_cli.errors import CheckpointError
from nmt_cli.model.seq2seq import Seq2Seq
from nmt_cli.training.optimizer import MOMENTS
from nmt_cli.training.step import TrainStep

T = TypeVar("T")
WEIGHTS_PREFIX = "weights"
"""Prefix of the names of the weights among the tensors of a state."""

Count = Annotated[int, Field(ge=0, lt=2**63)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass
class TrainerState:
    """The counters of a run.

    `batches` is how many batches of the current epoch are done, out of `planned`; `elapsed` the seconds that the
    run has taken, before and after resuming. `bad_validations` is how many validations in a row were no better than
    `best`, the value of `metric` at update `best_step`. `skipped` is the number of updates skipped because the loss or
    a gradient was not finite. `validated` is the update of the last validation, which took `validation_seconds`.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    step: Count = 0
    epoch: Count = 0
    batches: Count = 0
    planned: Count = 0
    tokens: Count = 0
    elapsed: Seconds = 0.0
    skipped: Count = 0
    metric: str | None = None
    best: float | None = None
    best_step: Count = 0
    bad_validations: Count = 0
    validated: Annotated[int, Field(ge=-1, lt=2**63)] = -1
    validation_seconds: Seconds = 0.0

    def update_best(self, metric: str, value: float) -> bool:
        """Take a validation at this update into account, and return whether no earlier one was better. On a tie the
        later is the best; in a run resumed with another metric, the first."""
        if self.metric not in (None, metric):
            self.best = None
        self.metric = metric
        before = self.best
        self.bad_validations = 0 if before is None or value > before else self.bad_validations + 1
        if before is not None and value < before:
            return False
        self.best, self.best_step = value, self.step
        return True


def save_state(path: Path, train_step: TrainStep, progress: TrainerState, run: str) -> None:
    """Write the state of a run to its model folder, atomically. `run` identifies it (`ModelManifest.run`)."""
    tensors = {f"{WEIGHTS_PREFIX}/{name}": weight for name, weight in model_weights(train_step.model).items()}
    for name, moments in train_step.optimizer.state.items():
        tensors |= {f"optimiser/{moment}/{name}": tensor for moment, tensor in moments.items()}
    metadata: dict[str, Any] = {
        "run": run,
        "progress": dataclasses.asdict(progress),
        "launch": train_step.world.launch,
    }
    if train_step.ema is not None:
        tensors |= {f"average/{name}": weight for name, weight in train_step.ema.weights.items()}
        metadata["averaged"] = train_step.ema.updates
    tensors["random/cpu"] = torch.get_rng_state()
    if train_step.compute.device.type == "cuda":
        tensors["random/cuda"] = torch.cuda.get_rng_state(train_step.compute.device)
    write_tensors(path / RESUME, tensors, metadata)


def load_state(path: Path, train_step: TrainStep, run: str) -> TrainerState:
    """Restore a saved state. Raises CheckpointError if there is none, or it does not fit the model and the run."""
    file = path / RESUME
    tensors, metadata = read_tensors(file)
    check_run(file, metadata, run)
    load_weights(train_step.model, _with_prefix(tensors, WEIGHTS_PREFIX), file)
    try:
        _load_moments(tensors, train_step)
        _load_average(tensors, metadata, train_step, file)
        _load_random(tensors, train_step)
        return TypeAdapter(TrainerState).validate_json(json.dumps(metadata["progress"]))
    except (KeyError, TypeError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise CheckpointError(f"{file}: not a state of this model ({reason}); train again, without --resume") from None


def check_state(path: Path, model: Seq2Seq) -> None:
    """Raise CheckpointError unless the weights in a saved state fit a model, which needs no memory yet."""
    check_shapes(model, _with_prefix(read_header(path / RESUME).shapes, WEIGHTS_PREFIX), path / RESUME)


def _load_moments(tensors: dict[str, Tensor], train_step: TrainStep) -> None:
    for name, parameter in train_step.optimizer.weights.items():
        moments = {m: tensors[f"optimiser/{m}/{name}"] for m in MOMENTS if f"optimiser/{m}/{name}" in tensors}
        if not moments:
            continue
        if [moments[m].shape for m in MOMENTS] != [torch.Size(), parameter.shape, parameter.shape]:
            raise ValueError(f"the optimiser's state of {name} has another shape")
        train_step.optimizer.state[name] = {
            moment: tensor.to(parameter.device, copy=True)  # not mapped from the file, which is soon replaced
            for moment, tensor in moments.items()
        }


def _load_average(tensors: dict[str, Tensor], metadata: dict[str, Any], train_step: TrainStep, file: Path) -> None:
    if train_step.ema is None:
        return
    average = _with_prefix(tensors, "average")
    if not average:
        raise CheckpointError(f"{file}: holds no average of the weights (EMA); resume with --ema-decay 0")
    for name, weight in train_step.ema.weights.items():
        if average[name].shape != weight.shape:
            raise ValueError(f"the average of {name} has another shape")
        weight.copy_(average[name])
    train_step.ema.updates = TypeAdapter(Count).validate_python(metadata["averaged"], strict=True)


def _load_random(tensors: dict[str, Tensor], train_step: TrainStep) -> None:
    try:
        torch.set_rng_state(tensors["random/cpu"])
        if "random/cuda" in tensors and train_step.compute.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["random/cuda"], train_step.compute.device)
    except RuntimeError:
        raise ValueError("the state of the random numbers cannot be used") from None


def _with_prefix(tensors: Mapping[str, T], prefix: str) -> dict[str, T]:
    return {name.removeprefix(prefix + "/"): t for name, t in tensors.items() if name.startswith(prefix + "/")}
