"""Noise on source text: drawn anew for each key, reproducible, at the given rates, on the source side only."""

import random
import re
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_batching import FakeSplit

from nmt_cli.config import TrainingConfig
from nmt_cli.corpus import casing
from nmt_cli.corpus.batching import BatchLoader, BatchPlan
from nmt_cli.corpus.noise import MAX_GROWTH, SourceNoise, add_typos, training_segmentation
from nmt_cli.corpus.tokenizer import Tokenizer, Tokenizers

LINE = "two women are sitting at a table and talk to each other ."


class Texts(FakeSplit):
    """Pairs whose target is the source."""

    def __init__(self, tokenizer: Tokenizer, lines: list[str]) -> None:
        self.lines = lines
        self.encoded = [tokenizer.encode(line) for line in lines]
        super().__init__([(len(ids), len(ids)) for ids in self.encoded])

    def source_ids(self, row: int) -> Any:
        return np.array(self.encoded[row])

    target_ids = source_ids

    def source_text(self, row: int) -> str:
        return self.lines[row]

    target_text = source_text


def batches(split: Texts, tokenizer: Tokenizer, epoch: int, first: int = 0, **options: float) -> list[Any]:
    tokenizers = Tokenizers(tokenizer, tokenizer)
    segment = training_segmentation(TrainingConfig.model_validate(options), tokenizers, "en")
    loader = BatchLoader(cast(Any, split), BatchPlan(300, 1, 1, segment), epoch)
    return [(batch.source.tolist(), batch.target_output.tolist()) for (batch,) in loader.iterate(first)]


@pytest.mark.parametrize("sampling", [0.0, 0.7])
def test_noise_is_drawn_anew_each_epoch_and_the_same_when_resumed(tiny_tokenizer: Tokenizer, sampling: float) -> None:
    split = Texts(tiny_tokenizer, [LINE] * 60)

    def noisy(epoch: int, first: int = 0) -> list[Any]:
        return batches(split, tiny_tokenizer, epoch, first, typos=0.3, titlecase=0.3, subword_regularization=sampling)

    assert noisy(0) == noisy(0)
    assert noisy(0)[2:] == noisy(0, first=2)
    assert {str(source) for source, _ in noisy(0)}.isdisjoint(str(source) for source, _ in noisy(1))


def test_noise_leaves_the_target_and_other_lines_as_they_are(tiny_tokenizer: Tokenizer) -> None:
    split = Texts(tiny_tokenizer, [LINE, "나는 어제 학교에서 친구를 만났다 ."] * 30)
    plain = batches(split, tiny_tokenizer, 0)
    noisy = batches(split, tiny_tokenizer, 0, titlecase=0.5)
    assert [target for _, target in noisy] == [target for _, target in plain]
    unchanged = {tuple(row) for source, _ in plain for row in source}
    changed = {tuple(row) for source, _ in noisy for row in source} - unchanged
    texts = {tiny_tokenizer.decode(row) for row in changed}
    assert texts <= {casing.title(LINE), LINE, "나는 어제 학교에서 친구를 만났다 ."}
    assert casing.title(LINE) in texts


def test_noise_bounds_the_length_of_a_batch(tiny_tokenizer: Tokenizer) -> None:
    short, long = "dog", "the old man sings in the rain"
    grown = len(tiny_tokenizer.encode(long.upper())) / len(tiny_tokenizer.encode(short))
    assert grown > MAX_GROWTH >= len(tiny_tokenizer.encode(short.upper())) / len(tiny_tokenizer.encode(short))
    ((source, _),) = batches(Texts(tiny_tokenizer, [short] * 5), tiny_tokenizer, 0, uppercase=1.0)
    assert {tiny_tokenizer.decode(row) for row in source} == {short.upper()}
    segment = training_segmentation(TrainingConfig(uppercase=1.0), Tokenizers(tiny_tokenizer, tiny_tokenizer), "en")
    fake: Any = Texts(tiny_tokenizer, [short])
    fake.lines = [long]
    (stored,), _ = segment(fake, np.array([0]), 1)
    assert tiny_tokenizer.decode(np.asarray(stored).tolist()) == short


@given(st.text(), st.integers(0, 1000))
@settings(max_examples=200, deadline=None)
def test_any_text_survives_noise_as_a_function_of_key_and_row(text: str, key: int) -> None:
    noise = SourceNoise(0.3, 0.3, 0.5, "tr")
    noisy = noise.disturb(text, key, 7)
    assert noisy == noise.disturb(text, key, 7)
    noisy.encode()
    assert len(noisy.split()) == len(text.split()) or not text.isprintable()
    assert SourceNoise().disturb(text, key, 7) == text


def test_rates_are_those_that_were_asked_for() -> None:
    noise = SourceNoise(0.2, 0.3)
    counts = {LINE.upper(): 0, casing.title(LINE): 0, LINE: 0}
    for row in range(3000):
        counts[noise.disturb(LINE, 5, row)] += 1
    assert [round(count / 3000, 1) for count in counts.values()] == [0.2, 0.3, 0.5]
    assert len({noise.disturb(LINE, key, 0) for key in range(50)}) == 3, "each key draws anew"
    words = " ".join(["abcdefgh"] * 5000)
    changed = sum(word != "abcdefgh" for word in add_typos(words, 0.1, random.Random(1)).split())
    assert 0.08 < changed / 5000 < 0.12


@pytest.mark.parametrize("text", ["abcdefgh", "남자가셔츠를", "नमस्ते", "мальчик", "e\u0301te\u0301s"])
def test_typos_stay_in_the_script_and_keep_accents_on_their_letters(text: str) -> None:
    rng = random.Random(1)
    seen = {add_typos(text, 1.0, rng) for _ in range(200)}
    assert len(seen) > 5
    assert {abs(len(noisy) - len(text)) for noisy in seen} <= {0, 1, 2, 3}
    assert set("".join(seen)) <= set(text)
    assert not any("\u0301" in (noisy[0], *re.findall("[^e]\u0301", noisy)) for noisy in seen)


def test_a_line_is_in_capitals_or_in_title_case_or_neither() -> None:
    with pytest.raises(ValueError, match=r"uppercase 0\.7 and titlecase 0\.5 add up to more than 1"):
        TrainingConfig(uppercase=0.7, titlecase=0.5)


def test_short_words_and_what_has_no_letters_get_no_typos() -> None:
    text = "to be 12345 , -- 3:45 is"
    assert add_typos(text, 1.0, random.Random(1)) == text


@pytest.mark.parametrize(
    ("text", "language", "upper", "title"),
    [
        ("a blue-eyed dog isn't", "en", "A BLUE-EYED DOG ISN'T", "A Blue-eyed Dog Isn't"),
        ('"big" ‘red’ x', "en", '"BIG" ‘RED’ X', '"Big" ‘Red’ X'),
        ("iki ışık", "tr", "İKİ IŞIK", "İki Işık"),
        ("straße", "de", "STRASSE", "Straße"),
        ("작은 개가 3", "ko", "작은 개가 3", "작은 개가 3"),
    ],
)
def test_capitals_and_title_case(text: str, language: str, upper: str, title: str) -> None:
    assert (casing.upper(text, language), casing.title(text, language)) == (upper, title)
    if "ß" not in text:
        assert casing.lower(upper, language) == text
