"""The training texts as the options give them: name, weight and tag of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from nmt_cli.config import NO_TAG, PreprocessConfig
from nmt_cli.corpus.readers import exists
from nmt_cli.errors import ConfigError
from nmt_cli.weights import MAX_WEIGHT, split_weight


@dataclass(frozen=True)
class TrainText:
    """One of the texts to train on; `name` is what `readers.locate` finds it by."""

    name: str
    weight: float = 1.0
    tag: str | None = None


SAMPLE = TrainText("the bundled sample")


def train_texts(config: PreprocessConfig, languages: tuple[str, str]) -> list[TrainText]:
    """The training texts of a config. Raises ConfigError if a weight is out of bounds."""
    tags = [None if tag == NO_TAG else tag for tag in config.tag] or [None] * len(config.train)
    texts = [TrainText(*_weighted(given, languages), tag) for given, tag in zip(config.train, tags, strict=True)]
    return texts or [SAMPLE]


def _weighted(given: str, languages: tuple[str, str]) -> tuple[str, float]:
    """The name and the weight of a text that is given as NAME=WEIGHT, or as a name that may contain an `=` too."""
    name, weight = split_weight(given)
    if weight is None or exists(given, languages):
        return given, 1.0
    if not 0 < weight <= MAX_WEIGHT:
        raise ConfigError(f"--train {given}: a weight is above 0 and at most {MAX_WEIGHT:g}")
    return name, weight


def tag_names(texts: Sequence[TrainText], existing: Sequence[str] = ()) -> list[str]:
    """The names of the tags, each once, in the order of their slots: the existing ones keep theirs."""
    return list(dict.fromkeys([*existing, *(text.tag for text in texts if text.tag is not None)]))
