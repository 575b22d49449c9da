"""Choosing the vocabulary size and training the SentencePiece model."""

import random
from pathlib import Path
from typing import Literal

import pytest

from nmt_cli.corpus import train_tokenizer
from nmt_cli.corpus.tokenizer import Tokenizer
from nmt_cli.corpus.train_tokenizer import RESERVED, Sample, SubwordOptions, suitable_size, train_subwords
from nmt_cli.errors import CorpusError


def sample(path: Path, texts: list[str]) -> Sample:
    written = Sample(path)
    written.write(texts)
    return written


def sample_of(characters: float, words: int, alphabet: int, share: float = 1.0) -> Sample:
    """A sample with these statistics and no file."""
    letters = {chr(0x4E00 + i) for i in range(alphabet)}
    return Sample(Path("nowhere"), share, int(characters), 0, letters, {str(i) for i in range(words)})


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        (sample_of(4e6, 39_000, 120), 3800, 4200),
        (sample_of(4.7e7, 78_000, 120), 7500, 8500),
        (sample_of(4.7e6, 78_000, 120, share=0.1), 7500, 8500),
        (sample_of(2.4e8, 300_000, 150), 12_000, 16_000),
        (sample_of(1.6e6, 3000, 500), 2000, 3000),
        (sample_of(3e6, 30_000, 5000), 7000, 8000),
        (sample_of(4e6, 30_000, 20_000), 8000, 8300),
        (sample_of(2, 1, 2), RESERVED, RESERVED + 32),
    ],
)
def test_vocabulary_size_fits_the_text(text: Sample, low: int, high: int) -> None:
    assert low <= suitable_size(text) <= high
    assert suitable_size(text) % 8 == 0


def test_vocabulary_size_never_shrinks_with_more_text() -> None:
    sizes = [suitable_size(sample_of(10.0**n, 10**5, 100)) for n in range(1, 10)]
    assert sizes == sorted(sizes)


TINY = {
    "one character": ["a"],
    "one character a line": ["a", "b", "c"],
    "three lines": ["hello world", "how are you", "fine thanks"],
    "long lines": ["word " * 10_000, "x" * 20_000],
    "control characters": ["a\0b and more", "c\x01d"],
    "ideographs": ["".join(chr(0x4E00 + 37 * i + j) for j in range(30)) for i in range(60)],
    "emoji": ["😀 😀😀", "👩\u200d👩"],
    "spaces": ["  ", "", "a"],
}


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("texts", TINY.values(), ids=TINY.keys())
@pytest.mark.parametrize("size", [None, 300])
def test_tokenizer_trains_on_any_text_and_restores_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Literal["unigram", "bpe"], texts: list[str], size: int | None
) -> None:
    monkeypatch.setattr(train_tokenizer, "run_in_process", lambda work, job, _: work(job))
    text_sample = sample(tmp_path / "text", texts)
    tokenizer = Tokenizer(train_subwords(text_sample, SubwordOptions(kind, size)))
    assert tokenizer.size <= (size or suitable_size(text_sample))
    for text in texts:
        assert tokenizer.decode(tokenizer.encode(text)) == " ".join(text.split())
    if not size:
        characters = set("".join(texts)) - set(" \0")
        assert not any(tokenizer.is_byte[tokenizer.encode(c)].any() for c in characters), (
            "every character has its own piece"
        )


def test_text_without_characters_is_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no subwords can be trained on this text") as caught:
        train_subwords(sample(tmp_path / "text", ["", "\0"]), SubwordOptions())
    assert "\n" not in str(caught.value)


def test_number_of_processes_does_not_change_the_model(tmp_path: Path) -> None:
    rng = random.Random(1)
    words = ["".join(rng.choices("abcdefgh", k=rng.randint(1, 7))) for _ in range(400)]
    texts = [" ".join(rng.choices(words, k=12)) for _ in range(300)]
    models = []
    for processors in (1, 2):
        folder = tmp_path / f"a, b {processors}"
        folder.mkdir()
        text_sample = sample(folder / "text", texts)
        models.append(train_subwords(text_sample, SubwordOptions("unigram", 500, processors)))
    assert models[0] == models[1]


def test_long_lines_are_split_without_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_tokenizer, "MAX_LINE", 10)
    texts = ["one two three four", "x" * 25, "", "a" * 10, "ab " * 9]
    sample(tmp_path / "text", texts)
    written = (tmp_path / "text").read_text().splitlines()
    assert "".join(written) == "".join(texts)
    assert max(map(len, written)) == 10
    assert written[:2] == ["one two", " three"]
