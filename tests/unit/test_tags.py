"""Tags: a subword before the source that text never contains, that is never generated, and that shifts no alignment."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece
import torch
from conftest import TINY_TEXT, write_tiny_model
from test_dataset import write

from nmt_cli.api.translator import Translator
from nmt_cli.checkpoint.layout import MODEL
from nmt_cli.checkpoint.model_dir import LoadedModel, load_ensemble, load_model
from nmt_cli.config import SearchConfig
from nmt_cli.corpus.batching import sampled_segmentation
from nmt_cli.corpus.dataset import Split
from nmt_cli.corpus.ibm1 import train_lexicon
from nmt_cli.corpus.lexicon import LEXICON, write_lexicon
from nmt_cli.corpus.tags import check_slots
from nmt_cli.corpus.tokenizer import Tokenizer, Tokenizers
from nmt_cli.decoding.forced_decoding import forced_attention
from nmt_cli.decoding.hypothesis import Hypothesis
from nmt_cli.decoding.search_again import Request
from nmt_cli.decoding.shortlist import Candidates, Shortlist
from nmt_cli.decoding.single_word import SingleWords
from nmt_cli.decoding.translator import LineTranslator
from nmt_cli.errors import ConfigError
from nmt_cli.file_hashes import FileRecord
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.report.explain.record import explain
from nmt_cli.special_tokens import BOS, EOS, PAD, TAG_PIECES, UNK

CPU = compute_for_search("cpu", "fp32", 1)
LINE = "the old man sings in the rain"


def train(**options: Any) -> Tokenizer:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TINY_TEXT * 5), model_writer=model, vocab_size=400, hard_vocab_limit=False,
        byte_fallback=True, pad_id=PAD, unk_id=UNK, bos_id=BOS, eos_id=EOS, minloglevel=2, **options,
    )  # fmt: skip
    return Tokenizer(model.getvalue())


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train(control_symbols=list(TAG_PIECES))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer) -> Path:
    folder = write_tiny_model(tmp_path_factory.mktemp("models") / "tagged", tokenizer)
    table = np.full((tokenizer.size, 64), PAD, np.int32)
    table[:, :20] = np.arange(300, 320)
    write_lexicon(folder, table)
    manifest = MODEL.read(folder)
    files = {**manifest.files, LEXICON: FileRecord.of_file(folder / LEXICON)}
    MODEL.write(folder, manifest.model_copy(update={"tags": ["web", "bt"], "files": files}))
    return folder


@pytest.fixture(scope="module")
def model(path: Path) -> LoadedModel:
    loaded = load_model(path, CPU)
    with torch.no_grad():
        loaded.model.output.bias[list(loaded.tokenizers.target.tags)] += 50.0  # the most probable of all
    return loaded


def test_tags_are_subwords_that_text_never_contains(tokenizer: Tokenizer) -> None:
    assert tokenizer.pieces(tokenizer.tags) == list(TAG_PIECES)
    for text in (*TAG_PIECES, "a <tag1> b", "▁<tag2>", "<tag1><tag2>"):
        assert not set(tokenizer.encode(text)) & set(tokenizer.tags)
    ids = tokenizer.encode(LINE)
    assert tokenizer.decode([tokenizer.tags[0], *ids[:3], tokenizer.tags[7], *ids[3:]]) == LINE
    assert tokenizer.leading_tag([tokenizer.tags[3], *ids]) == 1
    assert tokenizer.leading_tag(ids) == tokenizer.leading_tag([]) == 0


def test_a_model_without_slots_is_refused(tiny_tokenizer: Tokenizer) -> None:
    assert tiny_tokenizer.tags == ()
    check_slots([], tiny_tokenizer, "x.model")
    with pytest.raises(ConfigError, match=r"--tag: x.model has no control symbols <tag1>, <tag2>; .*=<tag1>,<tag2>$"):
        check_slots(["web", "bt"], tiny_tokenizer, "x.model")
    assert train(user_defined_symbols=["<tag1>"]).tags == (), "text may contain such a piece"


@pytest.mark.parametrize("options", [{}, {"beam_size": 1}, {"sample": True}, {"shortlist": 8}])
@pytest.mark.parametrize("tag", [None, "bt"])
def test_a_tag_is_never_generated(model: LoadedModel, options: dict[str, object], tag: str | None) -> None:
    search = SearchConfig.model_validate({"min_length": 3, "max_length": 9, **options})
    for translation in LineTranslator(model, search, tag=tag).translate_lines([*TINY_TEXT, LINE]):
        assert translation.candidates[0].tokens
        assert not set(translation.candidates[0].tokens) & set(TAG_PIECES)
    assert not {step.token for step in explain(model, LINE, 2, 3, tag=tag).steps} & set(TAG_PIECES)


def test_a_tag_is_the_first_token_of_the_source_and_no_word_of_it(model: LoadedModel) -> None:
    search = SearchConfig(min_length=3, max_length=9)
    plain, *_ = LineTranslator(model, search, attention=True).translate_lines([LINE])
    tagged, *_ = LineTranslator(model, search, attention=True, tag="bt").translate_lines([LINE])
    assert tagged.candidates[0].score != plain.candidates[0].score, "the model sees the tag"
    assert (tagged.source_tokens, tagged.source_words) == (plain.source_tokens, plain.source_words)
    attention = tagged.candidates[0].attention
    assert attention is not None
    assert attention.shape == (len(tagged.candidates[0].tokens), len(plain.source_tokens))
    explained = explain(model, LINE, 5, 3, tag="bt")
    assert explained.source == ["<bt>", *plain.source_tokens, "</s>"]
    assert explained.attention is not None
    assert explained.attention.source_words == LINE.split()
    tokenizer = model.tokenizers.source
    source = [tokenizer.tags[1], *tokenizer.encode(LINE)]
    target = [tokenizer._processor.piece_to_id(piece) for piece in tagged.candidates[0].tokens]
    (forced,) = forced_attention(model, [(source, target)])
    np.testing.assert_allclose(attention, forced[:-1, 1:-1], atol=1e-5, err_msg="each column is of its own subword")


def test_every_segment_of_a_long_line_is_translated_with_the_tag(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    translator = LineTranslator(model, SearchConfig(beam_size=1, max_length=4), attention=True, tag="web")
    searched: list[tuple[int, ...]] = []
    search_batch = LineTranslator._search_batch

    def record(
        self: LineTranslator, options: SearchConfig, words: SingleWords | None, batch: Sequence[Request]
    ) -> list[list[Hypothesis]]:
        searched.extend(source for source, *_ in batch)
        return search_batch(self, options, words, batch)

    monkeypatch.setattr(LineTranslator, "_search_batch", record)
    text = " ".join(TINY_TEXT)
    (translation,) = translator.translate_lines([text])
    tag = model.tokenizers.source.tags[0]
    assert len(searched) > 1
    assert {source[0] for source in searched} == {tag}
    assert {source.count(tag) for source in searched} == {1}
    assert max(len(source) - 1 for source in searched) <= model.manifest.max_source_length
    assert translation.candidates[0].attention is not None
    assert translation.candidates[0].attention.shape[1] == len(translation.source_tokens)
    assert not next(translator.translate_lines([""])).candidates[0].tokens, "a blank line stays blank"


def test_an_unknown_tag_is_refused_in_one_line(model: LoadedModel, path: Path, tiny_model: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--tag med: .*tagged has no such tag; it has web, bt$"):
        LineTranslator(model, tag="med")
    with pytest.raises(ConfigError, match=r"^--tag web: .* was trained without tags; leave out --tag$"):
        LineTranslator(load_model(tiny_model, CPU), tag="web")
    other = replace(model, manifest=model.manifest.model_copy(update={"tags": ["bt", "web"]}))
    with pytest.raises(ConfigError, match=r"^--tag bt: is tag 2 of .* but tag 1 of "):
        LineTranslator(replace(model, ensemble=(other,)), tag="bt")
    assert LineTranslator(load_ensemble(path, [path], CPU), tag="bt").tag == "bt"


def test_the_tag_of_a_translator_is_given_with_the_text(path: Path) -> None:
    translator = Translator.load(path, SearchConfig(max_length=9), device="cpu")
    scores = {tag: translator.translate([LINE], tag=tag)[0].score for tag in (None, "web", "bt")}
    assert len(set(scores.values())) == 3
    assert translator.translate([LINE])[0].score == scores[None], "a tag holds for one call"


def test_a_shortlist_and_a_lexicon_ignore_tags(
    tmp_path: Path, tokenizer: Tokenizer, model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizers = Tokenizers(tokenizer, tokenizer)
    rows = [([300 + n % 7, 310], [320 + n % 7, 330], "", "") for n in range(40)]
    plain = train_lexicon(write(tmp_path / "a.arrow", tokenizers, [rows]), tokenizers)
    tagged = [([tokenizer.tags[0], *source], target, "", "") for source, target, *_ in rows]
    table = train_lexicon(write(tmp_path / "b.arrow", tokenizers, [tagged]), tokenizers)
    np.testing.assert_array_equal(table, plain)
    assert (table[list(tokenizer.tags)] == PAD).all()
    asked: list[list[int]] = []

    def record(self: Shortlist, sources: Sequence[Sequence[int]], prefixes: Sequence[Sequence[int]]) -> Candidates:
        asked.extend(map(list, sources))
        return candidates(self, sources, prefixes)

    candidates = Shortlist.candidates
    monkeypatch.setattr(Shortlist, "candidates", record)
    list(LineTranslator(model, SearchConfig(shortlist=8, max_length=4), tag="web").translate_lines([LINE]))
    assert asked == [tokenizer.encode(LINE)]


def test_a_new_segmentation_keeps_the_stored_tag(tmp_path: Path, tokenizer: Tokenizer) -> None:
    tokenizers = Tokenizers(tokenizer, tokenizer)
    texts = [TINY_TEXT[0], TINY_TEXT[1], LINE]
    tags = [[tokenizer.tags[1]], [], [tokenizer.tags[0]]]
    rows = [(tag + tokenizer.encode(text), [20], text, "a") for tag, text in zip(tags, texts, strict=True)]
    split: Split = write(tmp_path / "train.arrow", tokenizers, [rows])
    sources, _ = sampled_segmentation(tokenizers, 0.9)(split, np.arange(3), 1)
    for source, tag, text in zip(sources, tags, texts, strict=True):
        ids = np.asarray(source).tolist()
        assert ids[: len(tag)] == tag
        assert not set(ids[len(tag) :]) & set(tokenizer.tags)
        assert tokenizer.decode(ids) == text
