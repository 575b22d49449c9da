"""LineTranslator with a small untrained model: one translation per input line, in order."""

import io
import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import torch
from conftest import TINY_TEXT, write_tiny_model
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt_cli.checkpoint.model_dir import LoadedModel, load_ensemble, load_model
from nmt_cli.config import SearchConfig
from nmt_cli.corpus.tokenizer import Tokenizer
from nmt_cli.decoding import translator as translator_module
from nmt_cli.decoding.ensemble import ModelState
from nmt_cli.decoding.hypothesis import Hypothesis
from nmt_cli.decoding.postprocess import Assembler, EncodedSegment
from nmt_cli.decoding.search import SearchInput, Step, search
from nmt_cli.decoding.search_again import Request
from nmt_cli.decoding.single_word import SingleWords
from nmt_cli.decoding.text_stream import Line
from nmt_cli.decoding.translation import Translation
from nmt_cli.decoding.translator import Batching, LineTranslator, batches, translate_corpus
from nmt_cli.errors import CheckpointError, ConfigError
from nmt_cli.kernels.device import compute_for_training
from nmt_cli.special_tokens import BOS, EOS, PAD, UNK

CPU = compute_for_training("cpu", "fp32", 0)

LINES = [*TINY_TEXT, "a", "", "   ", "the dog", "나", ". . .", "친구를 만났다 .", "old man", "x", "women talk ."]


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> LoadedModel:
    return load_model(tiny_model, CPU)


def translate(model: LoadedModel, lines: Sequence[str], batch_size: int = 64, **options: object) -> list[Translation]:
    config = SearchConfig.model_validate({"max_length": 12, **options})
    return list(LineTranslator(model, config, Batching(batch_size), attention=True).translate_lines(lines))


@pytest.mark.parametrize(
    ("system", "options"),
    [
        ("gnmt-lstm", {"beam_size": 1}),
        ("luong-gru-feeding", {"beam_size": 2, "n_best": 2}),
        ("gnmt-lstm", {"beam_size": 5, "n_best": 5}),
        ("concat", {"beam_size": 5, "coverage_penalty": 0.3, "no_repeat_ngram_size": 2}),
        ("luong-gru-feeding", {"sample": True, "n_best": 2}),
    ],
)
def test_batch_composition_does_not_change_translations(
    system: str, options: dict[str, object], tmp_path: Path, tiny_tokenizer: Tokenizer
) -> None:
    systems: dict[str, dict[str, object]] = {
        "gnmt-lstm": {},
        "luong-gru-feeding": {"attention": "luong", "input_feeding": True, "cell": "gru"},
        "concat": {"score": "concat", "bidirectional": False},
    }
    model = load_model(write_tiny_model(tmp_path / "model", tiny_tokenizer, **systems[system]), CPU, packed=False)
    model.model.double()  # large random weights amplify rounding differences
    alone = translate(model, LINES, 1, **options)
    assert len({translation.text for translation in alone}) > 5
    for batch_size in (2, 7, 64):
        together = translate(model, LINES, batch_size, **options)
        for one, other in zip(alone, together, strict=True):
            assert [c.text for c in one.candidates] == [c.text for c in other.candidates]
            assert [c.tokens for c in one.candidates] == [c.tokens for c in other.candidates]
            for first, second in zip(one.candidates, other.candidates, strict=True):
                assert first.score == pytest.approx(second.score, abs=1e-3)
                assert first.attention is not None
                assert second.attention is not None
                np.testing.assert_allclose(first.attention, second.attention, atol=1e-3)


@torch.no_grad()
def rescored(model: LoadedModel, source: str, tokens: Sequence[int], finished: bool) -> float:
    """The log-probability of a translation under teacher forcing."""
    ids = torch.tensor([[*model.tokenizers.source.encode(source), EOS]])
    target = [*tokens, EOS] if finished else list(tokens)
    target_input = torch.tensor([[BOS, *target[:-1]]])
    readouts, _ = model.model(ids, torch.ones_like(ids, dtype=torch.bool), target_input)
    log_probs = model.model.output(readouts).log_softmax(-1)[0]
    return float(log_probs[torch.arange(len(target)), torch.tensor(target)].sum())


def test_score_equals_log_probability_under_teacher_forcing(model: LoadedModel) -> None:
    pieces = model.tokenizers.target.pieces(range(model.tokenizers.target.size))
    for translation in translate(model, LINES, beam_size=4, n_best=4, length_penalty=0):
        for candidate in translation.candidates if translation.source_tokens else []:
            tokens = [pieces.index(token) for token in candidate.tokens]
            if len(translation.source_tokens) > model.manifest.max_source_length:
                continue
            expected = rescored(model, translation.line.text, tokens, candidate.finished)
            assert candidate.score == pytest.approx(expected, abs=1e-3)
            count = len(tokens) + candidate.finished
            assert candidate.confidence == pytest.approx(np.exp(expected / count), abs=1e-3)
            assert 0 < candidate.confidence <= 1
            assert len(candidate.probabilities) == len(tokens)


def test_candidates_are_sorted_and_distinct(model: LoadedModel) -> None:
    for translation in translate(model, LINES, n_best=5):
        assert len({candidate.text for candidate in translation.candidates}) == len(translation.candidates)
        assert all(a.score >= b.score for a, b in pairwise(c for c in translation.candidates if c.finished))
        fewer = [issue for issue in translation.issues if issue.kind == "fewer"]
        assert bool(fewer) == (0 < len(translation.candidates) < 5 and bool(translation.source_tokens))


def test_n_best_does_not_change_the_best_translation(model: LoadedModel) -> None:
    first, five = (translate(model, LINES, n_best=n) for n in (1, 5))
    assert [translation.text for translation in first] == [translation.text for translation in five]


@pytest.mark.parametrize(
    "blank_line", ["", " ", "\t \u3000", "\r", "\u2028", "\u00a0", "\u200b\u200d", "\u00ad", "\ufeff", "\u3164"]
)
def test_blank_line_gives_an_empty_translation(model: LoadedModel, blank_line: str) -> None:
    (translation,) = translate(model, [blank_line])
    assert translation.text == ""
    assert [issue.kind for issue in translation.issues] == ["blank"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=12), st.integers(1, 5))
def test_one_translation_per_line_in_order(model: LoadedModel, lines: list[str], window: int) -> None:
    translator = LineTranslator(model, SearchConfig(beam_size=1, max_length=3), Batching(3, window))
    translations = list(translator.translate_lines(lines))
    assert [translation.line.text for translation in translations] == lines
    assert [translation.line.number for translation in translations] == list(range(1, len(lines) + 1))
    for translation in translations:
        assert len(translation.text.splitlines()) <= 1
        assert (translation.text == "") == any(issue.kind in ("blank", "empty") for issue in translation.issues)


def test_repeated_lines_over_several_windows_translate_as_alone(model: LoadedModel) -> None:
    order = random.Random(3)
    lines = [order.choice(LINES) + order.choice(["", " !", " ?"]) for _ in range(3000)]
    expected = {
        line: translate_corpus(model, [line], SearchConfig(beam_size=1, max_length=5))[0].text for line in set(lines)
    }
    translator = LineTranslator(model, SearchConfig(beam_size=1, max_length=5), Batching(16, 700))
    assert [translation.text for translation in translator.translate_lines(lines)] == [expected[line] for line in lines]


def test_repeated_lines_are_searched_once_unless_sampled(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def counting_search(
        step: Step[ModelState], state: ModelState, inputs: SearchInput, options: SearchConfig
    ) -> list[list[Hypothesis]]:
        sizes.append(len(inputs.source_lengths))
        return search(step, state, inputs, options)

    monkeypatch.setattr(translator_module, "search", counting_search)
    lines = ["the dog"] * 5 + ["old man"]
    assert len({translation.text for translation in translate(model, lines, search_again=False)}) == 2
    assert sum(sizes) == 2
    sizes.clear()
    sampled = [translation.text for translation in translate(model, ["the dog"] * 5, sample=True)]
    assert sum(sizes) == 5
    assert len(set(sampled)) > 1
    assert sampled == [translation.text for translation in translate(model, ["the dog"] * 5, batch_size=1, sample=True)]


@pytest.fixture
def three_threads() -> Iterator[None]:
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(1)


def test_parallel_batches_equal_sequential_batches(
    model: LoadedModel, three_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[tuple[str, int]] = []
    started: set[str] = set()
    both = threading.Barrier(2)
    search_batch = LineTranslator._search_batch

    def recording_search_batch(
        self: LineTranslator, options: SearchConfig, words: SingleWords | None, batch: Sequence[Request]
    ) -> list[list[Hypothesis]]:
        name = threading.current_thread().name
        threads.append((name, torch.get_num_threads()))
        if name not in started:  # the first two threads wait until both have a batch
            started.add(name)
            if len(started) <= 2:
                both.wait()
        return search_batch(self, options, words, batch)

    def texts() -> list[list[str]]:
        beam, samples = (
            translate(model, LINES, 2, search_again=False),
            translate(model, LINES, 2, sample=True, n_best=2),
        )
        return [[translation.text for translation in translations] for translations in (beam, samples)]

    monkeypatch.setattr(LineTranslator, "_search_batch", recording_search_batch)
    monkeypatch.setattr(translator_module, "MIN_BATCH", 2)
    parallel = texts()
    assert len({name for name, _ in threads}) > 1
    assert {count for _, count in threads} == {1}
    assert torch.get_num_threads() == 3
    monkeypatch.setattr(translator_module, "WORKERS", 1)
    assert parallel == texts()


def test_error_in_one_batch_stops_all_batches(
    model: LoadedModel, three_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[Sequence[Request]] = []

    def failing(
        self: LineTranslator, options: SearchConfig, words: SingleWords | None, batch: Sequence[Request]
    ) -> list[list[Hypothesis]]:
        searched.append(batch)
        raise CheckpointError("damaged")

    monkeypatch.setattr(LineTranslator, "_search_batch", failing)
    with pytest.raises(CheckpointError, match="damaged"):
        translate(model, [f"{number}" for number in range(500)], 1)
    assert len(searched) < 500
    assert torch.get_num_threads() == 3


def test_batches_hold_fewer_long_sentences() -> None:
    requests: list[Request] = [((7,) * length, (), ()) for length in (400, 300, 90, 40, 40, 40, 40, 20, 3, 2, 1)]
    batched = list(batches(requests, 4))
    assert [len(batch) for batch in batched] == [1, 1, 1, 4, 4]
    assert [request for batch in batched for request in batch] == requests


def test_out_of_memory_error_suggests_a_smaller_batch(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*arguments: object) -> None:
        raise torch.OutOfMemoryError("no")

    monkeypatch.setattr(translator_module, "search", failing)
    with pytest.raises(ConfigError, match=r"--batch-size 9: not enough memory on CPU.*; use a smaller batch"):
        translate(model, ["the dog"], batch_size=9)


def test_batch_size_in_tokens_is_bounded(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, int]] = []

    def recording_search(
        step: Step[ModelState], state: ModelState, inputs: SearchInput, options: SearchConfig
    ) -> list[list[Hypothesis]]:
        shapes.append((len(inputs.source_lengths), int(inputs.source_lengths.max()) - 1))  # without EOS
        return search(step, state, inputs, options)

    monkeypatch.setattr(translator_module, "search", recording_search)
    monkeypatch.setattr(translator_module, "USUAL_LENGTH", 5)
    lines = [" ".join(["dog"] * n) for n in range(1, 9)] * 2 + ["개" * n for n in range(1, 9)]
    translate(model, lines, batch_size=4, search_again=False)
    assert sum(count for count, _ in shapes) == 16
    assert all(count == 1 or count * longest <= 4 * 5 for count, longest in shapes)
    assert max(count for count, _ in shapes) == 4


class TestOverlongLine:
    SENTENCES = (*TINY_TEXT[:1], "the old man sings .", *TINY_TEXT[3:5])

    def test_is_translated_sentence_by_sentence(self, model: LoadedModel) -> None:
        parts = translate(model, self.SENTENCES)
        (whole,) = translate(model, [" ".join(self.SENTENCES)])
        assert whole.text == " ".join(part.text for part in parts if part.text)
        split = next(issue for issue in whole.issues if issue.kind == "split")
        assert split.details == {"parts": 4}
        assert whole.source_tokens == [token for part in parts for token in part.source_tokens]

    def test_words_and_attention_cover_the_whole_line(self, model: LoadedModel) -> None:
        text = " ".join(self.SENTENCES)
        (whole,) = translate(model, [text], min_length=2)
        best = whole.candidates[0]
        assert max(whole.source_words) + 1 == len(text.split())
        assert len(best.words) == len(best.tokens)
        assert best.words == sorted(best.words)
        assert best.attention is not None
        assert best.attention.shape == (len(best.tokens), len(whole.source_tokens))
        row = column = 0
        for part in translate(model, self.SENTENCES, min_length=2):
            rows, columns = len(part.candidates[0].tokens), len(part.source_tokens)
            block = best.attention[row : row + rows, column : column + columns]
            expected = part.candidates[0].attention
            assert expected is not None
            np.testing.assert_allclose(block, expected, atol=1e-3)
            assert best.attention[row : row + rows].sum() == pytest.approx(block.sum())  # zero outside the block
            row, column = row + rows, column + columns

    def test_sentences_are_joined_without_space_in_japanese(self, model: LoadedModel) -> None:
        japanese = replace(model, manifest=model.manifest.model_copy(update={"target": "ja"}))
        (whole,) = translate(japanese, [" ".join(self.SENTENCES)])
        assert whole.text == "".join(part.text for part in translate(japanese, self.SENTENCES))

    def test_n_best_of_the_line_joins_n_best_of_its_sentences(self, model: LoadedModel) -> None:
        (whole,) = translate(model, [" ".join(self.SENTENCES)], n_best=3)
        parts = translate(model, self.SENTENCES, n_best=3)
        assert whole.text == " ".join(part.text for part in parts if part.text)
        second = " ".join(part.candidates[min(1, len(part.candidates) - 1)].text for part in parts)
        assert whole.candidates[1].text.split() == second.split()

    def test_overlong_word_is_translated(self, model: LoadedModel) -> None:
        (translation,) = translate(model, ["가나다라" * 50], beam_size=1)
        assert any(issue.kind == "split" for issue in translation.issues)
        assert set(translation.source_words) == {0}

    def test_line_of_exactly_the_limit_is_not_split(self, model: LoadedModel) -> None:
        limit = model.manifest.max_source_length
        text = " ".join(["dog"] * limit)
        ids = model.tokenizers.source.encode(text)
        fits = model.tokenizers.source.decode(ids[:limit])
        assert len(model.tokenizers.source.encode(fits)) == limit
        longer = model.tokenizers.source.decode(ids[: limit + 1])
        assert len(model.tokenizers.source.encode(longer)) == limit + 1
        split = [
            any(issue.kind == "split" for issue in translation.issues)
            for translation in translate(model, [fits, longer])
        ]
        assert split == [False, True]


class TestPrefix:
    def test_translation_begins_with_the_prefix(self, model: LoadedModel) -> None:
        prefixes = ["작은 개가", "", "나는 "]
        lines = [Line(n, text, prefix) for n, (text, prefix) in enumerate(zip(LINES, prefixes, strict=False), start=1)]
        translations = LineTranslator(model, SearchConfig(max_length=12)).translate(lines)
        assert translations[0].text.startswith("작은 개가")
        assert translations[2].text.startswith("나는")
        assert translations[1].text == translate(model, LINES[1:2])[0].text

    def test_prefix_applies_to_the_first_segment_only(self, model: LoadedModel) -> None:
        line = Line(1, " ".join(TestOverlongLine.SENTENCES), "작은 개가")
        (translation,) = LineTranslator(model, SearchConfig(max_length=12)).translate([line])
        assert translation.text.startswith("작은 개가")
        rest = " ".join(part.text for part in translate(model, TestOverlongLine.SENTENCES[1:]) if part.text)
        assert translation.text.endswith(rest)

    def test_equal_lines_with_different_prefixes_are_searched_separately(self, model: LoadedModel) -> None:
        lines = [Line(1, "the dog", "작은"), Line(2, "the dog", "나는")]
        one, two = LineTranslator(model, SearchConfig(max_length=12)).translate(lines)
        assert (one.text[:2], two.text[:2]) == ("작은", "나는")


class TestIssues:
    """Each kind of issue is reported for the lines that have it and for no others."""

    def issues(self, model: LoadedModel, target: str, source: str, finished: bool = True) -> dict[str, object]:
        tokenizer = model.tokenizers.target
        tokens = tokenizer.encode(target)
        hypothesis = Hypothesis(tokens, -1.0, -1.0, [-0.1] * (len(tokens) + 1), None, finished)
        assembler = Assembler(model.tokenizers, "ko", SearchConfig())
        segment = EncodedSegment(tuple(tokenizer.encode(source)))
        translation = assembler.assemble(Line(1, source), [segment], [[hypothesis]])
        return {issue.kind: issue.details for issue in translation.issues}

    def test_good_translation_has_no_issues(self, model: LoadedModel) -> None:
        assert self.issues(model, TINY_TEXT[4], TINY_TEXT[0]) == {}

    def test_translation_cut_at_the_length_limit(self, model: LoadedModel) -> None:
        assert "cut" in self.issues(model, TINY_TEXT[4], TINY_TEXT[0], finished=False)

    def test_empty_translation(self, model: LoadedModel) -> None:
        assert self.issues(model, "", "the old man") == {"empty": {}}

    def test_unusual_length_ratio(self, model: LoadedModel) -> None:
        source_length = len(model.tokenizers.source.encode("the dog"))
        target_length = len(model.tokenizers.target.encode(TINY_TEXT[3] + TINY_TEXT[4]))
        issues = self.issues(model, TINY_TEXT[3] + TINY_TEXT[4], "the dog")
        assert issues == {"length_ratio": {"source_subwords": source_length, "target_subwords": target_length}}

    def test_repeated_words(self, model: LoadedModel) -> None:
        issues = self.issues(model, "개가 만났다 만났다 만났다 만났다", TINY_TEXT[0])
        assert issues["repetition"] == {"repeated": "만났다", "times": 4}

    def test_candidates_of_the_same_text_are_merged(self, model: LoadedModel) -> None:
        tokenizer = model.tokenizers.target
        pieces = tokenizer.pieces(range(tokenizer.size))
        word_start, letter = pieces.index("▁"), pieces.index("개")
        encodings = [[word_start, letter], [word_start, *(pieces.index(f"<0x{byte:02X}>") for byte in "개".encode())]]
        hypotheses = [
            Hypothesis(ids, -float(n), -1.0, [-0.1] * len(ids), None, False) for n, ids in enumerate(encodings)
        ]
        assembler = Assembler(model.tokenizers, "ko", SearchConfig(n_best=2))
        translation = assembler.assemble(Line(1, "I"), [EncodedSegment(tuple(tokenizer.encode("I")))], [hypotheses])
        assert [(candidate.text, candidate.score) for candidate in translation.candidates] == [("개", 0.0)]
        assert "fewer" in [issue.kind for issue in translation.issues]

    def test_invalid_utf8_in_the_input(self, model: LoadedModel) -> None:
        line = Line(1, "the \ufffd dog", invalid_utf8=True)
        assert LineTranslator(model).translate([line])[0].issues[0].kind == "invalid_utf8"


def test_alignment_without_attention_raises(model: LoadedModel) -> None:
    (translation,) = LineTranslator(model).translate([Line(1, "the dog")])
    with pytest.raises(ConfigError, match="no attention"):
        translation.alignment(translation.candidates[0])


def test_alignment_links_existing_words(model: LoadedModel) -> None:
    for translation in translate(model, LINES):
        best = translation.candidates[0]
        for source, target in translation.alignment(best):
            assert source in translation.source_words
            assert target in best.words


def test_translate_corpus_equals_translating_lines(model: LoadedModel) -> None:
    options = SearchConfig(beam_size=3)
    assert [translation.text for translation in translate_corpus(model, LINES, options)] == [
        translation.text for translation in translate(model, LINES, beam_size=3, max_length=0)
    ]
    assert translate_corpus(model, []) == []


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Tokenizer) -> list[Path]:
    """Models of other architectures with the same tokenizer."""
    folder = tmp_path_factory.mktemp("others")
    options: list[dict[str, object]] = [{"cell": "gru", "source_order": "doubled"}, {"attention": "none-repeat"}]
    return [write_tiny_model(folder / str(n), tiny_tokenizer, **changes) for n, changes in enumerate(options)]


def test_ensemble_of_a_model_with_itself_equals_the_model(model: LoadedModel, tiny_model: Path) -> None:
    twice = load_ensemble(tiny_model, [tiny_model], CPU)
    for alone, together in zip(translate(model, LINES), translate(twice, LINES), strict=True):
        assert together.text == alone.text
        assert together.candidates[0].score == pytest.approx(alone.candidates[0].score, abs=1e-4)


@torch.no_grad()
def test_ensemble_averages_probabilities_and_attention(tiny_model: Path, others: list[Path]) -> None:
    ensemble = load_ensemble(tiny_model, others, CPU)
    (translation,) = translate(ensemble, ["the dog runs"], beam_size=4)
    best = translation.candidates[0]
    target = ensemble.tokenizers.target
    tokens = [target._processor.piece_to_id(piece) for piece in best.tokens]
    source = torch.tensor([[*ensemble.tokenizers.source.encode("the dog runs"), EOS]])
    mask = torch.ones_like(source, dtype=torch.bool)
    probabilities, attention = [], []
    for member in ensemble.models:
        readouts, weights = member(source, mask, torch.tensor([[BOS, *tokens]]))
        probabilities.append(member.output(readouts)[0].softmax(-1))
        attention += [] if weights is None else [weights[0]]
    mean = torch.stack(probabilities).mean(0)
    expected = [float(mean[t, token]) for t, token in enumerate(tokens)]
    assert best.probabilities[: len(tokens)] == pytest.approx(expected, abs=1e-4)
    assert len(attention) == 2
    assert best.attention is not None
    np.testing.assert_allclose(best.attention, torch.stack(attention).mean(0)[: len(tokens), :-1], atol=1e-5)
    assert {translation.text for translation in translate(ensemble, LINES)} != {
        translation.text for translation in translate(ensemble.ensemble[0], LINES)
    }


def test_ensemble_of_different_tokenizers_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TINY_TEXT), model_writer=model, vocab_size=100, hard_vocab_limit=False,
        pad_id=PAD, unk_id=UNK, bos_id=BOS, eos_id=EOS, minloglevel=2,
    )  # fmt: skip
    foreign = write_tiny_model(tmp_path / "foreign", Tokenizer(model.getvalue()))
    with pytest.raises(CheckpointError, match=r"foreign: has other subwords than .*; an ensemble needs models of one"):
        load_ensemble(tiny_model, [foreign], CPU)


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_lines_are_counted_as_their_batches_are_searched(model: LoadedModel, batch_size: int) -> None:
    """Equal and blank lines, which need no search of their own, are counted too."""
    counts: list[int] = []
    translator = LineTranslator(model, SearchConfig(beam_size=1), Batching(batch_size, 5), on_lines=counts.append)
    lines = ["old man", "", "dog", "dog", "old man", "the dog runs", "", " "]
    translations = []
    for translation in translator.translate_lines(lines):
        translations.append(translation)
        assert sum(counts) == (5 if len(translations) <= 5 else 8)
    assert all(count >= 0 for count in counts)
    assert batch_size > 1 or counts[:2] == [2, 3], "two of five lines are searched: five lines, batch by batch"
