"""How long work takes on a device, and the memory it needs there."""

import resource
import statistics
import time
from collections.abc import Callable

import torch


def now(device: torch.device) -> float:
    """The time, when all that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def median_seconds(work: Callable[[], object], seconds: float, device: torch.device, calls: int = 1) -> float:
    """Of one call, over as many as fit; `calls` of them between two looks at the clock, for which a GPU has to wait."""
    work()
    taken: list[float] = []
    until = (started := now(device)) + seconds
    while len(taken) < 3 or started < until:
        for _ in range(calls):
            work()
        ended = now(device)
        taken.append((ended - started) / calls)
        started = ended
    return statistics.median(taken)


def peak_memory(device: torch.device) -> float:
    """MiB that this process has held at most: on a GPU there, else in main memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
