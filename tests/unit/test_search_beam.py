"""Greedy and beam search against what a person would compute."""

from collections.abc import Sequence

import pytest
import torch
from scripted import History, Script, ScriptedModel, every_translation, log_probability, random_script

from nmt_cli.config import SearchConfig
from nmt_cli.decoding import search as search_module
from nmt_cli.decoding.hypothesis import Hypothesis
from nmt_cli.decoding.search import SearchInput, search
from nmt_cli.errors import CheckpointError
from nmt_cli.special_tokens import BOS, EOS

VOCABULARY = 8  # four symbols and four tokens


def run(
    script: Script,
    options: SearchConfig,
    sentences: Sequence[int] = (0,),
    lengths: Sequence[int] | None = None,
    prefixes: Sequence[Sequence[int]] = (),
) -> list[list[Hypothesis]]:
    lengths = lengths or [3] * (max(sentences) + 1)
    model = ScriptedModel(script, lengths)
    task = SearchInput(
        torch.tensor([lengths[n] for n in sentences]), prefixes, seeds=[(n,) for n in sentences], attention=True
    )
    return search(model, model.start(sentences), task, options)


def table(rows: dict[tuple[int, ...], dict[int, float]]) -> Script:
    """Log-probabilities given for some tokens; all others are impossible."""

    def script(sentence: int, said: tuple[int, ...]) -> list[float]:
        given = rows.get(said, {EOS: 0.0})
        return [given.get(token, -torch.inf) for token in range(VOCABULARY)]

    return script


def test_beam_search_equals_brute_force() -> None:
    for seed in range(5):
        script = random_script(VOCABULARY, seed)
        options = SearchConfig(beam_size=400, n_best=20, max_length=4, length_penalty=0.8)
        found = run(script, options)[0]
        expected = sorted(
            (
                (log_probability(script, 0, said) / ((5 + len(said) + 1) / 6) ** 0.8, said)
                for said in every_translation(VOCABULARY, 4)
            ),
            reverse=True,
        )[:20]
        assert [tuple(h.tokens) for h in found] == [said for _, said in expected]
        assert [h.score for h in found] == pytest.approx([score for score, _ in expected], abs=1e-5)
        assert all(h.finished for h in found)


def test_beam_one_is_greedy_search() -> None:
    for seed in range(30):
        script = random_script(VOCABULARY, seed)
        said: tuple[int, ...] = ()
        while len(said) < 29 and (best := max(range(VOCABULARY), key=lambda t: script(0, said)[t])) != EOS:
            said = (*said, best)
        (found,) = run(script, SearchConfig(beam_size=1))[0]
        assert tuple(found.tokens) == said
        assert found.finished == (len(said) < 29)


def test_a_wider_beam_finds_better() -> None:
    worse = better = 0
    for seed in range(20):
        script = random_script(VOCABULARY, seed, end=-0.5)
        narrow, wide = (run(script, SearchConfig(beam_size=size))[0][0].score for size in (1, 10))
        worse += wide < narrow - 1e-5
        better += wide > narrow + 1e-5
    assert better >= 5
    assert worse == 0


def test_score_is_the_rescored_log_probability() -> None:
    for seed in range(10):
        script = random_script(VOCABULARY, seed)
        for hypothesis in run(script, SearchConfig(beam_size=5, n_best=5, length_penalty=0.6))[0]:
            expected = log_probability(script, 0, hypothesis.tokens, hypothesis.finished)
            length = len(hypothesis.tokens) + hypothesis.finished
            assert hypothesis.log_prob == pytest.approx(expected, abs=1e-4)
            assert sum(hypothesis.token_log_probs) == pytest.approx(expected, abs=1e-4)
            assert len(hypothesis.token_log_probs) == length
            assert hypothesis.score == pytest.approx(expected / ((5 + length) / 6) ** 0.6, abs=1e-4)


def test_the_best_translation_does_not_depend_on_n_best() -> None:
    for seed in range(20):
        script = random_script(VOCABULARY, seed)
        one, five = (run(script, SearchConfig(beam_size=5, n_best=n))[0] for n in (1, 5))
        assert one[0].tokens == five[0].tokens
        assert one[0].score == five[0].score
        assert [h.score for h in five] == sorted((h.score for h in five), reverse=True)


@pytest.mark.parametrize("beam_size", [1, 2, 5])
@pytest.mark.parametrize(
    "options",
    [{}, {"coverage_penalty": 0.4}, {"no_repeat_ngram_size": 2}, {"length_penalty": 0.0}],
)
@pytest.mark.parametrize("crowded", [0.0, 0.5, 1.0])  # those that are done never leave, or some, or each at once
def test_a_sentence_does_not_depend_on_its_batch(
    crowded: float, beam_size: int, options: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_module, "COMPACT_BELOW", crowded)
    script = random_script(VOCABULARY, 3)
    config = SearchConfig(beam_size=beam_size, n_best=beam_size, **options)
    lengths = [1, 7, 2, 3, 9, 1, 4]
    alone = [run(script, config, [n], lengths)[0] for n in range(7)]
    for size in (2, 7):
        together = [h for i in range(0, 7, size) for h in run(script, config, list(range(7))[i : i + size], lengths)]
        for one, other in zip(alone, together, strict=True):
            assert [h.tokens for h in one] == [h.tokens for h in other]
            assert [h.score for h in one] == [h.score for h in other]
            for mine, theirs in zip(one, other, strict=True):
                assert (mine.attention == theirs.attention).all()


def test_equal_scores_take_the_first_token() -> None:
    uniform = [-3.0] * VOCABULARY
    for size in (1, 3):
        found = run(lambda n, said: uniform, SearchConfig(beam_size=size, n_best=size, max_length=2), [0, 1])
        assert found[0][0].tokens == found[1][0].tokens == []  # the end comes before all real tokens
    three = run(lambda n, said: uniform, SearchConfig(beam_size=3, n_best=3, min_length=1, max_length=1))[0]
    assert [h.tokens for h in three] == [[4], [5], [6]]


def test_an_empty_translation_is_legal() -> None:
    (found,) = run(table({(): {EOS: -0.1, 4: -2.4}}), SearchConfig(beam_size=1))[0]
    assert found.tokens == []
    assert found.finished
    assert found.attention.shape == (0, 3)
    assert found.token_log_probs == pytest.approx([-0.1])


def test_fewer_hypotheses_when_there_are_no_more() -> None:
    found = run(table({(): {4: -0.5, 5: -0.9}}), SearchConfig(beam_size=5, n_best=5))[0]
    assert [h.tokens for h in found] == [[4], [5]]


def test_a_hypothesis_that_can_go_nowhere_is_cut_there() -> None:
    script = table({(): {4: -0.5}, (4,): {}})
    found = run(script, SearchConfig(beam_size=3, n_best=3))[0]
    assert [(h.tokens, h.finished) for h in found] == [([4], False)]
    found = run(lambda n, said: [-torch.inf] * VOCABULARY, SearchConfig(beam_size=3, n_best=3))[0]
    assert [(h.tokens, h.finished, h.log_prob) for h in found] == [([], False, 0.0)]


def test_what_is_not_a_number_is_an_error() -> None:
    with pytest.raises(CheckpointError, match="not numbers"):
        run(lambda n, said: [float("nan")] * VOCABULARY, SearchConfig(max_length=3))


def test_at_the_limit_hypotheses_are_cut_and_rank_behind_finished_ones() -> None:
    endless = table({(): {4: -0.1}, (4,): {4: -0.1, EOS: -3.0}, (4, 4): {4: -0.1, EOS: -9.0}})
    found = run(endless, SearchConfig(beam_size=1, max_length=2))[0]
    assert [(h.tokens, h.finished) for h in found] == [([4, 4], False)]
    assert found[0].log_prob == pytest.approx(-0.2)
    found = run(endless, SearchConfig(beam_size=2, n_best=2, max_length=2))[0]  # its end is second best: not cut
    assert [(h.tokens, h.finished) for h in found] == [([4], True), ([4, 4], True)]
    script = table({(): {4: -0.1, 5: -0.2}, (4,): {4: -0.1, 5: -0.9}, (5,): {EOS: -0.1, 4: -3.0}, (4, 4): {4: -0.1}})
    found = run(script, SearchConfig(beam_size=2, n_best=2, max_length=2))[0]
    assert [(h.tokens, h.finished) for h in found] == [([5], True), ([4, 4], False)]
    assert found[0].score < found[1].score  # finished comes first all the same


def test_the_default_limit_follows_the_source() -> None:
    def endless(sentence: int, said: tuple[int, ...]) -> list[float]:
        return [-9.0] * 4 + [-0.01] * 4

    found = run(endless, SearchConfig(beam_size=2), [0, 1], [1, 4])
    assert [len(h[0].tokens) for h in found] == [3 * 1 + 20, 3 * 4 + 20]


def test_special_symbols_are_never_chosen() -> None:
    script = table({(): {0: -0.1, 1: -0.1, BOS: -0.1, 4: -5.0}})
    assert [h.tokens for h in run(script, SearchConfig(beam_size=3, n_best=3))[0]] == [[4]]


# "4" is finished with -1.0, "5 5" with -1.7; of "5 5 5", -2.0 so far, all that follows is certain.
LATE = {(): {4: -0.5, 5: -1.2}, (4,): {EOS: -0.5}, (5,): {5: 0.0}, (5, 5): {EOS: -0.5, 5: -0.8}}
LATE_WINNER = table(LATE | {(5,) * n: {5: 0.0} for n in range(3, 9)})


class TestStopping:
    """A sentence stops when no live hypothesis can enter its pool; not before, and not long after."""

    def test_it_stops_when_nothing_enters_with_the_next_token(self) -> None:
        found = run(LATE_WINNER, SearchConfig(beam_size=2, n_best=2))[0]
        assert [h.tokens for h in found] == [[4], [5, 5]]  # "5 5 5" could end with -2.0 / (9 / 6), below -1.7 / (8 / 6)
        found = run(LATE_WINNER, SearchConfig(beam_size=3, n_best=3))[0]
        assert found[0].tokens == [5] * 9  # there was still room in the pool

    def test_what_may_enter_with_the_next_token_is_waited_for(self) -> None:
        script = table(LATE | {(5, 5): {EOS: -0.5, 5: -0.6}, (5, 5, 5): {EOS: 0.0}})
        found = run(script, SearchConfig(beam_size=2, n_best=2))[0]
        assert [h.tokens for h in found] == [[4], [5, 5, 5]]  # -1.8 / (9 / 6) = -1.2, above -1.7 / (8 / 6)

    def test_without_normalisation_the_shorter_wins(self) -> None:
        found = run(LATE_WINNER, SearchConfig(beam_size=2, length_penalty=0.0))[0]
        assert found[0].tokens == [4]

    @pytest.mark.parametrize("size", [1, 2, 4])
    def test_it_ends_as_soon_as_nothing_can_enter(self, size: int) -> None:
        """Every step: EOS -0.5, or go on with -1. Unnormalised, K are finished after K steps and all else is worse."""

        def script(sentence: int, said: tuple[int, ...]) -> list[float]:
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
        def script(sentence: int, said: tuple[int, ...]) -> list[float]:
            return [-9.0] * 3 + ([-0.01, -8.0] if len(said) >= sentence else [-8.0, -0.01]) + [-50.0] * 3

        model = ScriptedModel(script)
        task = SearchInput(torch.tensor([9, 9, 9]))
        found = search(model, model.start([2, 0, 4]), task, SearchConfig(beam_size=1))
        assert [len(h[0].tokens) for h in found] == [2, 0, 4]
        assert model.widths == [3, 2, 2, 1, 1]


def test_no_sentences_no_result() -> None:
    model = ScriptedModel(random_script(VOCABULARY))
    assert search(model, History([], []), SearchInput(torch.zeros(0, dtype=torch.int64)), SearchConfig()) == []
