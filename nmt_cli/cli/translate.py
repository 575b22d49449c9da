"""`nmt translate`."""

import sys

from nmt_cli.cli.options import command
from nmt_cli.config import TranslateConfig


@command(TranslateConfig)
def run(config: TranslateConfig) -> None:
    """Standard input to standard output, one line out for every line in.

    A blank line stays blank. What was blank, too long, cut or odd is counted on standard error, and named line by
    line in the --receipt. With --n-best above 1, text output has a line for each candidate instead, in Moses' form:
    INDEX ||| TRANSLATION ||| SCORE, the index counting input lines from 0.
    """
    from nmt_cli.api.translate import translate_stream

    tally = translate_stream(config, sys.stdin.buffer, sys.stdout.buffer)
    for sentence in tally.summary():
        print(f"nmt: {sentence}", file=sys.stderr)
