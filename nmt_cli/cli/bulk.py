"""`nmt bulk`."""

import time

from nmt_cli.cli.messages import terminal_progress
from nmt_cli.cli.options import command
from nmt_cli.config import BulkConfig
from nmt_cli.terminal import say_error


@command(BulkConfig)
def run(config: BulkConfig) -> None:
    """Translate a file of any size with many processes: one output line for every input line, in order.

    By default it starts one process per core of this machine; --scheduler uses the workers of a Dask cluster instead.
    An interrupted run continues where it stopped when it is started again.
    """
    from nmt_cli.api.bulk import translate_file

    started = time.monotonic()
    tally = translate_file(config, terminal_progress())
    seconds = time.monotonic() - started
    say_error(f"nmt: {config.out}: {tally.lines:,} lines, {seconds:,.0f} s")
    for sentence in tally.summary():
        say_error(f"nmt: {sentence}")
