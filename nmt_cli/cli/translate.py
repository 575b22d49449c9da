"""`nmt translate`."""

import sys

from nmt_cli.cli.messages import terminal_progress
from nmt_cli.cli.options import command
from nmt_cli.config import TranslateConfig
from nmt_cli.progress import Progress


@command(TranslateConfig)
def run(config: TranslateConfig) -> None:
    """Translate standard input to standard output: one output line for every input line.

    A blank line stays blank. Lines that are blank, too long, cut off or otherwise unusual are counted on standard
    error and listed one by one in the --receipt. With --n-best above 1, text output has a line for each candidate
    instead, in Moses format: INDEX ||| TRANSLATION ||| SCORE, where INDEX is the input line, from 0.
    """
    from nmt_cli.api.translate import translate_stream

    on_terminal = sys.stdin.isatty() or sys.stdout.isatty()  # where lines are seen as they are translated
    progress = Progress() if on_terminal else terminal_progress()
    tally = translate_stream(config, sys.stdin.buffer, sys.stdout.buffer, progress)
    for sentence in tally.summary():
        print(f"nmt: {sentence}", file=sys.stderr)
