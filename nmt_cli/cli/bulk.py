"""`nmt bulk`."""

import sys
import time

from nmt_cli.cli.options import command
from nmt_cli.config import BulkConfig


@command(BulkConfig)
def run(config: BulkConfig) -> None:
    """A file of any size, translated by many processes: one line out for every line in, in order.

    By default there is a process for each core of this machine, and --scheduler takes those of a Dask cluster instead.
    Broken off, it goes on where it was when it is started again.
    """
    from nmt_cli.api.bulk import translate_file

    started = time.monotonic()
    tally = translate_file(config, lambda message: print(f"nmt: {message}", file=sys.stderr, flush=True))
    seconds = time.monotonic() - started
    print(f"nmt: {config.out}: {tally.lines:,} lines, {seconds:,.0f} s", file=sys.stderr)
    for sentence in tally.summary():
        print(f"nmt: {sentence}", file=sys.stderr)
