"""Messages of the package on standard error."""

import logging
import sys

from nmt_cli.progress import logger


class _StderrHandler(logging.Handler):
    """Information as it is; in front of a warning stands that it is one."""

    def emit(self, record: logging.LogRecord) -> None:
        prefix = "warning: " if record.levelno >= logging.WARNING else ""
        print(f"{prefix}{record.getMessage()}", file=sys.stderr, flush=True)


def show_messages() -> None:
    """From here on the logger `nmt_cli` prints on standard error."""
    logger.setLevel(logging.INFO)
    if not any(isinstance(handler, _StderrHandler) for handler in logger.handlers):
        logger.addHandler(_StderrHandler())
