"""Exceptions for errors that the user can fix.

NMTError                 base class: the CLI prints one line on stderr and exits with status 1
├── ConfigError          an invalid option, config file or combination of options
├── CorpusError          text that cannot be used, or a prepared folder that does not fit
├── CheckpointError      a model folder that is missing, damaged, not a model, or must not be overwritten
├── TrainingError        training that cannot continue (no finite loss, nothing to train on)
└── OutputError          output that cannot be written

A message names the file, the line, the value and the remedy where they exist. Errors of the operating system, and
memory or threads that it refuses, are told in one line too (see `system_errors`). Any other exception that reaches the
top is a bug and shows its traceback.
"""


class NMTError(Exception):
    """An error that the user can fix. Its message is one line, whatever a file or its name holds."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.splitlines()))


class ConfigError(NMTError):
    """An invalid option, config file or combination of options."""


class CorpusError(NMTError):
    """Text that cannot be used, or a prepared folder that does not fit."""


class CheckpointError(NMTError):
    """A model folder that is missing, damaged, not a model, or must not be overwritten."""


class TrainingError(NMTError):
    """Training that cannot continue."""


class OutputError(NMTError):
    """Output that cannot be written."""
