"""The training texts as the options give them: name, weight and tag of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from nmt_cli.config import NO_TAG, PreprocessConfig
from nmt_cli.corpus.augmented import AugmentedManifest, read_augmented
from nmt_cli.corpus.readers import exists
from nmt_cli.errors import ConfigError
from nmt_cli.special_tokens import TAG_PIECES
from nmt_cli.weights import MAX_WEIGHT, split_weight


@dataclass(frozen=True)
class TrainText:
    """One of the texts to train on; `name` is what `readers.locate` finds it by."""

    name: str
    weight: float = 1.0
    tag: str | None = None
    augmented: AugmentedManifest | None = None
    """How its pairs were made, if nmt augment made them."""


SAMPLE = TrainText("the bundled sample")


def train_texts(config: PreprocessConfig, languages: tuple[str, str]) -> list[TrainText]:
    """The training texts of a config. Pairs that nmt augment made have its tag unless tags are given.

    Raises ConfigError if a weight is out of bounds, CorpusError if augmented pairs have changed since they were made.
    """
    texts = []
    for number, given in enumerate(config.train):
        name, weight = _weighted(given, languages)
        augmented = read_augmented(name)
        tag = config.tag[number] if config.tag else (augmented.tag if augmented else None)
        texts.append(TrainText(name, weight, None if tag == NO_TAG else tag, augmented))
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
    """The names of the tags, each once, in the order of their slots: the existing ones keep theirs. Raises ConfigError
    if there are too many."""
    names = list(dict.fromkeys([*existing, *(text.tag for text in texts if text.tag is not None)]))
    if len(names) > len(TAG_PIECES):
        raise ConfigError(f"{len(names)} tags ({', '.join(names)}); a model has at most {len(TAG_PIECES)}")
    return names
