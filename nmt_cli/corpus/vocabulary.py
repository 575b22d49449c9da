"""The tokenizers of a corpus: those given, or new ones learnt from a sample of its training text."""

import random
from itertools import compress
from pathlib import Path

from nmt_cli.config import PreprocessConfig
from nmt_cli.corpus.choose import Selection
from nmt_cli.corpus.normalise import normalise
from nmt_cli.corpus.progress import Say
from nmt_cli.corpus.subwords import MOST_CHARACTERS, Sample, SubwordOptions, suitable_size, train_subwords
from nmt_cli.corpus.tokenizer import Tokenizer, Tokenizers
from nmt_cli.errors import CorpusError


def given_tokenizers(config: PreprocessConfig) -> Tokenizers | None:
    """The tokenizers that the user gives, if so. Raises CorpusError if one cannot be used."""
    loaded = []
    for path in config.tokenizer_model:
        try:
            loaded.append(Tokenizer(path.read_bytes(), config.unicode, str(path)))
        except OSError as error:
            raise CorpusError(f"{path}: cannot be read: {error.strerror}; name a SentencePiece .model file") from None
    return Tokenizers(loaded[0], loaded[-1]) if loaded else None


def learn_tokenizers(
    train: Selection, config: PreprocessConfig, work: Path, processors: int, say: Say
) -> tuple[Tokenizers, int]:
    """New tokenizers, and from how many sentences they were learnt."""
    samples = _draw(train, config, work)
    learnt = []
    for name, sample in samples.items():
        size = config.vocabulary_size or suitable_size(sample)
        say(f"learning {size:,} {config.tokenizer} subwords ({name}) from {sample.sentences:,} sentences")
        model = train_subwords(sample, SubwordOptions(config.tokenizer, size, processors))
        learnt.append(Tokenizer(model, config.unicode))
        if learnt[-1].size < size:
            say(f"this text has no more than {learnt[-1].size:,} subwords")
    return Tokenizers(learnt[0], learnt[-1]), sum(sample.sentences for sample in samples.values())


def _draw(train: Selection, config: PreprocessConfig, work: Path) -> dict[str, Sample]:
    """Both sides of a random sample of the training pairs, in one file or in two."""
    joint = config.vocabulary == "joint"
    names = ("joint",) if joint else ("source", "target")
    rate = min(1.0, MOST_CHARACTERS * len(names) / max(1, train.text.characters))
    samples = {name: Sample(work / f"{name}.txt", rate) for name in names}
    sides = list(samples.values()) * (2 if joint else 1)
    draw = random.Random(config.seed).random
    for chunk in train.text.spool.chunks:
        rows = train.rows[chunk.first : chunk.first + chunk.rows].tolist()
        if rate < 1:
            rows = [row and draw() < rate for row in rows]
        for sample, texts in zip(sides, chunk.read(), strict=True):
            sample.write(normalise(text, config.unicode) for text in compress(texts, rows))
    return samples
