"""Scores of given translations: equal to those of search, whatever the batch, and one for every pair."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import TINY_TEXT, write_tiny_model

from nmt_cli.checkpoint.model_dir import LoadedModel, load_ensemble, load_model
from nmt_cli.config import SearchConfig
from nmt_cli.corpus.tokenizer import Tokenizer
from nmt_cli.decoding.forced_decoding import forced_log_probs
from nmt_cli.decoding.pair_scores import score_pairs
from nmt_cli.decoding.translator import LineTranslator
from nmt_cli.kernels.device import Compute

CPU = Compute(torch.device("cpu"), torch.float32)
SEARCH = SearchConfig(beam_size=3, max_length=12, min_length=2)
SHORT = [TINY_TEXT[0], *TINY_TEXT[3:], "a dog .", "개가", "sings", "x"]
"""Lines within the limit of the model, which are not translated in segments."""


@pytest.fixture(scope="module")
def loaded(tiny_model: Path) -> LoadedModel:
    return load_model(tiny_model, CPU)


def ids_of(tokenizer: Tokenizer, pieces: list[str]) -> list[int]:
    by_piece = {piece: number for number, piece in enumerate(tokenizer.pieces(range(tokenizer.size)))}
    return [by_piece[piece] for piece in pieces]


@pytest.mark.parametrize("attention", ["gnmt", "luong", "bahdanau", "none-repeat"])
def test_log_probabilities_equal_those_of_search(attention: str, tmp_path: Path, tiny_tokenizer: Tokenizer) -> None:
    loaded = load_model(write_tiny_model(tmp_path / "model", tiny_tokenizer, attention=attention), CPU)
    pairs, expected = [], []
    for translation in LineTranslator(loaded, SEARCH).translate_lines(SHORT):
        best = translation.candidates[0]
        pairs.append((tiny_tokenizer.encode(translation.line.text), ids_of(tiny_tokenizer, best.tokens)))
        expected.append((best.log_prob, best.probabilities, best.finished))
    assert any(finished for *_, finished in expected)
    for log_probs, (log_prob, probabilities, finished) in zip(
        forced_log_probs(loaded, pairs, 40), expected, strict=True
    ):
        own = log_probs if finished else log_probs[:-1]  # what was cut does not end
        assert math.fsum(own) == pytest.approx(log_prob, abs=1e-4)
        assert [math.exp(value) for value in log_probs[: len(probabilities)]] == pytest.approx(probabilities, abs=1e-4)


def test_a_text_scores_what_translate_reports_for_it(loaded: LoadedModel, tiny_tokenizer: Tokenizer) -> None:
    """Where the text is segmented as it was generated, which is not always so."""
    translations = list(LineTranslator(loaded, SEARCH).translate_lines(SHORT))
    best = [translation.candidates[0] for translation in translations]
    scores = score_pairs(loaded, [(each.line.text, each.text) for each in translations], 2)
    same = [
        (score.log_prob, candidate.log_prob)
        for score, candidate in zip(scores, best, strict=True)
        if candidate.finished and tiny_tokenizer.pieces(tiny_tokenizer.encode(candidate.text)) == candidate.tokens
    ]
    assert same
    for scored, reported in same:
        assert scored == pytest.approx(reported, abs=1e-4)


def test_an_ensemble_averages_probabilities(tiny_model: Path, tmp_path: Path, tiny_tokenizer: Tokenizer) -> None:
    other = write_tiny_model(tmp_path / "other", tiny_tokenizer, attention="luong")
    pairs = [(tiny_tokenizer.encode(TINY_TEXT[0]), tiny_tokenizer.encode(TINY_TEXT[3]))]
    single = [forced_log_probs(load_model(path, CPU), pairs, 100)[0] for path in (tiny_model, other)]
    (both,) = forced_log_probs(load_ensemble(tiny_model, [other], CPU), pairs, 100)
    for a, b, mean in zip(*single, both, strict=True):
        assert math.exp(mean) == pytest.approx((math.exp(a) + math.exp(b)) / 2, abs=1e-5)


@pytest.mark.parametrize("max_tokens", [1, 30, 10_000])
def test_a_score_does_not_depend_on_its_batch(loaded: LoadedModel, max_tokens: int, tiny_tokenizer: Tokenizer) -> None:
    texts = [*SHORT, TINY_TEXT[2]]
    pairs = [(tiny_tokenizer.encode(a), tiny_tokenizer.encode(b)) for a in texts for b in texts[::-1]]
    together = forced_log_probs(loaded, pairs, max_tokens)
    assert [len(each) for each in together] == [len(target) + 1 for _, target in pairs]
    for pair, log_probs in list(zip(pairs, together, strict=True))[::5]:
        assert log_probs == pytest.approx(forced_log_probs(loaded, [pair], 1)[0], abs=1e-4)


def test_pairs_that_cannot_be_scored_say_why_and_keep_their_place(loaded: LoadedModel) -> None:
    long_source, long_target = "old man " * 31, "old man " * 200
    scores = score_pairs(
        loaded, [("a dog", ""), (" \u200b", "개"), ("a dog", "개"), (long_source, "개"), ("a dog", long_target)], 64
    )
    assert [score.issue for score in scores] == ["blank", "blank", None, "too long", "too long"]
    assert [score.log_prob is None for score in scores] == [True, True, False, True, True]
    (alone,) = score_pairs(loaded, [("a dog", "개")], 64)
    assert scores[2].log_prob == pytest.approx(alone.log_prob, abs=1e-4)
    assert alone.log_prob is not None
    assert alone.per_subword == pytest.approx(alone.log_prob / (alone.target_subwords + 1))
    assert score_pairs(loaded, [], 64) == []


def test_a_target_may_be_as_long_as_search_writes(loaded: LoadedModel, tiny_tokenizer: Tokenizer) -> None:
    short = replace(loaded, manifest=loaded.manifest.model_copy(update={"max_source_length": 2}))
    (one_piece,) = tiny_tokenizer.pieces(tiny_tokenizer.encode("개"))[-1:]
    assert one_piece
    lengths = {len(tiny_tokenizer.encode("개" * n)): "개" * n for n in range(1, 40)}
    allowed = [score_pairs(short, [("x", text)], 64)[0].issue is None for _, text in sorted(lengths.items())]
    assert allowed == [length <= 3 * (2 + 1) + 20 for length in sorted(lengths)]
    assert len(set(allowed)) == 2
