"""nmt: train your own translator with attention.

    from nmt_cli import Translator
    Translator.load("runs/model").translate(["A man rides a bicycle."])[0].text

The names in `__all__` are the public API; everything else may change. Each is imported when it is first used, so that
importing the package takes no time and does not affect the process.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nmt_cli.api.evaluate import evaluate
    from nmt_cli.api.translator import Translator
    from nmt_cli.config import EvaluateConfig, PreprocessConfig, SearchConfig, TrainConfig
    from nmt_cli.corpus.prepare import preprocess
    from nmt_cli.errors import CheckpointError, ConfigError, CorpusError, NMTError, OutputError, TrainingError
    from nmt_cli.progress import Progress
    from nmt_cli.training.train import train

__version__ = "0.1.0"

__all__ = [
    "CheckpointError",
    "ConfigError",
    "CorpusError",
    "EvaluateConfig",
    "NMTError",
    "OutputError",
    "PreprocessConfig",
    "Progress",
    "SearchConfig",
    "TrainConfig",
    "TrainingError",
    "Translator",
    "evaluate",
    "preprocess",
    "train",
]

_MODULES = {
    "Translator": "api.translator",
    "Progress": "progress",
    "preprocess": "corpus.prepare",
    "train": "training.train",
    "evaluate": "api.evaluate",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    default = "errors" if name.endswith("Error") else "config"
    value = getattr(import_module(f"{__name__}.{_MODULES.get(name, default)}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
