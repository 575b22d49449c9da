"""Scores by sentence length, worst sentences and paired significance tests, against sacrebleu."""

import dataclasses
import random
from collections.abc import Sequence

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER
from sacrebleu.significance import PairedTest, Result

from nmt_cli.errors import CorpusError
from nmt_cli.evaluation import resampling
from nmt_cli.evaluation.breakdown import (
    SystemOutput,
    by_length,
    least_confident,
    most_differing,
    text_length,
    worst_sentences,
)
from nmt_cli.evaluation.metrics import NAMES, Scorer
from nmt_cli.evaluation.resampling import swapped_scores
from nmt_cli.evaluation.significance import Test, compare


def corpus(sentences: int) -> list[str]:
    rng = random.Random(7)
    words = ["ab", "bc", "cd", "de", "ef", "fg", "gh", "hi"]
    return [" ".join(rng.choices(words, k=rng.randint(4, 30))) for _ in range(sentences)]


def damaged(lines: list[str], share: float, seed: int = 1) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(word for word in line.split() if rng.random() > share) for line in lines]


REFERENCES = corpus(60)
HYPOTHESES = damaged(REFERENCES, 0.2)
SCORER = Scorer([REFERENCES], "de")
STATISTICS = {name: SCORER.statistics(name, HYPOTHESES) for name in NAMES}


def test_each_sentence_is_in_one_bucket_and_buckets_score_like_corpora() -> None:
    buckets = by_length(REFERENCES, "de", STATISTICS["bleu"], STATISTICS["chrf"])
    assert sum(bucket.sentences for bucket in buckets) == len(REFERENCES)
    assert [(b.shortest, b.longest) for b in buckets] == [(0, 5), (6, 10), (11, 15), (16, 20), (21, 30)]
    for bucket in buckets:
        assert bucket.longest is not None
        rows = [i for i, line in enumerate(REFERENCES) if bucket.shortest <= len(line.split()) <= bucket.longest]
        subset = [HYPOTHESES[i] for i in rows], [[REFERENCES[i] for i in rows]]
        assert bucket.bleu == BLEU(force=True).corpus_score(*subset).score
        assert bucket.chrf == CHRF(word_order=2).corpus_score(*subset).score


def test_the_last_bucket_is_open_and_the_first_includes_blank_sources() -> None:
    texts = ["", "a " * 60, "a " * 61, "a " * 500]
    scorer = Scorer([texts], "de")
    buckets = by_length(texts, "de", scorer.statistics("bleu", texts), scorer.statistics("chrf", texts))
    assert [(b.shortest, b.longest, b.sentences) for b in buckets] == [(0, 5, 1), (41, 60, 1), (61, None, 2)]


def test_languages_without_spaces_are_bucketed_by_characters() -> None:
    texts = ["字" * 10, "字" * 11]
    scorer = Scorer([texts], "zh")
    buckets = by_length(texts, "zh", scorer.statistics("bleu", texts), scorer.statistics("chrf", texts))
    assert [(b.shortest, b.longest, b.sentences) for b in buckets] == [(0, 10, 1), (11, 20, 1)]


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        ("나는 집에 간다", "ko", 3),
        ("我 喜欢读书。", "zh-CN", 6),
        ("本を読む", "ja", 4),
        ("", "en", 0),
        ("a b", None, 2),
    ],
)
def test_length_counts_words_or_characters_in_languages_without_spaces(
    text: str, code: str | None, expected: int
) -> None:
    assert text_length(text, code) == expected


def test_worst_sentences_are_sorted_by_sentence_chrf() -> None:
    metric = CHRF(word_order=2)
    scores = [metric.sentence_score(h, [r]).score for h, r in zip(HYPOTHESES, REFERENCES, strict=True)]
    expected = sorted(range(len(scores)), key=lambda i: (scores[i], i))[:4]
    sentences = worst_sentences(4, STATISTICS["chrf"], HYPOTHESES, [REFERENCES], [f"source {i}" for i in range(60)])
    assert [s.line for s in sentences] == [i + 1 for i in expected]
    assert [s.chrf for s in sentences] == [scores[i] for i in expected]
    assert sentences[0].source == f"source {expected[0]}"
    assert (sentences[0].hypothesis, sentences[0].references) == (HYPOTHESES[expected[0]], (REFERENCES[expected[0]],))


def test_sentences_equal_to_a_reference_are_not_among_the_worst() -> None:
    first, second = ["same", "", "wrong"], ["other", "x", "right"]
    scorer = Scorer([first, second], "en")
    hypotheses = ["same", "", "wring"]
    sentences = worst_sentences(9, scorer.statistics("chrf", hypotheses), hypotheses, [first, second])
    assert [(s.line, s.source, s.references) for s in sentences] == [(3, None, ("wrong", "right"))]
    assert worst_sentences(0, STATISTICS["chrf"], HYPOTHESES, [REFERENCES]) == []


def test_most_differing_sentences_are_sorted_by_the_difference_of_sentence_chrf() -> None:
    baseline = [*HYPOTHESES[:20], *damaged(HYPOTHESES[20:40], 0.5), *REFERENCES[40:]]
    metric = CHRF(word_order=2)
    own, other = (
        [metric.sentence_score(h, [r]).score for h, r in zip(lines, REFERENCES, strict=True)]
        for lines in (HYPOTHESES, baseline)
    )
    expected = sorted(range(20, 60), key=lambda i: (-abs(own[i] - other[i]), i))
    systems = [SystemOutput(lines, SCORER.statistics("chrf", lines)) for lines in (HYPOTHESES, baseline)]
    sentences = most_differing(99, systems[0], systems[1], [REFERENCES], [f"source {i}" for i in range(60)])
    assert [s.line for s in sentences] == [i + 1 for i in expected if HYPOTHESES[i] != baseline[i]]
    first, best = sentences[0], expected[0]
    assert (first.chrf, first.baseline_chrf) == (own[best], other[best])
    assert {s.chrf > s.baseline_chrf for s in sentences} == {True, False}, "either system may be the better one"
    assert (first.source, first.references) == (f"source {best}", (REFERENCES[best],))
    assert (first.hypothesis, first.baseline) == (HYPOTHESES[best], baseline[best])
    assert most_differing(3, systems[0], systems[1], [REFERENCES]) == [
        dataclasses.replace(sentence, source=None) for sentence in sentences[:3]
    ]


@pytest.mark.parametrize(("test", "kind"), [("bootstrap", "bs"), ("randomisation", "ar")])
@pytest.mark.parametrize("share", [0.15, 0.19, 0.3])
def test_p_values_equal_those_of_sacrebleu(test: Test, kind: str, share: float) -> None:
    baseline = damaged(REFERENCES, share, seed=2)
    comparisons = compare(test, SCORER, STATISTICS, baseline, 300)
    systems: list[tuple[str, Sequence[str]]] = [("baseline", baseline), ("system", HYPOTHESES)]
    metrics = {"BLEU": BLEU(force=True), "chrF2++": CHRF(word_order=2), "TER": TER()}
    _, expected = PairedTest(systems, metrics, [REFERENCES], kind, n_samples=300)()
    for comparison, metric in zip(comparisons.values(), metrics, strict=True):
        results = [result for result in expected[metric] if isinstance(result, Result)]
        assert [comparison.baseline, comparison.system] == pytest.approx([result.score for result in results])
        p_value = results[1].p_value
        assert p_value is not None
        if metric == "TER":  # whole edits: ties with the observed difference count here, but not in sacrebleu
            assert comparison.p_value >= p_value
        else:
            assert comparison.p_value == p_value
        assert f"{kind}:300" in comparison.signature


@pytest.mark.parametrize("test", ["bootstrap", "randomisation"])
def test_large_differences_are_significant_and_tiny_ones_are_not(test: Test) -> None:
    clear = compare(test, SCORER, STATISTICS, damaged(REFERENCES, 0.6), 200)
    assert all(comparison.p_value < 0.01 for comparison in clear.values())
    assert clear["bleu"].low < clear["bleu"].baseline < clear["bleu"].high
    same = compare(test, SCORER, STATISTICS, HYPOTHESES, 200)
    assert all(comparison.p_value == 1 and comparison.system == comparison.baseline for comparison in same.values())
    one_changed = [*HYPOTHESES[:-1], "x"]
    assert all(comparison.p_value > 0.05 for comparison in compare(test, SCORER, STATISTICS, one_changed, 200).values())


def test_chunk_size_does_not_change_swapped_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    baseline = SCORER.statistics("bleu", damaged(REFERENCES, 0.3))
    expected = swapped_scores(STATISTICS["bleu"], baseline, 100)
    monkeypatch.setattr(resampling, "_CELLS", 33 * 60)
    np.testing.assert_array_equal(swapped_scores(STATISTICS["bleu"], baseline, 100), expected)


def test_a_baseline_of_another_length_is_rejected() -> None:
    with pytest.raises(CorpusError, match="59 hypotheses, but 60 references"):
        compare("bootstrap", SCORER, STATISTICS, HYPOTHESES[1:], 10)


def test_least_confident_sentences_are_ordered_by_confidence() -> None:
    confidences = [((7 * line) % 60) / 60 for line in range(60)]  # each value once
    found = least_confident(4, STATISTICS["chrf"], HYPOTHESES, SCORER.references, None, confidences)
    assert [confidences[sentence.line - 1] for sentence in found] == sorted(confidences)[:4]
    assert [sentence.hypothesis for sentence in found] == [HYPOTHESES[sentence.line - 1] for sentence in found]
