"""The environment of a run: hardware and versions. Like options and corpus, they can change its numbers."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version

import torch

from nmt_cli.checkpoint.layout import Environment
from nmt_cli.kernels.device import Compute, cpu_info


def environment(compute: Compute) -> Environment:
    """The environment of this process."""
    gpu = compute.device.type == "cuda"
    return Environment(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        python=platform.python_version(),
        torch=torch.__version__,
        sentencepiece=version("sentencepiece"),
        processor=torch.cuda.get_device_name(compute.device) if gpu else cpu_info("model name"),
        precision=compute.precision,
        threads=torch.get_num_threads(),
    )


def differences(before: Environment, now: Environment) -> list[str]:
    """The fields that differ, apart from the date: `torch 2.12.0, now 2.13.0`."""
    old, new = (each.model_dump(exclude={"date"}) for each in (before, now))
    return [f"{name} {old[name]}, now {new[name]}" for name in old if old[name] != new[name]]
