"""Controls when glibc's malloc returns freed memory to the operating system.

`tune` keeps freed memory in the workers of `nmt bulk`, which then take 0.7 of the time (`benchmarks/JOURNAL.md`, "Bulk
translation"). `trim` returns it in training, which lowers peak memory ("Training speed and memory", same file). With
other C libraries both do nothing.
"""

import ctypes
from contextlib import suppress

MALLOPT = {-3: 32 << 20, -1: 64 << 20}
"""glibc's M_MMAP_THRESHOLD (-3) and M_TRIM_THRESHOLD (-1), in bytes."""


def tune() -> None:
    """Keep freed blocks of up to 32 MiB in the process. Dask starts its workers with a setting that makes glibc
    return them at once; requesting them again at every search step took a third of a worker's CPU time."""
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for name, value in MALLOPT.items():
            mallopt(name, value)


def trim() -> None:
    """Return all whole free pages to the operating system, including those between blocks in use: the kernels compiled
    during training are scattered among the blocks that each update allocates and frees."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
