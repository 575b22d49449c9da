"""The Korean of the bundled sample: each rule holds in all of its lines."""

import importlib
import re
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "data"
sys.path.insert(0, str(DATA))
try:
    korean, nouns = importlib.import_module("korean"), importlib.import_module("nouns")
finally:
    sys.path.remove(str(DATA))

PARTICLE = r"(?:은|는|이|가|을|를|과|와|에게|보다|의)?"
PEOPLE = "|".join(noun.ko for noun in (*nouns.PEOPLE, *nouns.RELATIVES))
MANNERS = "빨리|천천히|조용히|일찍|늦게|늦게까지|열심히|다시"


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, str]]:
    """All pairs of the sample, train, dev and test."""
    found: list[tuple[str, str]] = []
    for split in ("train", "dev", "test"):
        en, ko = ((DATA / f"{split}.{side}").read_text(encoding="utf-8").splitlines() for side in ("en", "ko"))
        found += zip(en, ko, strict=True)
    return found


def matching(pairs: list[tuple[str, str]], english: str, least: int) -> list[tuple[str, str]]:
    """The pairs whose English matches; at least so many, so that a test has something to hold."""
    found = [(en, ko) for en, ko in pairs if re.search(english, en, re.IGNORECASE)]
    assert len(found) >= least
    return found


@pytest.mark.parametrize(
    ("stem", "present", "past", "future"),
    [
        (("가",), "가십니까", "가셨습니까", "가실"),
        (("읽",), "읽으십니까", "읽으셨습니까", "읽으실"),
        (("만들",), "만드십니까", "만드셨습니까", "만드실"),
        (("돕", "ㅂ"), "도우십니까", "도우셨습니까", "도우실"),
        (("듣", "ㄷ"), "들으십니까", "들으셨습니까", "들으실"),
        (("짓", "ㅅ"), "지으십니까", "지으셨습니까", "지으실"),
        (("부르", "르"), "부르십니까", "부르셨습니까", "부르실"),
        (("먹",), "드십니까", "드셨습니까", "드실"),
        (("자",), "주무십니까", "주무셨습니까", "주무실"),
    ],
)
def test_honorific_forms(stem: tuple[str, ...], present: str, past: str, future: str) -> None:
    polite = korean.honorific(korean.Stem(*stem))
    question = korean.Ending.QUESTION
    forms = [korean.inflect(polite, question), korean.inflect(polite, question, True), korean.linked(polite, "ㄹ")]
    assert forms == [present, past, future]


def test_a_question_to_the_listener_has_si_and_one_about_others_has_not(pairs: list[tuple[str, str]]) -> None:
    polite = re.compile(r"(?<!마)(십니까|셨습니까|실 것입니까|실 수 있었?습니까|셔야 합니까)\?$")
    asked = [(en, ko) for en, ko in pairs if en.endswith("?")]
    assert len(asked) > 500
    wrong = [ko for en, ko in asked if bool(re.search(r"\byou\b", en)) != bool(polite.search(ko))]
    assert wrong == []
    assert not [ko for _, ko in asked if re.search(r"(먹고|마시고|자고) (계|싶으)", ko)]


def test_a_teacher_is_a_seonsaengnim_who_is_spoken_of_plainly(pairs: list[tuple[str, str]]) -> None:
    found = matching(pairs, r"\bteachers?\b", 200)
    assert [ko for _, ko in found if "선생님" not in ko] == []
    assert not [ko for _, ko in pairs if re.search(r"교사|선생님들?(에게|께)|선생님 \S+ 명", ko)]


def test_many_is_an_adverb_for_things_and_a_modifier_for_people(pairs: list[tuple[str, str]]) -> None:
    for en, ko in matching(pairs, r"(?<!how )\bmany\b", 300):
        many = len(re.findall(r"(?<!how )\bmany\b", en, re.IGNORECASE))
        people = len(re.findall(rf"많은 (?:\S+ ){{0,3}}?(?:{PEOPLE})들{PARTICLE}[ .?,]", ko))
        things = len(re.findall(r"\S+[이가을를] 많이 ", ko))
        assert people + things == many, (en, ko)
        assert ko.count("많은") == people, (en, ko)


def test_what_is_planted_is_counted_as_a_plant(pairs: list[tuple[str, str]]) -> None:
    number = r"(?:한|두|세|네|다섯|몇)"
    planting = [ko for _, ko in pairs if re.search(rf"{number} \S+ 심", ko)]
    assert len(planting) >= 15
    assert [ko for ko in planting if not re.search(rf"{number} (포기|그루)를? 심", ko)] == []


def test_often_stands_at_its_verb(pairs: list[tuple[str, str]]) -> None:
    for en, ko in matching(pairs, r"\boften\b", 150):
        after = re.findall(rf"자주 (?:(?:{MANNERS}) )?(\S+)", ko)
        assert len(after) == len(re.findall(r"\boften\b", en)), ko
        assert not [word for word in after if re.search(r"(에서|에게|에|을|를|와|과|함께)$", word)], ko


def test_not_often_and_not_every_day_deny_the_frequency(pairs: list[tuple[str, str]]) -> None:
    every = r"\b(does|do) not (?!have)[^,]*\bevery (day|morning)\b|^Every (day|morning), [^,]*\b(does|do) not\b"
    found = matching(pairs, rf"not often|{every}", 60)
    assert [ko for _, ko in found if not re.search(r"지는 않", ko)] == []
    assert [ko for en, ko in pairs if "지는 않" in ko and not re.search(r"\b(often|every)\b", en, re.IGNORECASE)] == []


def test_not_on_weekends_is_contrasted(pairs: list[tuple[str, str]]) -> None:
    assert not [ko for _, ko in pairs if "주말마다" in ko]
    found = matching(pairs, r"\bnot\b[^,]*\bon weekends", 10)
    assert [ko for _, ko in found if "주말에는 " not in ko] == []


def test_nobody_asks_what_somebody_wears(pairs: list[tuple[str, str]]) -> None:
    assert [en for en, _ in pairs if re.search(r"^What\b.*\b(wear|wearing|wore)\b", en)] == []


def test_nobody_raises_an_animal_while_on_a_visit(pairs: list[tuple[str, str]]) -> None:
    matching(pairs, r"\brais(e|ed|ing)\b", 40)
    assert not [ko for _, ko in pairs if re.search(r"기르러|갔을 때 [^,]*(기르|길렀)", ko)]


def test_late_is_until_late_for_what_goes_on(pairs: list[tuple[str, str]]) -> None:
    found = matching(pairs, r"(watch\w* television|\bwork\w*) late\b", 60)
    assert [ko for _, ko in found if "늦게까지" not in ko] == []
    assert not [ko for en, ko in pairs if "늦게까지" in ko and not re.search(r"(television|\bwork\w*) late\b", en)]


def test_the_purpose_stands_before_the_vehicle(pairs: list[tuple[str, str]]) -> None:
    found = matching(pairs, r"\b(went|go|goes) .*by (bus|taxi|car|train|plane|bicycle) to [a-z]+\b", 20)
    vehicles = "|".join(f"{korean.attach(noun.ko, korean.TOWARD)}" for noun in nouns.tagged("vehicle"))
    assert [ko for _, ko in found if re.search(rf"\b({vehicles}) (?:\S+ ){{0,4}}\S+러 ", ko)] == []
