"""A word alone on its line is translated as one word; other lines are searched as before."""

from pathlib import Path

import numpy as np
import pytest

from nmt_cli.checkpoint.model_dir import LoadedModel, load_model
from nmt_cli.config import LEXICON_WIDTH, SearchConfig
from nmt_cli.corpus.lexicon import Table
from nmt_cli.corpus.tokenizer import Tokenizer
from nmt_cli.decoding.single_word import Pieces, SingleWords
from nmt_cli.decoding.text_stream import Line
from nmt_cli.decoding.translator import LineTranslator
from nmt_cli.kernels.device import compute_for_training
from nmt_cli.special_tokens import EOS, PAD

CPU = compute_for_training("cpu", "fp32", 0)
LINES = ["the", "the old man", "dog a .", "."]


def two_words(tokenizer: Tokenizer) -> list[int]:
    """Two subwords that are words."""
    ids = Pieces.of(tokenizer).begins.nonzero()[0].tolist()
    return ids[:2]


def lexicon(tokenizer: Tokenizer) -> Table:
    """Every subword translates as one of two words, or as a full stop."""
    table = np.full((tokenizer.size, LEXICON_WIDTH), PAD, np.int32)
    table[:, :3] = [*two_words(tokenizer), tokenizer.encode(".")[-1]]
    return table


def words(tokenizer: Tokenizer) -> SingleWords:
    pieces = Pieces.of(tokenizer)
    return SingleWords(pieces, pieces, lexicon(tokenizer))


@pytest.mark.parametrize(
    ("text", "is_word"), [("the", True), ("나는", True), ("the old", False), (".", False), ("the.", False), ("", False)]
)
def test_what_is_one_word(tiny_tokenizer: Tokenizer, text: str, is_word: bool) -> None:
    assert Pieces.of(tiny_tokenizer).is_word(tiny_tokenizer.encode(text)) is is_word


def test_permitted_subwords_make_one_word_of_the_lexicon(tiny_tokenizer: Tokenizer) -> None:
    first, later = words(tiny_tokenizer).permitted([tiny_tokenizer.encode("the")])
    assert first[0].nonzero()[:, 0].tolist() == two_words(tiny_tokenizer)
    assert later[0].nonzero()[:, 0].tolist() == [EOS]


def test_a_word_becomes_a_word_and_other_lines_stay(
    tiny_model: Path, tiny_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: LoadedModel = load_model(tiny_model, CPU)
    texts = [tiny_tokenizer.decode([i]) for i in two_words(tiny_tokenizer)]
    lines = [Line(number, text) for number, text in enumerate(LINES, start=1)]
    monkeypatch.setattr(SingleWords, "read", lambda loaded: None)
    without = LineTranslator(model, SearchConfig(max_length=9)).translate(lines)
    monkeypatch.setattr(SingleWords, "read", lambda loaded: words(tiny_tokenizer))
    found = LineTranslator(model, SearchConfig(max_length=9)).translate(lines)
    assert len(without[0].text.split()) != 1 or not without[0].text.isalpha()
    assert found[0].text in texts
    assert {"single_word"} <= {str(issue.details.get("reason")) for issue in found[0].issues}
    assert [translation.text for translation in found[1:]] == [translation.text for translation in without[1:]]
    off = LineTranslator(model, SearchConfig(max_length=9, search_again=False)).translate(lines[:1])
    assert off[0].text not in texts
    prefixed = LineTranslator(model, SearchConfig(max_length=9)).translate([Line(1, "the", "dog a")])
    assert prefixed[0].text.startswith("dog a")
