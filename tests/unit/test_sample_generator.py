"""The generator of the bundled sample: Korean and English inflection, alignments, and byte-identical output."""

import importlib
import re
import sys
import unicodedata
from collections import Counter
from pathlib import Path
from statistics import median
from types import ModuleType

import pytest

DATA = Path(__file__).resolve().parents[2] / "data"
SPLITS = ("train", "dev", "test")


def load(name: str) -> ModuleType:
    """Import a module from the data folder, which is not a package."""
    sys.path.insert(0, str(DATA))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(DATA))


korean = load("korean")
english = load("english")
make_sample = load("make_sample")
nouns = load("nouns")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all files that the generator writes."""
    out = tmp_path_factory.mktemp("sample")
    make_sample.main(["--out", str(out), "--train-align"])
    return out


def lines(folder: Path, name: str) -> list[str]:
    return (folder / name).read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("word", "particle", "expected"),
    [
        ("책", "SUBJECT", "책이"),
        ("사과", "SUBJECT", "사과가"),
        ("저", "SUBJECT", "제가"),
        ("누구", "SUBJECT", "누가"),
        ("책", "TOPIC", "책은"),
        ("사과", "TOPIC", "사과는"),
        ("저", "TOPIC", "저는"),
        ("책", "OBJECT", "책을"),
        ("사과", "OBJECT", "사과를"),
        ("물", "OBJECT", "물을"),
        ("선생님", "WITH", "선생님과"),
        ("친구", "WITH", "친구와"),
        ("서울", "TOWARD", "서울로"),
        ("집", "TOWARD", "집으로"),
        ("연필", "TOWARD", "연필로"),
        ("버스", "TOWARD", "버스로"),
        ("지하철", "TOWARD", "지하철로"),
        ("학교", "AT", "학교에"),
        ("공원", "IN", "공원에서"),
        ("동현", "TO_PERSON", "동현에게"),
        ("상자", "THAN", "상자보다"),
    ],
)
def test_particle_form_follows_the_final_sound(word: str, particle: str, expected: str) -> None:
    assert korean.attach(word, getattr(korean, particle)) == expected


VERBS = [
    # stem, class, present, past, before a noun now, before a noun in the past, future
    ("먹", "", "먹습니다", "먹었습니다", "먹는", "먹은", "먹을"),
    ("가", "", "갑니다", "갔습니다", "가는", "간", "갈"),
    ("오", "", "옵니다", "왔습니다", "오는", "온", "올"),
    ("보", "", "봅니다", "봤습니다", "보는", "본", "볼"),
    ("주", "", "줍니다", "줬습니다", "주는", "준", "줄"),
    ("배우", "", "배웁니다", "배웠습니다", "배우는", "배운", "배울"),
    ("마시", "", "마십니다", "마셨습니다", "마시는", "마신", "마실"),
    ("보내", "", "보냅니다", "보냈습니다", "보내는", "보낸", "보낼"),
    ("쉬", "", "쉽니다", "쉬었습니다", "쉬는", "쉰", "쉴"),
    ("앉", "", "앉습니다", "앉았습니다", "앉는", "앉은", "앉을"),
    ("공부하", "", "공부합니다", "공부했습니다", "공부하는", "공부한", "공부할"),
    ("닫", "", "닫습니다", "닫았습니다", "닫는", "닫은", "닫을"),
    ("씻", "", "씻습니다", "씻었습니다", "씻는", "씻은", "씻을"),
    ("만들", "", "만듭니다", "만들었습니다", "만드는", "만든", "만들"),
    ("살", "", "삽니다", "살았습니다", "사는", "산", "살"),
    ("날", "", "납니다", "날았습니다", "나는", "난", "날"),
    ("쓰", "", "씁니다", "썼습니다", "쓰는", "쓴", "쓸"),
    ("돕", "ㅂ", "돕습니다", "도왔습니다", "돕는", "도운", "도울"),
    ("굽", "ㅂ", "굽습니다", "구웠습니다", "굽는", "구운", "구울"),
    ("줍", "ㅂ", "줍습니다", "주웠습니다", "줍는", "주운", "주울"),
    ("눕", "ㅂ", "눕습니다", "누웠습니다", "눕는", "누운", "누울"),
    ("듣", "ㄷ", "듣습니다", "들었습니다", "듣는", "들은", "들을"),
    ("걷", "ㄷ", "걷습니다", "걸었습니다", "걷는", "걸은", "걸을"),
    ("묻", "ㄷ", "묻습니다", "물었습니다", "묻는", "물은", "물을"),
    ("짓", "ㅅ", "짓습니다", "지었습니다", "짓는", "지은", "지을"),
    ("붓", "ㅅ", "붓습니다", "부었습니다", "붓는", "부은", "부을"),
    ("부르", "르", "부릅니다", "불렀습니다", "부르는", "부른", "부를"),
    ("고르", "르", "고릅니다", "골랐습니다", "고르는", "고른", "고를"),
    ("기르", "르", "기릅니다", "길렀습니다", "기르는", "기른", "기를"),
    ("머무르", "르", "머무릅니다", "머물렀습니다", "머무르는", "머무른", "머무를"),
    ("있", "", "있습니다", "있었습니다", "있는", "있던", "있을"),
]

ADJECTIVES = [
    # stem, class, present, past, before a noun, because, that
    ("크", "", "큽니다", "컸습니다", "큰", "커서", "크다고"),
    ("작", "", "작습니다", "작았습니다", "작은", "작아서", "작다고"),
    ("바쁘", "", "바쁩니다", "바빴습니다", "바쁜", "바빠서", "바쁘다고"),
    ("예쁘", "", "예쁩니다", "예뻤습니다", "예쁜", "예뻐서", "예쁘다고"),
    ("키가 크", "", "키가 큽니다", "키가 컸습니다", "키가 큰", "키가 커서", "키가 크다고"),
    ("길", "", "깁니다", "길었습니다", "긴", "길어서", "길다고"),
    ("달", "", "답니다", "달았습니다", "단", "달아서", "달다고"),
    ("춥", "ㅂ", "춥습니다", "추웠습니다", "추운", "추워서", "춥다고"),
    ("아름답", "ㅂ", "아름답습니다", "아름다웠습니다", "아름다운", "아름다워서", "아름답다고"),
    ("빨갛", "ㅎ", "빨갛습니다", "빨갰습니다", "빨간", "빨개서", "빨갛다고"),
    ("하얗", "ㅎ", "하얗습니다", "하얬습니다", "하얀", "하얘서", "하얗다고"),
    ("게으르", "르", "게으릅니다", "게을렀습니다", "게으른", "게을러서", "게으르다고"),
    ("맛있", "", "맛있습니다", "맛있었습니다", "맛있는", "맛있어서", "맛있다고"),
    ("피곤하", "", "피곤합니다", "피곤했습니다", "피곤한", "피곤해서", "피곤하다고"),
]


@pytest.mark.parametrize("row", VERBS, ids=lambda row: row[0])
def test_verb_inflection(row: tuple[str, ...]) -> None:
    text, irregular, *expected = row
    stem = korean.Stem(text, irregular)
    ending = korean.Ending
    assert [
        korean.inflect(stem, ending.STATEMENT),
        korean.inflect(stem, ending.STATEMENT, True),
        korean.inflect(stem, ending.MODIFIER),
        korean.inflect(stem, ending.MODIFIER, True),
        korean.linked(stem, "ㄹ"),
    ] == expected


@pytest.mark.parametrize("row", ADJECTIVES, ids=lambda row: row[0])
def test_adjective_inflection(row: tuple[str, ...]) -> None:
    text, irregular, *expected = row
    stem = korean.Stem(text, irregular, adjective=True)
    ending = korean.Ending
    assert [
        korean.inflect(stem, ending.STATEMENT),
        korean.inflect(stem, ending.STATEMENT, True),
        korean.inflect(stem, ending.MODIFIER),
        korean.inflect(stem, ending.RESULT),
        korean.inflect(stem, ending.THAT),
    ] == expected


@pytest.mark.parametrize(
    ("stem", "ending", "past", "expected"),
    [
        (("먹",), "QUESTION", False, "먹습니까"),
        (("가",), "AND", True, "갔고"),
        (("만나",), "RESULT", False, "만나서"),
        (("춥", "ㅂ"), "RESULT", False, "추워서"),
        (("읽",), "BUT", True, "읽었지만"),
        (("덥", "ㅂ"), "IF", False, "더우면"),
        (("만들",), "IF", False, "만들면"),
        (("도착하",), "WHEN", True, "도착했을 때"),
        (("슬프",), "WHEN", False, "슬플 때"),
        (("듣", "ㄷ"), "AFTER", False, "들은 후에"),
        (("만들",), "AFTER", False, "만든 후에"),
        (("자",), "BEFORE", False, "자기 전에"),
        (("듣", "ㄷ"), "WHILE", False, "들으면서"),
        (("있",), "DURING", True, "있는 동안"),
        (("빌리",), "PURPOSE", False, "빌리러"),
        (("돕", "ㅂ"), "PURPOSE", False, "도우러"),
        (("팔",), "PURPOSE", False, "팔러"),
        (("사",), "THAT", True, "샀다고"),
        (("가",), "THAT", False, "간다고"),
        (("읽",), "THAT", False, "읽는다고"),
        (("기다리",), "REQUEST", False, "기다려 주십시오"),
        (("보여 주",), "REQUEST", False, "보여 주십시오"),
        (("돕", "ㅂ"), "REQUEST", False, "도와주십시오"),
        (("열",), "PROHIBITION", False, "열지 마십시오"),
        (("열",), "SUGGESTION", False, "엽시다"),
        (("닫",), "SUGGESTION", False, "닫읍시다"),
        (("걷", "ㄷ"), "SUGGESTION", False, "걸읍시다"),
    ],
)
def test_connective_and_request_endings(stem: tuple[str, ...], ending: str, past: bool, expected: str) -> None:
    assert korean.inflect(korean.Stem(*stem), korean.Ending[ending], past) == expected


@pytest.mark.parametrize(
    ("noun", "present", "past", "because"),
    [("의사", "의사입니다", "의사였습니다", "의사여서"), ("학생", "학생입니다", "학생이었습니다", "학생이어서")],
)
def test_copula_inflection(noun: str, present: str, past: str, because: str) -> None:
    stem = korean.Stem(noun + "이", copula=True)
    ending = korean.Ending
    assert korean.inflect(stem, ending.STATEMENT) == present
    assert korean.inflect(stem, ending.STATEMENT, True) == past
    assert korean.inflect(stem, ending.RESULT) == because


def test_english_inflection() -> None:
    assert [english.article(word) for word in ("apple", "book", "useful", "umbrella")] == ["an", "a", "a", "an"]
    assert [english.plural(word) for word in ("box", "story", "toy", "potato", "police officer", "leaf")] == [
        "boxes", "stories", "toys", "potatoes", "police officers", "leaves",
    ]  # fmt: skip
    assert [english.third(word) for word in ("go", "have", "study", "play", "wash")] == [
        "goes", "has", "studies", "plays", "washes",
    ]  # fmt: skip
    assert [english.past(word) for word in ("go", "read", "study", "plant")] == ["went", "read", "studied", "planted"]
    assert [english.gerund(word) for word in ("swim", "make", "lie", "visit")] == [
        "swimming", "making", "lying", "visiting",
    ]  # fmt: skip


def test_generator_reproduces_the_bundled_files(generated: Path) -> None:
    names = [f"{split}.{side}" for split in SPLITS for side in ("en", "ko")] + ["dev.align", "test.align"]
    different = [name for name in names if (generated / name).read_bytes() != (DATA / name).read_bytes()]
    assert different == []


def test_split_sizes_and_file_format(generated: Path) -> None:
    assert [len(lines(generated, f"{split}.en")) for split in SPLITS] == [20_000, 500, 500]
    for path in sorted(generated.iterdir()):
        text = path.read_bytes().decode("utf-8")
        assert len(text.encode("utf-8")) < 1_900_000
        assert "\r" not in text
        assert "\n\n" not in text
        assert text.endswith("\n")
        assert unicodedata.is_normalized("NFC", text)


def test_every_sentence_is_unique_across_splits(generated: Path) -> None:
    for side in ("en", "ko"):
        sentences = [line for split in SPLITS for line in lines(generated, f"{split}.{side}")]
        assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize("split", SPLITS)
def test_alignments_are_in_range_and_cover_every_korean_word(generated: Path, split: str) -> None:
    rows = list(zip(*(lines(generated, f"{split}.{side}") for side in ("en", "ko", "align")), strict=True))
    for en, ko, align in rows[:: 1 + len(rows) // 2000]:
        links = [re.fullmatch(r"(\d+)[-p](\d+)", link) for link in align.split()]
        pairs = [(int(link[1]), int(link[2])) for link in links if link]
        assert len(pairs) == len(links)
        assert len(set(pairs)) == len(pairs)
        assert {j for _, j in pairs} == set(range(len(ko.split())))
        assert max(i for i, _ in pairs) < len(en.split())


def test_sentence_lengths_are_spread(generated: Path) -> None:
    lengths = [len(line.split()) for line in lines(generated, "train.en")]
    assert min(lengths) == 3
    assert 38 <= max(lengths) <= 45
    assert 11 <= median(lengths) <= 13
    assert sum(length > 30 for length in lengths) >= 0.03 * len(lengths)


def test_every_noun_occurs_at_least_40_times_in_train(generated: Path) -> None:
    text = " ".join(lines(generated, "train.en")).lower()
    words = Counter(re.findall(r"[a-z]+", text))
    for noun in nouns.NOUNS:
        last = noun.en.lower().split()[-1]
        assert words[last] + words[english.plural(last)] >= 40, noun.en


def test_sentences_have_regular_case_punctuation_and_endings(generated: Path) -> None:
    for split in SPLITS:
        for en, ko in zip(lines(generated, f"{split}.en"), lines(generated, f"{split}.ko"), strict=True):
            assert en[0].isupper()
            assert en[-1] == ko[-1]
            assert en[-1] in ".?"
            assert "  " not in en + ko
            assert ko[:-1].endswith(("다", "까", "오"))


@pytest.mark.parametrize(
    ("en", "ko"),
    [
        (r"\ba [aeio]", None),
        (r"\ban [^aeiou]", None),
        (r"\bdid not (?!(often |usually )?[a-z]+\b)", None),
        (r"\b(yesterday|last (night|week|month|year))\b", r"(어제|어젯밤에|지난주에|지난달에|작년에)"),
        (r"\btomorrow\b", "내일"),
    ],
)
def test_articles_are_correct_and_time_words_are_translated(generated: Path, en: str, ko: str | None) -> None:
    for source, target in zip(lines(generated, "test.en"), lines(generated, "test.ko"), strict=True):
        if re.search(en, source, re.IGNORECASE):
            assert ko, source
            assert re.search(ko, target), source
