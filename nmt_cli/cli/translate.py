"""`nmt translate`."""

import sys

from nmt_cli.cli.messages import terminal_progress
from nmt_cli.cli.options import command
from nmt_cli.config import TranslateConfig
from nmt_cli.progress import Progress
from nmt_cli.terminal import say_error

ELSEWHERE = ("out", "output_format", "alignment", "attention", "receipt", "target_prefix")
"""Options for streams and files, without which sentences typed at a terminal are answered one by one."""


@command(TranslateConfig)
def run(config: TranslateConfig) -> None:
    """Translate standard input, or files, to standard output or a file: one output line for every input line.

    A blank line stays blank. Lines that are blank, too long, cut off or otherwise unusual are counted on standard
    error and listed one by one in the --receipt. With --n-best above 1, text output has a line for each candidate
    instead, in Moses format: INDEX ||| TRANSLATION ||| SCORE, where INDEX is the input line, from 0.

    At a terminal it prompts for sentences, and marks the words that it is unsure of.
    """
    typed = not config.source_files and sys.stdin.isatty()
    if typed and sys.stdout.isatty() and not config.changed(*ELSEWHERE):
        from nmt_cli.cli.session import converse

        converse(config)
        return
    from nmt_cli.api.translate import translate

    # where lines are typed, or appear as they are translated, a bar would be in the way
    on_terminal = typed or (config.out is None and sys.stdout.isatty())
    progress = Progress() if on_terminal else terminal_progress()
    tally = translate(config, progress)
    for sentence in tally.summary():
        say_error(f"nmt: {sentence}")
