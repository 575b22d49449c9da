"""What glibc's malloc does with freed memory: `tune` keeps it for workers of `nmt bulk`, which then take 0.7 of the
time, and `trim` gives it back in training (`benchmarks/RESULTS.md`). Other C libraries are left as they are."""

import ctypes
from contextlib import suppress

MALLOPT = {-3: 32 << 20, -1: 64 << 20}
"""M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of glibc, bytes."""


def tune() -> None:
    """Freed memory, in blocks of up to 32 MiB, stays with the process. Dask has glibc give it back at once, and to have
    it back at every step of search took a third of a worker's time."""
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for name, value in MALLOPT.items():
            mallopt(name, value)


def trim() -> None:
    """Freed memory goes back to the system, whole pages of it, also from between what is in use: kernels that are
    compiled while a model learns lie scattered among what each update needs and frees."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
