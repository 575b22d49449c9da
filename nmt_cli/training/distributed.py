"""The processes that train one model together: this one alone, or those that torchrun started.

Their number and addresses come only from the environment variables that torchrun sets (RANK, WORLD_SIZE, MASTER_ADDR,
MASTER_PORT).
"""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed
from torch.distributed import PrefixStore  # type: ignore[attr-defined]  # documented, but missing from the stub
from torch.distributed.rendezvous import rendezvous

from nmt_cli.errors import TrainingError

TIMEOUT = timedelta(hours=2)
"""Timeout of collective operations: while the main process validates, the others wait for it."""


@dataclass(frozen=True)
class World:
    """One of `size` processes. The main one, of rank 0, decides, validates, writes and prints."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"
    launch: str = ""
    """Identifies the torchrun that started the process, and its machine."""

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def seed_rank(self) -> None:
        """Seed every process differently; the main process keeps its random state."""
        if self.rank:
            torch.manual_seed(int(torch.randint(1 << 40, ())) + self.rank)

    def all_reduce(self, *values: float) -> list[float]:
        """The sum of each value over all processes."""
        if self.size == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(tensor)
        return list(tensor.tolist())

    def restarted(self) -> bool:
        """Whether torchrun has restarted any of the processes because one failed (its --max-restarts)."""
        return self.size > 1 and sum(self.all_reduce(float(_restarts()))) > 0

    @contextmanager
    def main_process_first(self) -> Iterator[None]:
        """The other processes enter this block after the main one has left it, so that an error that all of them would
        raise is reported once."""
        if not self.is_main:
            self.all_reduce(0.0)
        yield
        if self.is_main:
            self.all_reduce(0.0)

    def broadcast(self, *values: float) -> list[float]:
        """The main process's values, on every process."""
        if self.size == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.broadcast(tensor, 0)
        return list(tensor.tolist())


@contextmanager
def process_group(device: torch.device) -> Iterator[World]:
    """Join the process group, by gloo on CPUs and NCCL on GPUs, and leave it at the end.

    Raises TrainingError if another process has ended.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    launch = f"{os.environ.get('TORCHELASTIC_RUN_ID')} {platform.node()} {os.getppid()}"
    try:
        store, rank, size = next(rendezvous("env://"))
        # torchrun keeps its store across restarts: without the prefix, processes would connect to those that ended
        attempt = PrefixStore(f"attempt {_restarts()}", store)
        distributed.init_process_group(backend, store=attempt, rank=rank, world_size=size, timeout=TIMEOUT)
        yield World(rank, size, str(device), launch)
    except RuntimeError as error:
        if not _is_peer_loss(error):
            raise
        raise TrainingError("another process of this run has ended; its output says why") from None
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _is_peer_loss(error: RuntimeError) -> bool:
    """Whether a collective failed, most likely because another process ended. NCCL's and the store's errors have a
    class; gloo's are plain RuntimeErrors that name its source file."""
    return isinstance(error, distributed.DistError) or "gloo" in str(error).lower()


def _restarts() -> int:
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
