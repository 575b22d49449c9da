"""`python -m nmt_cli` is the same program as `nmt`."""

import atexit
import os
import sys
import threading
from contextlib import suppress

from nmt_cli.cli.app import main


def program() -> None:
    """Run the program, and end at once: what it holds goes with the process, and to free it piece by piece before that
    takes a tenth of a second. What was registered for the end is done, and threads still at work are waited for."""
    try:
        main()
    except SystemExit as leaving:
        status = leaving.code or 0
        waiting = any(not other.daemon for other in threading.enumerate() if other is not threading.main_thread())
        run_exit_functions = getattr(atexit, "_run_exitfuncs", None)  # private; without it Python ends as usual
        if isinstance(status, int) and not waiting and run_exit_functions is not None:
            run_exit_functions()
            with suppress(OSError):  # Python says so in its own way
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        raise


if __name__ == "__main__":
    program()
