"""The processes that train one model together: this one alone, or those that torchrun started.

Who belongs to it is taken from the environment alone, as torchrun sets it (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT).
"""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed
from torch.distributed import PrefixStore  # type: ignore[attr-defined]  # documented, but its stub forgets it
from torch.distributed.rendezvous import rendezvous

from nmt_cli.errors import TrainingError

PATIENCE = timedelta(hours=2)
"""How long processes wait for each other: those that do not validate wait for the one that does."""


@dataclass(frozen=True)
class World:
    """One of `size` processes. The first leads: it decides, validates, writes and speaks."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"
    launch: str = ""
    """Which torchrun started it, and on which machine."""

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def seed_rank(self) -> None:
        """From here on each process draws random numbers of its own; the leader's go on as they are."""
        if self.rank:
            torch.manual_seed(int(torch.randint(1 << 40, ())) + self.rank)

    def all_reduce(self, *values: float) -> list[float]:
        """The sums of each process's own values."""
        if self.size == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(tensor)
        return list(tensor.tolist())

    def restarted(self) -> bool:
        """Whether any of the processes was started again, one of them having failed (torchrun's --max-restarts)."""
        return self.size > 1 and sum(self.all_reduce(float(_restarts()))) > 0

    @contextmanager
    def main_process_first(self) -> Iterator[None]:
        """The others enter this block when the leader has left it, so that what all would find wrong is told once."""
        if not self.is_main:
            self.all_reduce(0.0)
        yield
        if self.is_main:
            self.all_reduce(0.0)

    def broadcast(self, *values: float) -> list[float]:
        """The leader's values, whatever one's own."""
        if self.size == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.broadcast(tensor, 0)
        return list(tensor.tolist())


@contextmanager
def process_group(device: torch.device) -> Iterator[World]:
    """Join the others, by gloo on processors and NCCL on GPUs, and leave them at the end.

    Raises TrainingError if another process has gone.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    launch = f"{os.environ.get('TORCHELASTIC_RUN_ID')} {platform.node()} {os.getppid()}"
    try:
        store, rank, size = next(rendezvous("env://"))
        # torchrun keeps its store across restarts: without the prefix, new processes would look for the dead ones
        attempt = PrefixStore(f"attempt {_restarts()}", store)
        distributed.init_process_group(backend, store=attempt, rank=rank, world_size=size, timeout=PATIENCE)
        yield World(rank, size, str(device), launch)
    except RuntimeError as error:
        if not _is_peer_loss(error):
            raise
        raise TrainingError("another process of this run has ended; what it said tells why") from None
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _is_peer_loss(error: RuntimeError) -> bool:
    """Whether a collective failed, most likely because another process ended. NCCL's and the store's errors have a
    class; gloo's are plain RuntimeErrors that name its source file."""
    return isinstance(error, distributed.DistError) or "gloo" in str(error).lower()


def _restarts() -> int:
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
