"""Training and storing a lexicon, and search restricted to its shortlist."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY_TEXT, record_files, write_tiny_model
from test_dataset import with_sizes, write

from nmt_cli.checkpoint.model_dir import LoadedModel, load_model
from nmt_cli.config import LEXICON_WIDTH, SearchConfig, SearchPrecision
from nmt_cli.corpus import ibm1
from nmt_cli.corpus.ibm1 import train_lexicon
from nmt_cli.corpus.lexicon import LEXICON, Table, read_lexicon, write_lexicon
from nmt_cli.corpus.tokenizer import Tokenizer, Tokenizers
from nmt_cli.decoding.shortlist import Shortlist
from nmt_cli.decoding.text_stream import Line
from nmt_cli.decoding.translation import Translation
from nmt_cli.decoding.translator import Batching, LineTranslator
from nmt_cli.errors import CheckpointError
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.kernels.int8 import Int8Linear
from nmt_cli.special_tokens import EOS, PAD

FIRST, WORDS, FREQUENT = 10, 30, 7
"""Word s is translated as 2 s, and FREQUENT occurs in every other target sentence."""


def trained_table(path: Path, tokenizer: Tokenizer, pairs: int = 300) -> Table:
    random = np.random.default_rng(1)
    rows: list[tuple[list[int], list[int], str, str]] = []
    for number in range(pairs):
        words = random.choice(np.arange(FIRST, FIRST + WORDS), 5, replace=False)
        target = random.permutation(2 * words).tolist() + [FREQUENT] * (number % 2)
        rows.append((words.tolist(), target, "", ""))
    tokenizers = with_sizes(tokenizer, 50, 100)
    return train_lexicon(write(path / "train.arrow", tokenizers, [rows]), tokenizers)


def test_lexicon_finds_translations_at_any_position(tmp_path: Path, tiny_tokenizer: Tokenizer) -> None:
    table = trained_table(tmp_path, tiny_tokenizer)
    assert table.shape == (50, LEXICON_WIDTH)
    words = np.arange(FIRST, FIRST + WORDS)
    assert (table[words, 0] == 2 * words).all()
    assert (table[FIRST + WORDS :] == PAD).all(), "a word that does not occur has no translations"
    assert table[PAD, 0] == FREQUENT
    assert set(table[PAD].tolist()) == {PAD, FREQUENT, *(2 * words).tolist()}
    for row in table[words]:
        listed = row[row != PAD]
        assert len(set(listed.tolist())) == len(listed)


def test_lexicon_of_a_large_corpus_is_trained_on_a_sample(
    tmp_path: Path, tiny_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ibm1, "MAX_PAIRS", 1000)
    table = trained_table(tmp_path, tiny_tokenizer, 1000)
    words = np.arange(FIRST, FIRST + WORDS)
    assert 0.5 < (table[words, 0] == 2 * words).mean() <= 1, (
        "the sample is spread over the corpus, though it is only thirty sentences"
    )


@pytest.fixture
def model(tmp_path: Path, tiny_tokenizer: Tokenizer) -> LoadedModel:
    return load_model(write_tiny_model(tmp_path / "model", tiny_tokenizer), compute_for_search("cpu", "fp32", 1))


def translate(
    model: LoadedModel, lines: Sequence[Line], shortlist: Shortlist | None, **search: object
) -> list[Translation]:
    translator = LineTranslator(model, SearchConfig.model_validate({"max_length": 9, **search}), Batching(4))
    translator._shortlist = shortlist
    return translator.translate(lines)


def full_shortlist(size: int) -> Shortlist:
    return Shortlist(np.tile(np.arange(size, dtype=np.int32), (size, 1)), size, True)


LINES = [Line(number, text) for number, text in enumerate(TINY_TEXT, start=1)]


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("search", [{"beam_size": 1}, {"beam_size": 4, "n_best": 3}, {"sample": True}])
def test_shortlist_of_the_whole_vocabulary_changes_nothing(
    model: LoadedModel, precision: SearchPrecision, search: dict[str, object]
) -> None:
    model = load_model(model.path, compute_for_search("cpu", precision, 1))
    lines = [Line(1, "the dog", prefix="나는"), *LINES[1:]]
    expected = translate(model, lines, None, **search)
    results = translate(model, lines, full_shortlist(model.tokenizers.target.size), **search)
    for one, other in zip(expected, results, strict=True):
        assert [c.tokens for c in one.candidates] == [c.tokens for c in other.candidates]
        assert [c.score for c in one.candidates] == pytest.approx([c.score for c in other.candidates], rel=1e-4)


def recorded(model: LoadedModel) -> LoadedModel:
    """The model with the hashes of its files as they are now."""
    return replace(model, manifest=model.manifest.model_copy(update={"files": record_files(model.path).files}))


def test_output_holds_only_shortlisted_tokens(model: LoadedModel) -> None:
    size = model.tokenizers.target.size
    table = np.full((size, LEXICON_WIDTH), PAD, np.int32)
    table[:, 1] = 5  # beyond the count of 1
    table[EOS + 1 :, 0] = np.arange(EOS + 1, size) // 2
    table[PAD, :3] = frequent = [300, 301, 302]
    write_lexicon(model.path, table)
    shortlist = Shortlist.read(recorded(model), 1)
    assert shortlist.joint
    changed = 0
    for line, unrestricted in zip(LINES, translate(model, LINES, None), strict=True):
        (translation,) = translate(model, [line], shortlist)
        source_ids = model.tokenizers.source.encode(line.text)
        shortlisted = {*frequent, *source_ids, *(table[source_ids, 0].tolist())}
        assert set(translation.candidates[0].tokens) <= set(model.tokenizers.target.pieces(sorted(shortlisted)))
        assert 5 not in shortlisted
        changed += translation.candidates[0].tokens != unrestricted.candidates[0].tokens
    assert changed
    (translation,) = translate(model, [Line(1, "the dog", prefix="친구를")], shortlist)
    assert translation.text.startswith("친구를")


def test_selected_rows_of_int8_linear_equal_the_full_product() -> None:
    torch.manual_seed(3)
    layer = Int8Linear(torch.randn(60, 100), torch.randn(60))
    inputs, rows = torch.randn(7, 100), torch.tensor([3, 4, 58])
    torch.testing.assert_close(layer.rows(rows)(inputs), layer(inputs)[:, rows])


def test_missing_or_damaged_lexicon_is_refused(model: LoadedModel) -> None:
    def refused(message: str) -> None:
        with pytest.raises(CheckpointError, match=message):
            LineTranslator(recorded(model), SearchConfig(shortlist=8))

    refused("has no lexicon; leave out --shortlist")
    (model.path / LEXICON).write_bytes(b"rubbish")
    refused("not a lexicon")
    write_lexicon(model.path, np.zeros((7, LEXICON_WIDTH), np.int32))
    refused("not a lexicon of this vocabulary")
    write_lexicon(model.path, np.full((model.tokenizers.source.size, LEXICON_WIDTH), 1 << 20, np.int32))
    refused("not a lexicon of this vocabulary")
    tokenizers = Tokenizers(model.tokenizers.source, model.tokenizers.source)
    table = np.zeros((tokenizers.source.size, LEXICON_WIDTH), np.int32)
    write_lexicon(model.path, table)
    assert (read_lexicon(record_files(model.path), tokenizers) == table).all()
