"""`nmt explain`."""

import os
import sys

from nmt_cli.cli.options import command
from nmt_cli.config import ExplainConfig


@command(ExplainConfig)
def run(config: ExplainConfig) -> None:
    """The steps of attention for one sentence, with the model's real numbers.

    For every word of the translation: scores, softmaxed weights, the weighted sum that is the context, how it joins
    the decoder's state, and the most probable next words. --html writes a page to step through instead.
    """
    from nmt_cli.checkpoint.model_dir import load_model
    from nmt_cli.kernels.device import compute_for_search
    from nmt_cli.report.explain.record import explain
    from nmt_cli.report.explain.render import show, write_page

    loaded = load_model(config.model, compute_for_search(config.device, "fp32", config.threads))
    translation = None if config.translation is None else _text(config.translation)
    explained = explain(loaded, _text(config.sentence), config.beam_size, config.candidates, translation)
    if config.html:
        write_page(explained, config.html)
        print(f"{config.html}: {explained.translation}", file=sys.stderr)
    else:
        show(explained)


def _text(argument: str) -> str:
    """An argument as text, bytes that are not UTF-8 read as they are in a file."""
    return os.fsencode(argument).decode("utf-8", "replace")
