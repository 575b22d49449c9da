"""Lines in, lines out, through a real (untrained) model."""

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
from nmt_cli.decoding.hypothesis import Hypothesis
from nmt_cli.decoding.postprocess import Assembler, EncodedSegment
from nmt_cli.decoding.text_stream import Line
from nmt_cli.decoding.translation import Translation
from nmt_cli.decoding.translator import Batching, LineTranslator, Request, batches, translate_corpus
from nmt_cli.errors import CheckpointError, ConfigError
from nmt_cli.kernels.device import compute_for_training
from nmt_cli.special_tokens import BOS, EOS, PAD, UNK

CPU = compute_for_training("cpu", "fp32", 0)

LINES = [*TINY_TEXT, "a", "", "   ", "the dog", "나", ". . .", "친구를 만났다 .", "old man", "x", "women talk ."]


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> LoadedModel:
    return load_model(tiny_model, CPU)


def translate(model: LoadedModel, lines: Sequence[str], batch_size: int = 64, **search: object) -> list[Translation]:
    options = SearchConfig.model_validate({"max_length": 12, **search})
    return list(LineTranslator(model, options, Batching(batch_size), attention=True).translate_lines(lines))


@pytest.mark.parametrize(
    ("kind", "search"),
    [
        ("gnmt-lstm", {"beam_size": 1}),
        ("luong-gru-feeding", {"beam_size": 2, "n_best": 2}),
        ("gnmt-lstm", {"beam_size": 5, "n_best": 5}),
        ("concat", {"beam_size": 5, "coverage_penalty": 0.3, "no_repeat_ngram_size": 2}),
        ("luong-gru-feeding", {"sample": True, "n_best": 2}),
    ],
)
def test_a_translation_does_not_depend_on_its_neighbours(
    kind: str, search: dict[str, object], tmp_path: Path, tiny_tokenizer: Tokenizer
) -> None:
    options: dict[str, dict[str, object]] = {
        "gnmt-lstm": {},
        "luong-gru-feeding": {"attention": "luong", "input_feeding": True, "cell": "gru"},
        "concat": {"score": "concat", "bidirectional": False},
    }
    model = load_model(write_tiny_model(tmp_path / "model", tiny_tokenizer, **options[kind]), CPU, packed=False)
    model.model.double()  # wild random weights blow up what rounding leaves
    alone = translate(model, LINES, 1, **search)
    assert len({each.text for each in alone}) > 5  # they do differ
    for batch_size in (2, 7, 64):
        together = translate(model, LINES, batch_size, **search)
        for one, other in zip(alone, together, strict=True):
            assert [c.text for c in one.candidates] == [c.text for c in other.candidates]
            assert [c.tokens for c in one.candidates] == [c.tokens for c in other.candidates]
            for mine, theirs in zip(one.candidates, other.candidates, strict=True):
                assert mine.score == pytest.approx(theirs.score, abs=1e-3)
                np.testing.assert_allclose(mine.attention, theirs.attention, atol=1e-3)


@torch.no_grad()
def rescored(model: LoadedModel, source: str, tokens: Sequence[int], finished: bool) -> float:
    """The log-probability of a translation by teacher forcing."""
    ids = torch.tensor([[*model.tokenizers.source.encode(source), EOS]])
    said = [*tokens, EOS] if finished else list(tokens)
    entering = torch.tensor([[BOS, *said[:-1]]])
    readouts, _ = model.model(ids, torch.ones_like(ids, dtype=torch.bool), entering)
    log_probs = model.model.output(readouts).log_softmax(-1)[0]
    return float(log_probs[torch.arange(len(said)), torch.tensor(said)].sum())


def test_a_score_is_the_log_probability_of_teacher_forcing(model: LoadedModel) -> None:
    pieces = model.tokenizers.target.pieces(range(model.tokenizers.target.size))
    for each in translate(model, LINES, beam_size=4, n_best=4, length_penalty=0):
        for candidate in each.candidates if each.source_tokens else []:
            tokens = [pieces.index(token) for token in candidate.tokens]
            if len(each.source_tokens) > model.manifest.max_source_length:
                continue
            expected = rescored(model, each.line.text, tokens, candidate.finished)
            assert candidate.score == pytest.approx(expected, abs=1e-3)
            count = len(tokens) + candidate.finished
            assert candidate.confidence == pytest.approx(np.exp(expected / count), abs=1e-3)
            assert 0 < candidate.confidence <= 1
            assert len(candidate.probabilities) == len(tokens)


def test_candidates_come_best_first_and_never_twice(model: LoadedModel) -> None:
    for each in translate(model, LINES, n_best=5):
        assert len({candidate.text for candidate in each.candidates}) == len(each.candidates)
        assert all(a.score >= b.score for a, b in pairwise(c for c in each.candidates if c.finished))
        fewer = [issue for issue in each.issues if issue.kind == "fewer"]
        assert bool(fewer) == (0 < len(each.candidates) < 5 and bool(each.source_tokens))


def test_the_best_does_not_depend_on_how_many_are_asked_for(model: LoadedModel) -> None:
    one, five = (translate(model, LINES, n_best=n) for n in (1, 5))
    assert [each.text for each in one] == [each.text for each in five]


@pytest.mark.parametrize("blank_line", ["", " ", "\t \u3000", "\r", "\u2028", "\u00a0"])
def test_blank_stays_blank(model: LoadedModel, blank_line: str) -> None:
    (found,) = translate(model, [blank_line])
    assert found.text == ""
    assert [issue.kind for issue in found.issues] == ["blank"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=12), st.integers(1, 5))
def test_a_line_for_a_line_in_order(model: LoadedModel, lines: list[str], window: int) -> None:
    translator = LineTranslator(model, SearchConfig(beam_size=1, max_length=3), Batching(3, window))
    found = list(translator.translate_lines(lines))
    assert [each.line.text for each in found] == lines
    assert [each.line.number for each in found] == list(range(1, len(lines) + 1))
    for each in found:
        assert len(each.text.splitlines()) <= 1
        assert (each.text == "") == any(issue.kind in ("blank", "empty") for issue in each.issues)


def test_thousands_of_lines_with_repetitions(model: LoadedModel) -> None:
    order = random.Random(3)
    lines = [order.choice(LINES) + order.choice(["", " !", " ?"]) for _ in range(3000)]
    expected = {
        line: translate_corpus(model, [line], SearchConfig(beam_size=1, max_length=5))[0] for line in set(lines)
    }
    translator = LineTranslator(model, SearchConfig(beam_size=1, max_length=5), Batching(16, 700))
    assert [each.text for each in translator.translate_lines(lines)] == [expected[line] for line in lines]


def test_the_same_line_is_searched_for_once_unless_sampled(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    real = translator_module.search

    def counting(step: object, state: object, task: object, options: object) -> object:
        sizes.append(len(task.source_lengths))
        return real(step, state, task, options)

    monkeypatch.setattr(translator_module, "search", counting)
    lines = ["the dog"] * 5 + ["old man"]
    assert len({each.text for each in translate(model, lines)}) == 2
    assert sum(sizes) == 2
    sizes.clear()
    sampled = [each.text for each in translate(model, ["the dog"] * 5, sample=True)]
    assert sum(sizes) == 5
    assert len(set(sampled)) > 1
    assert sampled == [each.text for each in translate(model, ["the dog"] * 5, batch_size=1, sample=True)]


@pytest.fixture
def three_threads() -> Iterator[None]:
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(1)


def test_batches_side_by_side_give_what_one_after_the_other_do(
    model: LoadedModel, three_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = {"sample": True, "n_best": 2}
    threads = []
    met: set[str] = set()
    both = threading.Barrier(2)
    search_batch = LineTranslator._search_batch

    def seen(self: LineTranslator, batch: Sequence[Request]) -> list[list[Hypothesis]]:
        threads.append((threading.current_thread().name, torch.get_num_threads()))
        if threading.current_thread().name not in met:  # no thread goes on before another has a batch too
            met.add(threading.current_thread().name)
            if len(met) <= 2:
                both.wait()
        return search_batch(self, batch)

    monkeypatch.setattr(LineTranslator, "_search_batch", seen)
    monkeypatch.setattr(translator_module, "FEW", 2)
    found = [translate(model, LINES, 2), translate(model, LINES, 2, **sample)]
    assert len({name for name, _ in threads}) > 1
    assert {share for _, share in threads} == {1}
    assert torch.get_num_threads() == 3
    monkeypatch.setattr(translator_module, "WORKERS", 1)
    expected = [translate(model, LINES, 2), translate(model, LINES, 2, **sample)]
    assert [[each.text for each in each_way] for each_way in found] == [
        [each.text for each in each_way] for each_way in expected
    ]


def test_an_error_in_one_batch_ends_all(
    model: LoadedModel, three_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def fails(self: LineTranslator, batch: Sequence[Request]) -> list[list[Hypothesis]]:
        begun.append(batch)
        raise CheckpointError("damaged")

    monkeypatch.setattr(LineTranslator, "_search_batch", fails)
    with pytest.raises(CheckpointError, match="damaged"):
        translate(model, [f"{number}" for number in range(500)], 1)
    assert len(begun) < 500
    assert torch.get_num_threads() == 3


def test_batches_hold_fewer_of_what_is_longer() -> None:
    keys = [((7,) * length, (), ()) for length in (400, 300, 90, 40, 40, 40, 40, 20, 3, 2, 1)]
    found = list(batches(keys, 4))
    assert [len(batch) for batch in found] == [1, 1, 1, 4, 4]
    assert [key for batch in found for key in batch] == keys


def test_too_little_memory_is_told_with_its_remedy(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*arguments: object) -> None:
        raise torch.OutOfMemoryError("no")

    monkeypatch.setattr(translator_module, "search", failing)
    with pytest.raises(ConfigError, match=r"--batch-size 9: not enough memory on CPU.*; use a smaller batch"):
        translate(model, ["the dog"], batch_size=9)


def test_no_batch_grows_with_the_length_of_its_lines(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []
    real = translator_module.search

    def noting(step: object, state: object, task: object, options: object) -> object:
        shapes.append((len(task.source_lengths), int(task.source_lengths.max()) - 1))  # EOS
        return real(step, state, task, options)

    monkeypatch.setattr(translator_module, "search", noting)
    monkeypatch.setattr(translator_module, "USUAL_LENGTH", 5)
    lines = [" ".join(["dog"] * n) for n in range(1, 9)] * 2 + ["개" * n for n in range(1, 9)]
    translate(model, lines, batch_size=4)
    assert sum(count for count, _ in shapes) == 16
    assert all(count == 1 or count * longest <= 4 * 5 for count, longest in shapes)
    assert max(count for count, _ in shapes) == 4


class TestOverlong:
    SENTENCES = (*TINY_TEXT[:1], "the old man sings .", *TINY_TEXT[3:5])

    def test_it_is_translated_sentence_by_sentence(self, model: LoadedModel) -> None:
        parts = translate(model, self.SENTENCES)
        (whole,) = translate(model, [" ".join(self.SENTENCES)])
        assert whole.text == " ".join(part.text for part in parts if part.text)
        split = next(issue for issue in whole.issues if issue.kind == "split")
        assert split.details == {"parts": 4}
        assert whole.source_tokens == [token for part in parts for token in part.source_tokens]

    def test_words_and_attention_run_through(self, model: LoadedModel) -> None:
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
            own = best.attention[row : row + rows, column : column + columns]
            np.testing.assert_allclose(own, part.candidates[0].attention, atol=1e-3)
            assert best.attention[row : row + rows].sum() == pytest.approx(own.sum())  # and none elsewhere
            row, column = row + rows, column + columns

    def test_no_space_between_sentences_where_the_language_has_none(self, model: LoadedModel) -> None:
        japanese = replace(model, manifest=model.manifest.model_copy(update={"target": "ja"}))
        (whole,) = translate(japanese, [" ".join(self.SENTENCES)])
        assert whole.text == "".join(part.text for part in translate(japanese, self.SENTENCES))

    def test_n_best_of_the_parts_makes_n_best_of_the_line(self, model: LoadedModel) -> None:
        (whole,) = translate(model, [" ".join(self.SENTENCES)], n_best=3)
        parts = translate(model, self.SENTENCES, n_best=3)
        assert whole.text == " ".join(part.text for part in parts if part.text)
        second = " ".join(part.candidates[min(1, len(part.candidates) - 1)].text for part in parts)
        assert whole.candidates[1].text.split() == second.split()

    def test_a_word_of_any_length_is_translated(self, model: LoadedModel) -> None:
        (found,) = translate(model, ["가나다라" * 50], beam_size=1)
        assert any(issue.kind == "split" for issue in found.issues)
        assert set(found.source_words) == {0}

    def test_up_to_the_limit_nothing_is_cut(self, model: LoadedModel) -> None:
        limit = model.manifest.max_source_length
        text = " ".join(["dog"] * limit)
        ids = model.tokenizers.source.encode(text)
        fits = model.tokenizers.source.decode(ids[:limit])
        assert len(model.tokenizers.source.encode(fits)) == limit
        longer = model.tokenizers.source.decode(ids[: limit + 1])
        assert len(model.tokenizers.source.encode(longer)) == limit + 1
        split = [any(issue.kind == "split" for issue in each.issues) for each in translate(model, [fits, longer])]
        assert split == [False, True]


class TestPrefix:
    def test_the_translation_begins_with_it(self, model: LoadedModel) -> None:
        prefixes = ["작은 개가", "", "나는 "]
        lines = [Line(n, text, prefix) for n, (text, prefix) in enumerate(zip(LINES, prefixes, strict=False), start=1)]
        found = LineTranslator(model, SearchConfig(max_length=12)).translate(lines)
        assert found[0].text.startswith("작은 개가")
        assert found[2].text.startswith("나는")
        assert found[1].text == translate(model, LINES[1:2])[0].text

    def test_only_the_first_part_has_it(self, model: LoadedModel) -> None:
        line = Line(1, " ".join(TestOverlong.SENTENCES), "작은 개가")
        (found,) = LineTranslator(model, SearchConfig(max_length=12)).translate([line])
        assert found.text.startswith("작은 개가")
        rest = " ".join(part.text for part in translate(model, TestOverlong.SENTENCES[1:]) if part.text)
        assert found.text.endswith(rest)

    def test_lines_that_differ_in_it_are_searched_for_apart(self, model: LoadedModel) -> None:
        lines = [Line(1, "the dog", "작은"), Line(2, "the dog", "나는")]
        one, two = LineTranslator(model, SearchConfig(max_length=12)).translate(lines)
        assert (one.text[:2], two.text[:2]) == ("작은", "나는")


class TestIssues:
    """Each kind of issue is told of the lines that have it and of no others."""

    def issues(self, model: LoadedModel, said: str | list[int], heard: str, **changes: object) -> dict[str, object]:
        tokenizer = model.tokenizers.target
        tokens = tokenizer.encode(said) if isinstance(said, str) else said
        fields = {"score": -1.0, "log_prob": -1.0, "attention": None, "finished": True, **changes}
        hypothesis = Hypothesis(tokens=tokens, token_log_probs=[-0.1] * (len(tokens) + 1), **fields)
        assembler = Assembler(model.tokenizers, "ko", SearchConfig())
        part = EncodedSegment(tuple(tokenizer.encode(heard)))
        found = assembler.assemble(Line(1, heard), [part], [[hypothesis]])
        return {issue.kind: issue.details for issue in found.issues}

    def test_a_good_translation_has_none(self, model: LoadedModel) -> None:
        assert self.issues(model, TINY_TEXT[4], TINY_TEXT[0]) == {}

    def test_cut(self, model: LoadedModel) -> None:
        assert "cut" in self.issues(model, TINY_TEXT[4], TINY_TEXT[0], finished=False)

    def test_empty(self, model: LoadedModel) -> None:
        assert self.issues(model, "", "the old man") == {"empty": {}}

    def test_odd_length(self, model: LoadedModel) -> None:
        heard = len(model.tokenizers.source.encode("the dog"))
        said = len(model.tokenizers.target.encode(TINY_TEXT[3] + TINY_TEXT[4]))
        found = self.issues(model, TINY_TEXT[3] + TINY_TEXT[4], "the dog")
        assert found == {"length_ratio": {"source_subwords": heard, "target_subwords": said}}

    def test_repetition(self, model: LoadedModel) -> None:
        found = self.issues(model, "개가 만났다 만났다 만났다 만났다", TINY_TEXT[0])
        assert found["repetition"] == {"repeated": "만났다", "times": 4}

    def test_the_same_text_in_other_subwords_is_given_once(self, model: LoadedModel) -> None:
        tokenizer = model.tokenizers.target
        pieces = tokenizer.pieces(range(tokenizer.size))
        space, letter = pieces.index("▁"), pieces.index("개")
        spelt = [[space, letter], [space, *(pieces.index(f"<0x{byte:02X}>") for byte in "개".encode())]]
        hypotheses = [Hypothesis(ids, -float(n), -1.0, [-0.1] * len(ids), None, False) for n, ids in enumerate(spelt)]
        assembler = Assembler(model.tokenizers, "ko", SearchConfig(n_best=2))
        found = assembler.assemble(Line(1, "I"), [EncodedSegment(tuple(tokenizer.encode("I")))], [hypotheses])
        assert [(candidate.text, candidate.score) for candidate in found.candidates] == [("개", 0.0)]
        assert "fewer" in [issue.kind for issue in found.issues]

    def test_bytes_that_were_no_text(self, model: LoadedModel) -> None:
        line = Line(1, "the \ufffd dog", invalid_utf8=True)
        assert LineTranslator(model).translate([line])[0].issues[0].kind == "invalid_utf8"


def test_alignment_without_attention_is_an_error(model: LoadedModel) -> None:
    (found,) = LineTranslator(model).translate([Line(1, "the dog")])
    with pytest.raises(ConfigError, match="no attention"):
        found.alignment(found.candidates[0])


def test_alignment_links_words(model: LoadedModel) -> None:
    for each in translate(model, LINES):
        best = each.candidates[0]
        for source, target in each.alignment(best):
            assert source in each.source_words
            assert target in best.words


def test_a_corpus_is_translated_as_its_lines_are(model: LoadedModel) -> None:
    options = SearchConfig(beam_size=3)
    assert translate_corpus(model, LINES, options) == [
        each.text for each in translate(model, LINES, beam_size=3, max_length=0)
    ]
    assert translate_corpus(model, []) == []


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Tokenizer) -> list[Path]:
    """Models of other systems, with the same subwords."""
    folder = tmp_path_factory.mktemp("others")
    options: list[dict[str, object]] = [{"cell": "gru", "source_order": "doubled"}, {"attention": "none-repeat"}]
    return [write_tiny_model(folder / str(n), tiny_tokenizer, **given) for n, given in enumerate(options)]


def test_a_model_with_itself_says_what_it_says_alone(model: LoadedModel, tiny_model: Path) -> None:
    twice = load_ensemble(tiny_model, [tiny_model], CPU)
    for alone, together in zip(translate(model, LINES), translate(twice, LINES), strict=True):
        assert together.text == alone.text
        assert together.candidates[0].score == pytest.approx(alone.candidates[0].score, abs=1e-4)


@torch.no_grad()
def test_an_ensemble_averages_probabilities_and_attention(tiny_model: Path, others: list[Path]) -> None:
    ensemble = load_ensemble(tiny_model, others, CPU)
    (translation,) = translate(ensemble, ["the dog runs"], beam_size=4)
    best = translation.candidates[0]
    target = ensemble.tokenizers.target
    tokens = [target._processor.piece_to_id(piece) for piece in best.tokens]
    source = torch.tensor([[*ensemble.tokenizers.source.encode("the dog runs"), EOS]])
    mask = torch.ones_like(source, dtype=torch.bool)
    found, looked = [], []
    for one in ensemble.models:
        readouts, weights = one(source, mask, torch.tensor([[BOS, *tokens]]))
        found.append(one.output(readouts)[0].softmax(-1))
        looked += [] if weights is None else [weights[0]]
    mean = torch.stack(found).mean(0)
    expected = [float(mean[t, token]) for t, token in enumerate(tokens)]
    assert best.probabilities[: len(tokens)] == pytest.approx(expected, abs=1e-4)
    assert len(looked) == 2
    np.testing.assert_allclose(best.attention, torch.stack(looked).mean(0)[: len(tokens), :-1], atol=1e-5)
    assert {one.text for one in translate(ensemble, LINES)} != {
        one.text for one in translate(ensemble.ensemble[0], LINES)
    }


def test_an_ensemble_needs_the_same_subwords(tiny_model: Path, tmp_path: Path) -> None:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TINY_TEXT), model_writer=model, vocab_size=100, hard_vocab_limit=False,
        pad_id=PAD, unk_id=UNK, bos_id=BOS, eos_id=EOS, minloglevel=2,
    )  # fmt: skip
    foreign = write_tiny_model(tmp_path / "foreign", Tokenizer(model.getvalue()))
    with pytest.raises(CheckpointError, match=r"foreign: has other subwords than .*; an ensemble needs models of one"):
        load_ensemble(tiny_model, [foreign], CPU)
