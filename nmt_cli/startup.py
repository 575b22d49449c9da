"""Faster start and exit of the command line. Each function is optional and independent of the others; only the CLI
calls them, so that a program that imports nmt_cli keeps its own settings."""

import atexit
import gc
import os
import sys
import threading
import time
from contextlib import suppress

START_TIME = time.monotonic()
"""Start time of the process, so that --max-minutes includes start-up."""

GC_THRESHOLD = 50_000
"""Threshold of Python's garbage collector. Importing torch creates about 1e5 objects, which the collector traverses
repeatedly at its default threshold: a tenth of a second in all."""

ONEDNN_CACHE_CAPACITY = "4096"
"""Capacity of oneDNN's cache of compiled CPU kernels (default 1,024). Each batch shape needs ten kernels, and an epoch
has a few hundred shapes, which recur in every epoch. Recompiling would take a tenth of the training time or more."""


def tune_onednn() -> None:
    """Enlarge oneDNN's kernel cache, unless the environment sets its size. Child processes inherit the setting."""
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", ONEDNN_CACHE_CAPACITY)


def tune_gc() -> None:
    """Run the garbage collector less often: training and search create almost no reference cycles."""
    gc.set_threshold(GC_THRESHOLD)


def fast_exit(status: int) -> None:
    """Exit without freeing memory object by object, which takes a tenth of a second. Exit handlers run and streams are
    flushed. Returns, so that Python exits as usual, if other non-daemon threads are running, a stream cannot be flushed
    or `atexit._run_exitfuncs` does not exist."""
    has_threads = any(not other.daemon for other in threading.enumerate() if other is not threading.main_thread())
    run_exit_functions = getattr(atexit, "_run_exitfuncs", None)  # private API
    if has_threads or run_exit_functions is None:
        return
    run_exit_functions()
    with suppress(OSError):  # Python reports it when it exits
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
