"""`nmt explain`."""

import os
import sys

from nmt_cli.cli.options import command
from nmt_cli.config import ExplainConfig
from nmt_cli.errors import ConfigError
from nmt_cli.terminal import say_error


@command(ExplainConfig)
def run(config: ExplainConfig) -> None:
    """Show the steps of attention for one sentence, with the model's actual numbers.

    First the attention between words, and the steps that the model was least certain of, with the runner-up. Then for
    every subword of the translation: scores, softmax weights, the context as their weighted sum, how the context is
    combined with the decoder state, and the most probable next subwords. --html writes a page that steps through it.
    """
    from nmt_cli.checkpoint.model_dir import load_model
    from nmt_cli.kernels.device import compute_for_search
    from nmt_cli.report.explain.record import explain
    from nmt_cli.report.explain.render import show, write_page
    from nmt_cli.report.html import check_page

    sentence = _typed() if config.sentence == "-" else _text(config.sentence)
    if config.html:
        check_page(config.html, "--html", config.overwrite)
    loaded = load_model(config.model, compute_for_search(config.device, "fp32", config.threads))
    translation = None if config.translation is None else _text(config.translation)
    explained = explain(loaded, sentence, config.beam_size, config.candidates, translation, config.tag)
    if config.html:
        write_page(explained, config.html)
        say_error(f"{config.html}: {explained.translation}")
    else:
        show(explained, summary=config.summary)


def _typed() -> str:
    """The sentence on standard input. Raises ConfigError if there are several lines."""
    lines = sys.stdin.buffer.read().decode("utf-8", "replace").removesuffix("\n").split("\n")
    if len(lines) > 1:
        raise ConfigError(f"standard input has {len(lines)} lines, but one sentence is explained; pass one line")
    return lines[0]


def _text(argument: str) -> str:
    """Decode an argument like a file: bytes that are not UTF-8 become U+FFFD."""
    return os.fsencode(argument).decode("utf-8", "replace")
