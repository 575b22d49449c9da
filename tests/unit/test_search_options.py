"""Every option of search against a computation by hand."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scripted import ScriptedModel, log_probability, random_script
from test_search_beam import VOCABULARY, run, table

from nmt_cli.config import SearchConfig
from nmt_cli.decoding.candidates import BLOCK, TopK, stable_topk
from nmt_cli.decoding.hypothesis import coverage_penalty, length_penalty
from nmt_cli.decoding.search import SearchInput, search
from nmt_cli.errors import ConfigError
from nmt_cli.special_tokens import EOS


def test_length_penalty_is_that_of_the_paper() -> None:
    lengths = torch.tensor([1, 7, 25])
    assert length_penalty(lengths, 1.0).tolist() == pytest.approx([1.0, 2.0, 5.0])
    assert length_penalty(lengths, 0.5).tolist() == pytest.approx([1.0, math.sqrt(2), math.sqrt(5)])
    assert length_penalty(lengths, 0.0).tolist() == [1.0, 1.0, 1.0]


def test_coverage_penalty_is_that_of_the_paper() -> None:
    coverage = torch.tensor([[[0.5, 2.0, 0.25, 0.9]]])
    mask = torch.tensor([[True, True, True, False]])
    expected = 0.4 * (math.log(0.5) + math.log(1.0) + math.log(0.25))
    assert coverage_penalty(coverage, mask, 0.4).item() == pytest.approx(expected)


def test_a_position_never_looked_at_costs_much_but_not_everything() -> None:
    mask = torch.tensor([[True, True]])
    penalty = coverage_penalty(torch.tensor([[[0.0, 1.0]]]), mask, 1.0).item()
    assert penalty == pytest.approx(math.log(1e-6))


def test_search_ranks_by_coverage() -> None:
    """The scripted attention looks at position (sum of tokens so far) mod S: "5 4" covers more of 3 than "4 5"."""
    script = table({(): {4: -0.6, 5: -0.8}, (4,): {5: 0.0}, (5,): {4: 0.0}})
    plain, covering = (
        run(script, SearchConfig(beam_size=2, n_best=2, length_penalty=0, coverage_penalty=weight), lengths=[3])[0]
        for weight in (0.0, 1.0)
    )
    assert [h.tokens for h in plain] == [[4, 5], [5, 4]]
    # steps look at: () 0, then 4 mod 3 = 1 or 5 mod 3 = 2, then 9 mod 3 = 0; the third position is never covered
    assert {tuple(h.tokens): h.score - h.log_prob for h in covering} == pytest.approx(
        {(4, 5): math.log(1e-6), (5, 4): math.log(1e-6)}, abs=1e-4
    )


def test_more_coverage_wins() -> None:
    script = table({(): {4: -0.6, 7: -0.8}, (4,): {5: 0.0}, (7,): {7: 0.0}})
    # "4 5" looks at 0, 1, 0 of three; "7 7" at 0, 1, 2: all
    best = run(script, SearchConfig(beam_size=2, length_penalty=0, coverage_penalty=0.1), lengths=[3])[0][0]
    assert best.tokens == [7, 7]
    assert best.score == pytest.approx(-0.8)
    assert run(script, SearchConfig(beam_size=2, length_penalty=0), lengths=[3])[0][0].tokens == [4, 5]


@pytest.mark.parametrize("beam_size", [1, 4])
def test_every_hypothesis_has_its_own_attention_and_coverage(beam_size: int) -> None:
    """The scripted attention looks at position (sum of tokens so far) mod S, so both can be told from the tokens."""
    lengths = [4, 2, 7]
    options = SearchConfig(beam_size=beam_size, n_best=beam_size, coverage_penalty=0.3, length_penalty=0.5)
    for seed in range(5):
        for n, found in enumerate(run(random_script(VOCABULARY, seed), options, [0, 1, 2], lengths)):
            for hypothesis in found:
                looked_at = [sum(hypothesis.tokens[:t]) % lengths[n] for t in range(len(hypothesis.tokens))]
                assert hypothesis.attention.argmax(1).tolist() == looked_at
                steps = looked_at + [sum(hypothesis.tokens) % lengths[n]] * hypothesis.finished
                covered = [math.log(max(1e-6, min(1, steps.count(j)))) for j in range(lengths[n])]
                expected = hypothesis.log_prob / ((5 + len(steps)) / 6) ** 0.5 + 0.3 * sum(covered)
                assert hypothesis.score == pytest.approx(expected, abs=1e-4)


def test_coverage_without_attention_is_an_error() -> None:
    model = ScriptedModel(random_script(VOCABULARY))
    with pytest.raises(ConfigError, match="coverage_penalty: this model has no attention"):
        search(model, model.start([0]), SearchInput(torch.tensor([3])), SearchConfig(coverage_penalty=0.2))


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("sample", [False, True])
def test_no_run_of_tokens_occurs_twice(size: int, sample: bool) -> None:
    blocked = SearchConfig(no_repeat_ngram_size=size, min_length=4, max_length=12, n_best=3, sample=sample)
    free = blocked.model_copy(update={"no_repeat_ngram_size": 0})
    repeated = 0
    for seed in range(10):
        script = random_script(VOCABULARY, seed)
        for hypothesis in run(script, blocked)[0]:
            runs = [tuple(hypothesis.tokens[i : i + size]) for i in range(len(hypothesis.tokens) - size + 1)]
            assert len(runs) == len(set(runs))
        for hypothesis in run(script, free)[0]:
            runs = [tuple(hypothesis.tokens[i : i + size]) for i in range(len(hypothesis.tokens) - size + 1)]
            repeated += len(runs) > len(set(runs))
    assert repeated  # the block had something to do


def test_only_what_would_repeat_is_blocked() -> None:
    for seed in range(20):
        script = random_script(VOCABULARY, seed, end=-1.5)
        said: tuple[int, ...] = ()
        while len(said) < 29:
            seen = set(pairwise(said))
            free = [t for t in range(VOCABULARY) if t == EOS or (*said[-1:], t) not in seen]
            best = max(free, key=lambda t: script(0, said)[t])
            if best == EOS:
                break
            said = (*said, best)
        assert tuple(run(script, SearchConfig(beam_size=1, no_repeat_ngram_size=2))[0][0].tokens) == said


@pytest.mark.parametrize("beam_size", [1, 4])
def test_least_and_most_length(beam_size: int) -> None:
    for seed in range(10):
        script = random_script(VOCABULARY, seed)
        (found,) = run(script, SearchConfig(beam_size=beam_size, min_length=5, max_length=7))[0]
        assert 5 <= len(found.tokens) <= 7
    short = run(random_script(VOCABULARY, 1, end=3.0), SearchConfig(beam_size=beam_size))[0][0]
    assert len(short.tokens) < 5  # the lower limit had something to do


@pytest.mark.parametrize("beam_size", [1, 4])
def test_a_prefix_is_forced_and_scored_as_the_model_scores_it(beam_size: int) -> None:
    script = random_script(VOCABULARY, 4)
    prefixes = [[7, 7, 6], [], [5]]
    found = run(script, SearchConfig(beam_size=beam_size), [0, 1, 2], prefixes=prefixes)
    for n, (prefix, (hypothesis,)) in enumerate(zip(prefixes, found, strict=True)):
        assert hypothesis.tokens[: len(prefix)] == prefix
        expected = log_probability(script, n, hypothesis.tokens, hypothesis.finished)
        assert hypothesis.log_prob == pytest.approx(expected, abs=1e-4)


def test_prefixes_of_others_change_nothing() -> None:
    script = random_script(VOCABULARY, 4)
    together = run(script, SearchConfig(), [0, 1], prefixes=[[7, 7, 6], []])
    assert together[1][0].tokens == run(script, SearchConfig(), [1])[0][0].tokens


@pytest.mark.parametrize("beam_size", [1, 4])
def test_a_prefix_holds_while_others_leave(beam_size: int) -> None:
    script = random_script(VOCABULARY, 4, end=9.0)
    prefixes = [[], [4, 5, 6, 7, 6, 5], [], [7, 6, 5, 4, 5, 6, 7]]
    found = run(script, SearchConfig(beam_size=beam_size), range(4), prefixes=prefixes)
    assert [hypotheses[0].tokens for hypotheses in found] == prefixes


def test_a_prefix_may_be_longer_than_the_limit_and_hold_what_is_else_forbidden() -> None:
    prefix = [4, 4, 4, 4, 1]
    options = SearchConfig(beam_size=2, max_length=3, no_repeat_ngram_size=1)
    (found,) = run(random_script(VOCABULARY, 2), options, prefixes=[prefix])[0]
    assert found.tokens == prefix


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, -0.0, -1.0, -1.5, -math.inf, 2.0, 1e-30, -3e38]), min_size=9, max_size=9),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 9),
)
def test_the_largest_are_found_the_first_among_equals(rows: list[list[float]], count: int) -> None:
    found = stable_topk(torch.tensor(rows), count).tolist()
    for row, indices in zip(rows, found, strict=True):
        assert indices == sorted(range(9), key=lambda i: (-row[i], i))[:count]


@pytest.mark.parametrize("vocabulary", [5, BLOCK, BLOCK + 1, 5 * BLOCK - 3])
@pytest.mark.parametrize(("asked", "width"), [(1, 1), (3, 3), (8, 8), (1, 3), (1, 8), (1, 2 * BLOCK)])
def test_the_best_continuations_are_those_of_a_full_sort(vocabulary: int, asked: int, width: int) -> None:
    generator = torch.Generator().manual_seed(vocabulary)
    log_probs = torch.randint(-9, 0, (2, asked, vocabulary), generator=generator).float()  # many are equal
    scores = torch.randint(-9, 0, (2, asked), generator=generator).float()
    choice = TopK(width)(scores, log_probs, torch.arange(2), 0)
    there = min(width, asked * vocabulary)
    totals = (scores[:, :, None] + log_probs).flatten(1)
    order = totals.sort(dim=1, descending=True, stable=True).indices[:, :there]
    assert torch.equal((choice.parents * vocabulary + choice.tokens)[:, :there], order)
    assert torch.equal(choice.log_probs[:, :there], totals.gather(1, order))
    assert torch.equal(choice.token_log_probs[:, :there], log_probs.flatten(1).gather(1, order))
    assert choice.log_probs.shape == (2, width)
    assert (choice.log_probs[:, there:] == -torch.inf).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_best": 6}, "n_best 6 is more than beam_size 5"),
        ({"temperature": 0.5}, "apply only with --sample"),
        ({"min_length": 9, "max_length": 8}, "min_length 9 is more than max_length 8"),
        ({"sample": True, "beam_size": 3}, "beam_size does not apply with --sample"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SearchConfig.model_validate(options)


class TestSampling:
    def test_one_seed_one_sample_another_seed_another(self) -> None:
        script = random_script(VOCABULARY, 1, end=-1)
        one, same, other = (
            [h[0].tokens for h in run(script, SearchConfig(sample=True, seed=seed), range(6))] for seed in (1, 1, 2)
        )
        assert one == same != other

    def test_a_sample_does_not_depend_on_batch_mates(self) -> None:
        script = random_script(VOCABULARY, 1, end=-1)
        options = SearchConfig(sample=True, n_best=3, top_p=0.9)
        lengths = [3, 1, 5, 2, 9, 4, 4]
        alone = [run(script, options, [n], lengths)[0] for n in range(7)]
        together = run(script, options, range(7), lengths)
        assert [[h.tokens for h in one] for one in alone] == [[h.tokens for h in one] for one in together]
        assert len({tuple(h.tokens) for one in alone for h in one}) > 10

    def test_tokens_come_as_often_as_they_are_probable(self) -> None:
        script = table({(): {4: math.log(0.6), 5: math.log(0.3), 6: math.log(0.1)}})
        found = [h[0].tokens[0] for h in run(script, SearchConfig(sample=True), range(3000))]
        shares = [found.count(token) / 3000 for token in (4, 5, 6)]
        assert shares == pytest.approx([0.6, 0.3, 0.1], abs=0.04)

    @pytest.mark.parametrize(
        ("options", "shares"),
        [
            ({"temperature": 0.5}, [0.36 / 0.46, 0.09 / 0.46, 0.01 / 0.46]),
            ({"top_k": 2}, [2 / 3, 1 / 3, 0.0]),
            ({"top_k": 1}, [1.0, 0.0, 0.0]),
            ({"top_p": 0.61}, [2 / 3, 1 / 3, 0.0]),
            ({"top_p": 0.59}, [1.0, 0.0, 0.0]),
            ({"top_p": 0.999}, [0.6, 0.3, 0.1]),
        ],
    )
    def test_options_change_the_shares(self, options: dict[str, float], shares: list[float]) -> None:
        script = table({(): {4: math.log(0.6), 5: math.log(0.3), 6: math.log(0.1)}})
        found = [h[0].tokens[0] for h in run(script, SearchConfig(sample=True, **options), range(3000))]
        assert [found.count(token) / 3000 for token in (4, 5, 6)] == pytest.approx(shares, abs=0.04)

    def test_score_is_the_models_whatever_the_temperature(self) -> None:
        script = random_script(VOCABULARY, 6)
        for (hypothesis,) in run(script, SearchConfig(sample=True, temperature=2.0, length_penalty=0.0), [3]):
            expected = log_probability(script, 3, hypothesis.tokens, hypothesis.finished)
            assert hypothesis.score == pytest.approx(expected, abs=1e-4)

    def test_impossible_tokens_are_never_drawn(self) -> None:
        script = table({(): {EOS: -0.1, 5: -2.4}, (5,): {4: -0.5, EOS: -1.0}})
        found = [h[0].tokens for h in run(script, SearchConfig(sample=True), range(300))]
        assert {tuple(tokens) for tokens in found} == {(), (5,), (5, 4)}

    def test_samples_are_given_best_first(self) -> None:
        for found in run(random_script(VOCABULARY, 8), SearchConfig(sample=True, n_best=5), range(10)):
            finished = [h.score for h in found if h.finished]
            assert len(found) == 5
            assert finished == sorted(finished, reverse=True)
