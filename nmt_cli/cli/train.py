"""`nmt train`."""

import sys
from collections.abc import Mapping
from typing import Any

from nmt_cli.checkpoint.layout import CONFIG, read_options
from nmt_cli.cli.options import command
from nmt_cli.config import TrainConfig
from nmt_cli.presets import PRESETS
from nmt_cli.startup import STARTED


def saved_options(given: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """A resumed run starts from the options that it was begun with."""
    out = given["out"] or TrainConfig().out
    return (str(out / CONFIG), read_options(out)) if given["resume"] and (out / CONFIG).exists() else None


@command(TrainConfig, presets=PRESETS, saved=saved_options)
def run(config: TrainConfig) -> None:
    """A prepared corpus -> a self-contained model folder.

    Without a limit (--max-steps, --max-epochs, --max-minutes) it trains for 15 minutes; the learning rate falls
    to its end whichever limit is given. Ctrl-C saves; --resume goes on, with the options that the run was begun
    with as far as you do not give others.
    """
    from nmt_cli.cli.display import Live, Plain
    from nmt_cli.training.train import train

    outcome = train(config, lambda: [Live() if sys.stderr.isatty() else Plain()], STARTED)
    if not outcome.is_main:
        return
    print(f"Stopped: {outcome.reason}.", file=sys.stderr)
    if (best := outcome.metadata) is not None:
        print(
            f"Best model by {best.get('metric', 'bleu')}, of update {best['step']:,}: dev BLEU {best['dev_bleu']:.2f}, "
            f"chrF {best['dev_chrf']:.2f}, perplexity {best['dev_perplexity']:.2f} -> {config.out}",
            file=sys.stderr,
        )
    if outcome.interrupted:
        print(f"Go on with: nmt train --out {config.out} --resume", file=sys.stderr)
        sys.exit(130)
    print(f"Next: nmt translate --model {config.out} < in > out, or nmt eval --model {config.out}", file=sys.stderr)
