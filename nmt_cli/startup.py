"""What makes the program start and end faster. Each function can be left out on its own; only the command line calls
them, so that a program that imports nmt_cli keeps its own settings."""

import atexit
import gc
import os
import sys
import threading
import time
from contextlib import suppress

STARTED = time.monotonic()
"""When the program started, so that a limit of minutes counts everything."""

GC_THRESHOLD = 50_000
"""Allocations between two runs of the garbage collector: importing torch makes some 1e5 objects, and with Python's
default the collector looks through them again and again, a tenth of a second in all."""


ONEDNN_KERNELS = "4096"
"""Compiled CPU kernels that oneDNN keeps, instead of 1,024: every shape of batch has ten, and an epoch has some hundred
shapes, which come again in the next. Compiling them again would take a tenth of the time and more."""


def tune_onednn() -> None:
    """Let oneDNN keep more kernels, unless the environment says how many. Processes started from here on do the
    same."""
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", ONEDNN_KERNELS)


def tune_gc() -> None:
    """Run the garbage collector less often. Training and search make next to no reference cycles."""
    gc.set_threshold(GC_THRESHOLD)


def exit_at_once(status: int) -> None:
    """End the process without freeing memory piece by piece, which takes a tenth of a second. Exit handlers run and
    streams are flushed. Returns, for Python to end as usual, where threads are still at work or this cannot be done."""
    waiting = any(not other.daemon for other in threading.enumerate() if other is not threading.main_thread())
    run_exit_functions = getattr(atexit, "_run_exitfuncs", None)  # private; without it Python ends as usual
    if waiting or run_exit_functions is None:
        return
    run_exit_functions()
    with suppress(OSError):  # Python reports it in its own way
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
