"""Every search option against a hand-computed result."""

import math
from itertools import pairwise
from typing import Any

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


def test_length_penalty_equals_the_paper() -> None:
    lengths = torch.tensor([1, 7, 25])
    assert length_penalty(lengths, 1.0).tolist() == pytest.approx([1.0, 2.0, 5.0])
    assert length_penalty(lengths, 0.5).tolist() == pytest.approx([1.0, math.sqrt(2), math.sqrt(5)])
    assert length_penalty(lengths, 0.0).tolist() == [1.0, 1.0, 1.0]


def test_coverage_penalty_equals_the_paper() -> None:
    coverage = torch.tensor([[[0.5, 2.0, 0.25, 0.9]]])
    mask = torch.tensor([[True, True, True, False]])
    expected = 0.4 * (math.log(0.5) + math.log(1.0) + math.log(0.25))
    assert coverage_penalty(coverage, mask, 0.4).item() == pytest.approx(expected)


def test_unattended_position_has_a_finite_coverage_penalty() -> None:
    mask = torch.tensor([[True, True]])
    penalty = coverage_penalty(torch.tensor([[[0.0, 1.0]]]), mask, 1.0).item()
    assert penalty == pytest.approx(math.log(1e-6))


def test_coverage_penalty_is_added_to_the_score() -> None:
    """The scripted attention is on position (sum of tokens so far) mod S: each of the two leaves one of 3 uncovered."""
    script = table({(): {4: -0.6, 5: -0.8}, (4,): {5: 0.0}, (5,): {4: 0.0}})
    plain, penalised = (
        run(script, SearchConfig(beam_size=2, n_best=2, length_penalty=0, coverage_penalty=weight), lengths=[3])[0]
        for weight in (0.0, 1.0)
    )
    assert [h.tokens for h in plain] == [[4, 5], [5, 4]]
    # attended positions: 0, then 4 mod 3 = 1 or 5 mod 3 = 2, then 9 mod 3 = 0
    assert {tuple(h.tokens): h.score - h.log_prob for h in penalised} == pytest.approx(
        {(4, 5): math.log(1e-6), (5, 4): math.log(1e-6)}, abs=1e-4
    )


def test_coverage_penalty_prefers_the_hypothesis_that_covers_more() -> None:
    script = table({(): {4: -0.6, 7: -0.8}, (4,): {5: 0.0}, (7,): {7: 0.0}})
    # "4 5" attends to 0, 1, 0 of three positions, "7 7" to all: 0, 1, 2
    best = run(script, SearchConfig(beam_size=2, length_penalty=0, coverage_penalty=0.1), lengths=[3])[0][0]
    assert best.tokens == [7, 7]
    assert best.score == pytest.approx(-0.8)
    assert run(script, SearchConfig(beam_size=2, length_penalty=0), lengths=[3])[0][0].tokens == [4, 5]


@pytest.mark.parametrize("beam_size", [1, 4])
def test_each_hypothesis_has_its_own_attention_and_coverage(beam_size: int) -> None:
    """The scripted attention is on position (sum of tokens so far) mod S, so the tokens determine both."""
    lengths = [4, 2, 7]
    options = SearchConfig(beam_size=beam_size, n_best=beam_size, coverage_penalty=0.3, length_penalty=0.5)
    for seed in range(5):
        for n, hypotheses in enumerate(run(random_script(VOCABULARY, seed), options, [0, 1, 2], lengths)):
            for hypothesis in hypotheses:
                attended = [sum(hypothesis.tokens[:t]) % lengths[n] for t in range(len(hypothesis.tokens))]
                assert hypothesis.attention is not None
                assert hypothesis.attention.argmax(1).tolist() == attended
                steps = attended + [sum(hypothesis.tokens) % lengths[n]] * hypothesis.finished
                log_coverage = [math.log(max(1e-6, min(1, steps.count(j)))) for j in range(lengths[n])]
                expected = hypothesis.log_prob / ((5 + len(steps)) / 6) ** 0.5 + 0.3 * sum(log_coverage)
                assert hypothesis.score == pytest.approx(expected, abs=1e-4)


def test_coverage_penalty_without_attention_is_refused() -> None:
    model = ScriptedModel(random_script(VOCABULARY))
    with pytest.raises(ConfigError, match="coverage_penalty: this model has no attention"):
        search(model, model.start([0]), SearchInput(torch.tensor([3])), SearchConfig(coverage_penalty=0.2))


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("sample", [False, True])
def test_no_repeat_ngram_size_prevents_repeated_ngrams(size: int, sample: bool) -> None:
    blocked = SearchConfig(no_repeat_ngram_size=size, min_length=4, max_length=12, n_best=3, sample=sample)
    unblocked = blocked.model_copy(update={"no_repeat_ngram_size": 0})
    with_repetition = 0
    for seed in range(10):
        script = random_script(VOCABULARY, seed)
        for hypothesis in run(script, blocked)[0]:
            ngrams = [tuple(hypothesis.tokens[i : i + size]) for i in range(len(hypothesis.tokens) - size + 1)]
            assert len(ngrams) == len(set(ngrams))
        for hypothesis in run(script, unblocked)[0]:
            ngrams = [tuple(hypothesis.tokens[i : i + size]) for i in range(len(hypothesis.tokens) - size + 1)]
            with_repetition += len(ngrams) > len(set(ngrams))
    assert with_repetition  # without the option some would repeat


def test_no_repeat_ngram_size_blocks_nothing_else() -> None:
    for seed in range(20):
        script = random_script(VOCABULARY, seed, end=-1.5)
        tokens: tuple[int, ...] = ()
        while len(tokens) < 29:
            seen = set(pairwise(tokens))
            allowed = [t for t in range(VOCABULARY) if t == EOS or (*tokens[-1:], t) not in seen]
            best = max(allowed, key=lambda t: script(0, tokens)[t])
            if best == EOS:
                break
            tokens = (*tokens, best)
        assert tuple(run(script, SearchConfig(beam_size=1, no_repeat_ngram_size=2))[0][0].tokens) == tokens


@pytest.mark.parametrize("beam_size", [1, 4])
def test_min_length_and_max_length_bound_the_output(beam_size: int) -> None:
    for seed in range(10):
        script = random_script(VOCABULARY, seed)
        (hypothesis,) = run(script, SearchConfig(beam_size=beam_size, min_length=5, max_length=7))[0]
        assert 5 <= len(hypothesis.tokens) <= 7
    short = run(random_script(VOCABULARY, 1, end=3.0), SearchConfig(beam_size=beam_size))[0][0]
    assert len(short.tokens) < 5  # without min_length some are shorter


@pytest.mark.parametrize("beam_size", [1, 4])
def test_prefix_is_forced_and_scored_by_the_model(beam_size: int) -> None:
    script = random_script(VOCABULARY, 4)
    prefixes = [[7, 7, 6], [], [5]]
    results = run(script, SearchConfig(beam_size=beam_size), [0, 1, 2], prefixes=prefixes)
    for n, (prefix, (hypothesis,)) in enumerate(zip(prefixes, results, strict=True)):
        assert hypothesis.tokens[: len(prefix)] == prefix
        expected = log_probability(script, n, hypothesis.tokens, hypothesis.finished)
        assert hypothesis.log_prob == pytest.approx(expected, abs=1e-4)


def test_prefix_of_one_sentence_does_not_change_another() -> None:
    script = random_script(VOCABULARY, 4)
    together = run(script, SearchConfig(), [0, 1], prefixes=[[7, 7, 6], []])
    assert together[1][0].tokens == run(script, SearchConfig(), [1])[0][0].tokens


@pytest.mark.parametrize("beam_size", [1, 4])
def test_prefix_is_kept_when_other_sentences_leave_the_batch(beam_size: int) -> None:
    script = random_script(VOCABULARY, 4, end=9.0)
    prefixes = [[], [4, 5, 6, 7, 6, 5], [], [7, 6, 5, 4, 5, 6, 7]]
    results = run(script, SearchConfig(beam_size=beam_size), range(4), prefixes=prefixes)
    assert [hypotheses[0].tokens for hypotheses in results] == prefixes


def test_prefix_is_exempt_from_length_and_token_constraints() -> None:
    prefix = [4, 4, 4, 4, 1]
    options = SearchConfig(beam_size=2, max_length=3, no_repeat_ngram_size=1)
    (hypothesis,) = run(random_script(VOCABULARY, 2), options, prefixes=[prefix])[0]
    assert hypothesis.tokens == prefix


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, -0.0, -1.0, -1.5, -math.inf, 2.0, 1e-30, -3e38]), min_size=9, max_size=9),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 9),
)
def test_stable_topk_equals_a_stable_sort(rows: list[list[float]], count: int) -> None:
    topk = stable_topk(torch.tensor(rows), count).tolist()
    for row, indices in zip(rows, topk, strict=True):
        assert indices == sorted(range(9), key=lambda i: (-row[i], i))[:count]


@pytest.mark.parametrize("vocabulary", [5, BLOCK, BLOCK + 1, 5 * BLOCK - 3])
@pytest.mark.parametrize(("beams", "width"), [(1, 1), (3, 3), (8, 8), (1, 3), (1, 8), (1, 2 * BLOCK)])
def test_topk_continuations_equal_a_full_sort(vocabulary: int, beams: int, width: int) -> None:
    generator = torch.Generator().manual_seed(vocabulary)
    log_probs = torch.randint(-9, 0, (2, beams, vocabulary), generator=generator).float()  # many are equal
    scores = torch.randint(-9, 0, (2, beams), generator=generator).float()
    continuations = TopK(width)(scores, log_probs, torch.arange(2), 0)
    count = min(width, beams * vocabulary)
    totals = (scores[:, :, None] + log_probs).flatten(1)
    order = totals.sort(dim=1, descending=True, stable=True).indices[:, :count]
    assert torch.equal((continuations.parents * vocabulary + continuations.tokens)[:, :count], order)
    assert torch.equal(continuations.log_probs[:, :count], totals.gather(1, order))
    assert torch.equal(continuations.token_log_probs[:, :count], log_probs.flatten(1).gather(1, order))
    assert continuations.log_probs.shape == (2, width)
    assert (continuations.log_probs[:, count:] == -torch.inf).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_best": 6}, "n_best 6 is more than beam_size 5"),
        ({"temperature": 0.5}, "apply only with --sample"),
        ({"min_length": 9, "max_length": 8}, "min_length 9 is more than max_length 8"),
        ({"sample": True, "beam_size": 3}, "beam_size does not apply with --sample"),
    ],
)
def test_contradictory_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SearchConfig.model_validate(options)


class TestSampling:
    def test_seed_determines_the_samples(self) -> None:
        script = random_script(VOCABULARY, 1, end=-1)
        first, same, other = (
            [h[0].tokens for h in run(script, SearchConfig(sample=True, seed=seed), range(6))] for seed in (1, 1, 2)
        )
        assert first == same != other

    def test_batch_composition_does_not_change_the_samples(self) -> None:
        script = random_script(VOCABULARY, 1, end=-1)
        options = SearchConfig(sample=True, n_best=3, top_p=0.9)
        lengths = [3, 1, 5, 2, 9, 4, 4]
        alone = [run(script, options, [n], lengths)[0] for n in range(7)]
        together = run(script, options, range(7), lengths)
        assert [[h.tokens for h in hypotheses] for hypotheses in alone] == [
            [h.tokens for h in hypotheses] for hypotheses in together
        ]
        assert len({tuple(h.tokens) for hypotheses in alone for h in hypotheses}) > 10

    def test_tokens_are_drawn_with_their_probabilities(self) -> None:
        script = table({(): {4: math.log(0.6), 5: math.log(0.3), 6: math.log(0.1)}})
        tokens = [h[0].tokens[0] for h in run(script, SearchConfig(sample=True), range(3000))]
        frequencies = [tokens.count(token) / 3000 for token in (4, 5, 6)]
        assert frequencies == pytest.approx([0.6, 0.3, 0.1], abs=0.04)

    @pytest.mark.parametrize(
        ("options", "frequencies"),
        [
            ({"temperature": 0.5}, [0.36 / 0.46, 0.09 / 0.46, 0.01 / 0.46]),
            ({"top_k": 2}, [2 / 3, 1 / 3, 0.0]),
            ({"top_k": 1}, [1.0, 0.0, 0.0]),
            ({"top_p": 0.61}, [2 / 3, 1 / 3, 0.0]),
            ({"top_p": 0.59}, [1.0, 0.0, 0.0]),
            ({"top_p": 0.999}, [0.6, 0.3, 0.1]),
        ],
    )
    def test_temperature_top_k_and_top_p_change_the_distribution(
        self, options: dict[str, Any], frequencies: list[float]
    ) -> None:
        script = table({(): {4: math.log(0.6), 5: math.log(0.3), 6: math.log(0.1)}})
        tokens = [h[0].tokens[0] for h in run(script, SearchConfig(sample=True, **options), range(3000))]
        assert [tokens.count(token) / 3000 for token in (4, 5, 6)] == pytest.approx(frequencies, abs=0.04)

    def test_temperature_does_not_change_the_score(self) -> None:
        script = random_script(VOCABULARY, 6)
        for (hypothesis,) in run(script, SearchConfig(sample=True, temperature=2.0, length_penalty=0.0), [3]):
            expected = log_probability(script, 3, hypothesis.tokens, hypothesis.finished)
            assert hypothesis.score == pytest.approx(expected, abs=1e-4)

    def test_tokens_of_probability_zero_are_never_drawn(self) -> None:
        script = table({(): {EOS: -0.1, 5: -2.4}, (5,): {4: -0.5, EOS: -1.0}})
        samples = [h[0].tokens for h in run(script, SearchConfig(sample=True), range(300))]
        assert {tuple(tokens) for tokens in samples} == {(), (5,), (5, 4)}

    def test_samples_are_sorted_by_score(self) -> None:
        for hypotheses in run(random_script(VOCABULARY, 8), SearchConfig(sample=True, n_best=5), range(10)):
            finished = [h.score for h in hypotheses if h.finished]
            assert len(hypotheses) == 5
            assert finished == sorted(finished, reverse=True)
