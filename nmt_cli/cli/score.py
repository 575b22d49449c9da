"""`nmt score`."""

import sys

from nmt_cli.cli.messages import terminal_progress
from nmt_cli.cli.options import command
from nmt_cli.config import ScoreConfig
from nmt_cli.progress import Progress
from nmt_cli.terminal import say_error


@command(ScoreConfig)
def run(config: ScoreConfig) -> None:
    """Write the natural logarithm of the probability that the model gives to each translation, one line per pair.

    nmt preprocess --scores FILE --keep-best 0.8 drops the pairs with the lowest ones. A pair with a blank side, or a
    side that is too long for the model, has the score nan. With --out, the same command continues a run that was
    interrupted or killed.
    """
    from nmt_cli.api.score import score

    on_terminal = config.out is None and sys.stdout.isatty()  # a bar would be in the way of the numbers
    for sentence in score(config, Progress() if on_terminal else terminal_progress()):
        say_error(f"nmt: {sentence}")
