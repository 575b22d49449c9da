"""Greedy and beam search against brute force and hand-computed results."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from scripted import History, Script, ScriptedModel, every_translation, log_probability, random_script

from nmt_cli.config import SearchConfig
from nmt_cli.decoding import search as search_module
from nmt_cli.decoding.hypothesis import Hypothesis
from nmt_cli.decoding.search import SearchInput, search
from nmt_cli.errors import CheckpointError
from nmt_cli.special_tokens import BOS, EOS

VOCABULARY = 8  # four special tokens and four real ones


def run(
    script: Script,
    options: SearchConfig,
    sentences: Sequence[int] = (0,),
    lengths: Sequence[int] | None = None,
    prefixes: Sequence[Sequence[int]] = (),
) -> list[list[Hypothesis]]:
    lengths = lengths or [3] * (max(sentences) + 1)
    model = ScriptedModel(script, lengths)
    inputs = SearchInput(
        torch.tensor([lengths[n] for n in sentences]), prefixes, seeds=[(n,) for n in sentences], attention=True
    )
    return search(model, model.start(sentences), inputs, options)


def table(rows: dict[tuple[int, ...], dict[int, float]]) -> Script:
    """A script with the log-probabilities of some tokens; all other tokens have probability zero."""

    def script(sentence: int, prefix: tuple[int, ...]) -> list[float]:
        log_probs = rows.get(prefix, {EOS: 0.0})
        return [log_probs.get(token, -torch.inf) for token in range(VOCABULARY)]

    return script


def test_beam_search_equals_brute_force() -> None:
    for seed in range(5):
        script = random_script(VOCABULARY, seed)
        options = SearchConfig(beam_size=400, n_best=20, max_length=4, length_penalty=0.8)
        hypotheses = run(script, options)[0]
        expected = sorted(
            (
                (log_probability(script, 0, tokens) / ((5 + len(tokens) + 1) / 6) ** 0.8, tokens)
                for tokens in every_translation(VOCABULARY, 4)
            ),
            reverse=True,
        )[:20]
        assert [tuple(h.tokens) for h in hypotheses] == [tokens for _, tokens in expected]
        assert [h.score for h in hypotheses] == pytest.approx([score for score, _ in expected], abs=1e-5)
        assert all(h.finished for h in hypotheses)


def test_beam_of_one_equals_greedy() -> None:
    for seed in range(30):
        script = random_script(VOCABULARY, seed)
        tokens: tuple[int, ...] = ()
        while len(tokens) < 29 and (best := max(range(VOCABULARY), key=lambda t: script(0, tokens)[t])) != EOS:
            tokens = (*tokens, best)
        (hypothesis,) = run(script, SearchConfig(beam_size=1))[0]
        assert tuple(hypothesis.tokens) == tokens
        assert hypothesis.finished == (len(tokens) < 29)


def test_wider_beam_never_scores_worse() -> None:
    worse = better = 0
    for seed in range(20):
        script = random_script(VOCABULARY, seed, end=-0.5)
        narrow, wide = (run(script, SearchConfig(beam_size=size))[0][0].score for size in (1, 10))
        worse += wide < narrow - 1e-5
        better += wide > narrow + 1e-5
    assert better >= 5
    assert worse == 0


@pytest.mark.parametrize("beam_size", [1, 3, 6])
def test_stopping_early_loses_nothing_without_a_length_penalty(beam_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    options = SearchConfig(beam_size=beam_size, n_best=beam_size, length_penalty=0.0, max_length=12)
    scripts = [random_script(VOCABULARY, seed) for seed in range(30)]

    def results() -> list[list[tuple[list[int], float]]]:
        return [[(found.tokens, found.score) for found in run(script, options)[0]] for script in scripts]

    early = results()
    monkeypatch.setattr(search_module.Search, "_cannot_improve", lambda _, beam, __: torch.zeros(len(beam.rows)) > 0)
    assert early == results()


def test_score_equals_the_rescored_log_probability() -> None:
    for seed in range(10):
        script = random_script(VOCABULARY, seed)
        for hypothesis in run(script, SearchConfig(beam_size=5, n_best=5, length_penalty=0.6))[0]:
            expected = log_probability(script, 0, hypothesis.tokens, hypothesis.finished)
            length = len(hypothesis.tokens) + hypothesis.finished
            assert hypothesis.log_prob == pytest.approx(expected, abs=1e-4)
            assert sum(hypothesis.token_log_probs) == pytest.approx(expected, abs=1e-4)
            assert len(hypothesis.token_log_probs) == length
            assert hypothesis.score == pytest.approx(expected / ((5 + length) / 6) ** 0.6, abs=1e-4)


def test_n_best_does_not_change_the_best_hypothesis() -> None:
    for seed in range(20):
        script = random_script(VOCABULARY, seed)
        first, five = (run(script, SearchConfig(beam_size=5, n_best=n))[0] for n in (1, 5))
        assert first[0].tokens == five[0].tokens
        assert first[0].score == five[0].score
        assert [h.score for h in five] == sorted((h.score for h in five), reverse=True)


@pytest.mark.parametrize("beam_size", [1, 2, 5])
@pytest.mark.parametrize(
    "options",
    [{}, {"coverage_penalty": 0.4}, {"no_repeat_ngram_size": 2}, {"length_penalty": 0.0}],
)
@pytest.mark.parametrize("compact_below", [0.0, 0.5, 1.0])  # compact the batch never, sometimes, whenever possible
def test_batch_composition_does_not_change_the_hypotheses(
    compact_below: float, beam_size: int, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_module, "COMPACT_BELOW", compact_below)
    script = random_script(VOCABULARY, 3)
    config = SearchConfig(beam_size=beam_size, n_best=beam_size, **options)
    lengths = [1, 7, 2, 3, 9, 1, 4]
    alone = [run(script, config, [n], lengths)[0] for n in range(7)]
    for size in (2, 7):
        together = [h for i in range(0, 7, size) for h in run(script, config, list(range(7))[i : i + size], lengths)]
        for one, other in zip(alone, together, strict=True):
            assert [h.tokens for h in one] == [h.tokens for h in other]
            assert [h.score for h in one] == [h.score for h in other]
            for first, second in zip(one, other, strict=True):
                assert first.attention is not None
                assert second.attention is not None
                assert np.array_equal(first.attention, second.attention)


def test_ties_go_to_the_smallest_token_id() -> None:
    uniform = [-3.0] * VOCABULARY
    for size in (1, 3):
        results = run(lambda n, prefix: uniform, SearchConfig(beam_size=size, n_best=size, max_length=2), [0, 1])
        assert results[0][0].tokens == results[1][0].tokens == []  # EOS has a smaller id than all real tokens
    three = run(lambda n, prefix: uniform, SearchConfig(beam_size=3, n_best=3, min_length=1, max_length=1))[0]
    assert [h.tokens for h in three] == [[4], [5], [6]]


def test_empty_translation_is_allowed() -> None:
    (hypothesis,) = run(table({(): {EOS: -0.1, 4: -2.4}}), SearchConfig(beam_size=1))[0]
    assert hypothesis.tokens == []
    assert hypothesis.finished
    assert hypothesis.attention is not None
    assert hypothesis.attention.shape == (0, 3)
    assert hypothesis.token_log_probs == pytest.approx([-0.1])


def test_fewer_than_n_best_when_no_more_exist() -> None:
    hypotheses = run(table({(): {4: -0.5, 5: -0.9}}), SearchConfig(beam_size=5, n_best=5))[0]
    assert [h.tokens for h in hypotheses] == [[4], [5]]


def test_hypothesis_without_continuation_is_returned_unfinished() -> None:
    script = table({(): {4: -0.5}, (4,): {}})
    hypotheses = run(script, SearchConfig(beam_size=3, n_best=3))[0]
    assert [(h.tokens, h.finished) for h in hypotheses] == [([4], False)]
    hypotheses = run(lambda n, prefix: [-torch.inf] * VOCABULARY, SearchConfig(beam_size=3, n_best=3))[0]
    assert [(h.tokens, h.finished, h.log_prob) for h in hypotheses] == [([], False, 0.0)]


def test_nan_log_probabilities_raise_checkpoint_error() -> None:
    with pytest.raises(CheckpointError, match="not numbers"):
        run(lambda n, prefix: [float("nan")] * VOCABULARY, SearchConfig(max_length=3))


def test_hypotheses_cut_at_max_length_rank_after_finished_ones() -> None:
    endless = table({(): {4: -0.1}, (4,): {4: -0.1, EOS: -3.0}, (4, 4): {4: -0.1, EOS: -9.0}})
    hypotheses = run(endless, SearchConfig(beam_size=1, max_length=2))[0]
    assert [(h.tokens, h.finished) for h in hypotheses] == [([4, 4], False)]
    assert hypotheses[0].log_prob == pytest.approx(-0.2)
    # with a beam of 2 its second best continuation is EOS, so it is not cut
    hypotheses = run(endless, SearchConfig(beam_size=2, n_best=2, max_length=2))[0]
    assert [(h.tokens, h.finished) for h in hypotheses] == [([4], True), ([4, 4], True)]
    script = table({(): {4: -0.1, 5: -0.2}, (4,): {4: -0.1, 5: -0.9}, (5,): {EOS: -0.1, 4: -3.0}, (4, 4): {4: -0.1}})
    hypotheses = run(script, SearchConfig(beam_size=2, n_best=2, max_length=2))[0]
    assert [(h.tokens, h.finished) for h in hypotheses] == [([5], True), ([4, 4], False)]
    assert hypotheses[0].score < hypotheses[1].score  # the finished one comes first in spite of its score


def test_default_max_length_depends_on_the_source_length() -> None:
    def endless(sentence: int, prefix: tuple[int, ...]) -> list[float]:
        return [-9.0] * 4 + [-0.01] * 4

    results = run(endless, SearchConfig(beam_size=2), [0, 1], [1, 4])
    assert [len(h[0].tokens) for h in results] == [3 * 1 + 20, 3 * 4 + 20]


def test_special_tokens_are_never_generated() -> None:
    script = table({(): {0: -0.1, 1: -0.1, BOS: -0.1, 4: -5.0}})
    assert [h.tokens for h in run(script, SearchConfig(beam_size=3, n_best=3))[0]] == [[4]]


# "4" ends with log-probability -1.0, "5 5" with -1.7; "5 5 5" has -2.0, and all further tokens have probability 1.
LATE = {(): {4: -0.5, 5: -1.2}, (4,): {EOS: -0.5}, (5,): {5: 0.0}, (5, 5): {EOS: -0.5, 5: -0.8}}
LATE_WINNER = table(LATE | {(5,) * n: {5: 0.0} for n in range(3, 9)})


class TestStopping:
    """Search of a sentence stops as soon as no live hypothesis can enter its pool of finished ones, and not before."""

    def test_stops_when_no_live_hypothesis_can_enter_with_its_next_token(self) -> None:
        hypotheses = run(LATE_WINNER, SearchConfig(beam_size=2, n_best=2))[0]
        # "5 5 5" could end with -2.0 / (9 / 6), below -1.7 / (8 / 6)
        assert [h.tokens for h in hypotheses] == [[4], [5, 5]]
        hypotheses = run(LATE_WINNER, SearchConfig(beam_size=3, n_best=3))[0]
        assert hypotheses[0].tokens == [5] * 9  # the pool still had room

    def test_continues_while_a_live_hypothesis_can_enter_with_its_next_token(self) -> None:
        script = table(LATE | {(5, 5): {EOS: -0.5, 5: -0.6}, (5, 5, 5): {EOS: 0.0}})
        hypotheses = run(script, SearchConfig(beam_size=2, n_best=2))[0]
        assert [h.tokens for h in hypotheses] == [[4], [5, 5, 5]]  # -1.8 / (9 / 6) = -1.2, above -1.7 / (8 / 6)

    def test_shorter_hypothesis_wins_without_length_penalty(self) -> None:
        hypotheses = run(LATE_WINNER, SearchConfig(beam_size=2, length_penalty=0.0))[0]
        assert hypotheses[0].tokens == [4]

    @pytest.mark.parametrize("size", [1, 2, 4])
    def test_takes_no_more_steps_than_needed(self, size: int) -> None:
        """Every step gives EOS -0.5 and one token -1: without length penalty the best K end within K steps."""

        def script(sentence: int, prefix: tuple[int, ...]) -> list[float]:
            return [-9.0, -9.0, -9.0, -0.5, -1.0, -50.0, -50.0, -50.0]

        model = ScriptedModel(script)
        search(
            model,
            model.start([0]),
            SearchInput(torch.tensor([30])),
            SearchConfig(beam_size=size, length_penalty=0.0),
        )
        assert model.steps == size

    def test_finished_sentences_leave_the_batch(self) -> None:
        def script(sentence: int, prefix: tuple[int, ...]) -> list[float]:
            return [-9.0] * 3 + ([-0.01, -8.0] if len(prefix) >= sentence else [-8.0, -0.01]) + [-50.0] * 3

        model = ScriptedModel(script)
        inputs = SearchInput(torch.tensor([9, 9, 9]))
        results = search(model, model.start([2, 0, 4]), inputs, SearchConfig(beam_size=1))
        assert [len(h[0].tokens) for h in results] == [2, 0, 4]
        assert model.widths == [3, 2, 2, 1, 1]


def test_empty_batch_gives_no_results() -> None:
    model = ScriptedModel(random_script(VOCABULARY))
    assert search(model, History([], []), SearchInput(torch.zeros(0, dtype=torch.int64)), SearchConfig()) == []
