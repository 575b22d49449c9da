"""What can go wrong, as a tree.

NMTError                 a mistake that the user can mend: one line on stderr, exit 1
├── ConfigError          an option, a config file or a combination of options
├── CorpusError          text that cannot be used, or a prepared folder that does not fit
├── CheckpointError      a model folder that is missing, damaged, foreign or in the way
├── TrainingError        training that cannot go on (no finite loss, no memory, nothing to learn from)
└── OutputError          a result that cannot be written

Every message names the file, the line, the value and the remedy, as far as each exists.
Anything else that reaches the top is a bug and shows its traceback.
"""


class NMTError(Exception):
    """A mistake that the user can mend."""


class ConfigError(NMTError):
    """An option, a config file, or a combination of options."""


class CorpusError(NMTError):
    """Text that cannot be used, or a prepared folder that does not fit."""


class CheckpointError(NMTError):
    """A model folder that is missing, damaged, foreign or in the way."""


class TrainingError(NMTError):
    """Training that cannot go on."""


class OutputError(NMTError):
    """A result that cannot be written."""
