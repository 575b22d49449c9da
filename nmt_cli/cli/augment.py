"""`nmt augment`."""

import time

from nmt_cli.cli.messages import terminal_progress
from nmt_cli.cli.options import command
from nmt_cli.config import AugmentConfig
from nmt_cli.terminal import say_error


@command(AugmentConfig)
def run(config: AugmentConfig) -> None:
    """Make training pairs by translation, with many processes: from text in one language, or from other pairs.

    With --text (back-translation) the given text is the target side of the pairs, and the model, which translates in
    the reverse direction, writes the source side. With --pairs (distillation) the source side is kept, and the model
    writes the target side.

    Pairs whose translation is empty, cut, repeats itself or has an unusual length are left out, unless --keep-all is
    given. An interrupted run continues where it stopped when it is started again.
    """
    from nmt_cli.api.augment import augment

    started = time.monotonic()
    counts = augment(config, terminal_progress())
    seconds = time.monotonic() - started
    first, *others = counts.summary(config.keep_all)
    say_error(f"nmt: {config.out}: {first}, {seconds:,.0f} s")
    for sentence in others:
        say_error(f"nmt: {sentence}")
