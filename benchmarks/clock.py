"""Time and peak memory of work on a device."""

import resource
import statistics
import time
from collections.abc import Callable

import torch


def now(device: torch.device) -> float:
    """The time in seconds, once the device has finished all queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def median_seconds(work: Callable[[], object], seconds: float, device: torch.device, calls: int = 1) -> float:
    """Median seconds of one call, over as many as fit into `seconds`. The clock is read after every `calls` calls,
    since each reading synchronizes a GPU."""
    work()
    durations: list[float] = []
    deadline = (started := now(device)) + seconds
    while len(durations) < 3 or started < deadline:
        for _ in range(calls):
            work()
        ended = now(device)
        durations.append((ended - started) / calls)
        started = ended
    return statistics.median(durations)


def peak_memory(device: torch.device) -> float:
    """Peak MiB of this process: of GPU memory on a GPU, else of main memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
