"""Noise on source text for robustness: lines in capitals, title case, and typing errors.

A model that has seen them in training translates them better (Belinkov and Bisk 2018). The noise is drawn anew each
epoch, on the source side only: the target stays what a reader wants to get.
"""

import random
import re
import unicodedata
from dataclasses import dataclass

import numpy as np

from nmt_cli.config import TrainingConfig
from nmt_cli.corpus import casing
from nmt_cli.corpus.batching import Rows, Segmentation, Segmented, sampled_segmentation, stored_segmentation, with_tags
from nmt_cli.corpus.dataset import Split
from nmt_cli.corpus.tokenizer import Tokenizer, Tokenizers

_WORD = re.compile(r"\S+")
MIN_LETTERS = 3
"""Letters of the shortest word that gets a typing error; of scripts that write syllables or words, one fewer."""

MAX_GROWTH = 4
"""A line with noise has at most this many times the subwords of the longest line of its batch, which bounds the memory
of the batch: a vocabulary without capitals spells them letter by letter."""


@dataclass(frozen=True)
class SourceNoise:
    """Probabilities: that a line is put in capitals, or else in title case, and that a word gets one typing error."""

    uppercase: float = 0.0
    titlecase: float = 0.0
    typos: float = 0.0
    language: str = ""

    def __bool__(self) -> bool:
        return bool(self.uppercase or self.titlecase or self.typos)

    def disturb(self, text: str, key: int, row: int) -> str:
        """The text with noise; the same key and row give the same noise in every process."""
        rng = random.Random(f"{key} {row}")
        draw = rng.random()
        if self.typos:
            text = add_typos(text, self.typos, rng)
        if draw < self.uppercase:
            return casing.upper(text, self.language)
        if draw < self.uppercase + self.titlecase:
            return casing.title(text, self.language)
        return text


def training_segmentation(config: TrainingConfig, tokenizers: Tokenizers, language: str) -> Segmentation:
    """How the training text is segmented: as stored or at random, without or with noise on the source, whose language
    is given."""
    strength = config.subword_regularization
    segment = sampled_segmentation(tokenizers, strength) if strength else stored_segmentation
    noise = SourceNoise(config.uppercase, config.titlecase, config.typos, language)
    return with_noise(segment, noise, tokenizers.source, strength) if noise else segment


def with_noise(segment: Segmentation, noise: SourceNoise, tokenizer: Tokenizer, strength: float) -> Segmentation:
    """The segmentation `segment` with noise on the source. Only the lines that noise has changed are encoded again, at
    random where `strength` is not 0 (`Tokenizer.sample`)."""

    def disturbed(split: Split, rows: Rows, key: int) -> Segmented:
        sources, targets = segment(split, rows, key)
        sources = list(sources)
        longest = MAX_GROWTH * max(np.size(ids) for ids in sources)
        for i, row in enumerate(rows.tolist()):
            text = tokenizer.normalize(split.source_text(row))
            noisy = noise.disturb(text, key, row)
            if noisy == text:
                continue
            ids = tokenizer.sample([noisy], strength, seed=key + row)[0] if strength else tokenizer.encode(noisy)
            if len(ids) <= longest:
                (sources[i],) = with_tags(tokenizer, split, rows[i : i + 1], [ids])
        return sources, targets

    return disturbed


def add_typos(text: str, rate: float, rng: random.Random) -> str:
    """Give every word, with probability `rate`, one typing error: two neighbouring letters swapped, or a letter left
    out, doubled, or replaced by another letter of the line in the same script and case. Only a swap changes the first
    letter. Hangul errs by syllables, and a letter keeps its accents. Words are what stands between spaces."""

    def err(match: re.Match[str]) -> str:
        return _err(match[0], text, rng) if rng.random() < rate else match[0]

    return _WORD.sub(err, text)


def _err(word: str, line: str, rng: random.Random) -> str:
    characters = _with_marks(word)
    letters = [i for i, character in enumerate(characters) if character[0].isalpha()]
    if len(letters) < MIN_LETTERS - any(unicodedata.category(character) == "Lo" for character in word):
        return word
    n = rng.randrange(1, len(letters))
    before, at = letters[n - 1], letters[n]
    match rng.randrange(4):
        case 0:
            characters[before], characters[at] = characters[at], characters[before]
        case 1:
            del characters[at]
        case 2:
            characters.insert(at, characters[at])
        case _:
            characters[at] = rng.choice(_similar(characters[at], line))
    return "".join(characters)


def _with_marks(word: str) -> list[str]:
    """The characters of a word, each with the combining marks that follow it."""
    characters: list[str] = []
    for character in word:
        if characters and unicodedata.category(character).startswith("M"):
            characters[-1] += character
        else:
            characters.append(character)
    return characters


def _similar(letter: str, line: str) -> list[str]:
    """The other letters of a line that are of the same script and case; the letter itself if there are none."""
    kind = _kind(letter)
    found = sorted({character for character in line if character != letter[0] and _kind(character) == kind})
    return found or [letter]


def _kind(letter: str) -> tuple[str, str]:
    """Category of a letter and its script, which is the first word of its Unicode name."""
    return unicodedata.category(letter[0]), unicodedata.name(letter[0], "").partition(" ")[0]
