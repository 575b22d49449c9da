"""Messages and progress of the package on standard error."""

import logging
import os
import sys

from nmt_cli.progress import Progress, logger
from nmt_cli.terminal import say_error


class _StderrHandler(logging.Handler):
    """Prints each record as one message, warnings with the prefix "warning: "."""

    def emit(self, record: logging.LogRecord) -> None:
        prefix = "warning: " if record.levelno >= logging.WARNING else ""
        say_error(f"{prefix}{record.getMessage()}")


def show_messages() -> None:
    """Make the logger `nmt_cli` print on standard error."""
    logger.setLevel(logging.INFO)
    if not any(isinstance(handler, _StderrHandler) for handler in logger.handlers):
        logger.addHandler(_StderrHandler())


def draws_bars() -> bool:
    """Whether standard error is a terminal, and neither TERM=dumb nor NO_COLOR requests plain lines."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")


def terminal_progress() -> Progress:
    """Progress as bars if they can be drawn, otherwise as plain lines."""
    if not draws_bars():
        return Progress()
    from nmt_cli.cli.bars import Bars

    return Bars()
