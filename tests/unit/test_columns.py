"""Tables as people have them: ids, numbers, labels, headers, separators and stray cells around the two sides."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt_cli.corpus.cleaning import ReadOptions, check_split
from nmt_cli.corpus.readers import locate, read_pairs
from nmt_cli.corpus.tabular import Fields
from nmt_cli.errors import CorpusError
from nmt_cli.progress import Progress

NOUNS = [("apple", "사과", "Apfel"), ("dog", "개", "Hund"), ("house", "집", "Haus"), ("sea", "바다", "Meer")]
COLOURS = [("red", "빨간", "rote"), ("blue", "파란", "blaue"), ("old", "낡은", "alte")]
WORDS = [tuple(zip(colour, noun, strict=True)) for colour in COLOURS for noun in NOUNS]
TEXTS = {
    "en": [f"The {c[0]} {c[1]}; it is here, number {i}." for i, (c, _, _) in enumerate(WORDS)],
    "ko": [f"{c[0]} {c[1]}; 여기 있다, {i}번." for i, (_, c, _) in enumerate(WORDS)],
    "de": [f"Das {c[0]} {c[1]}; es ist hier, Nummer {i}." for i, (_, _, c) in enumerate(WORDS)],
}
OTHERS = {
    "id": [str(1276 + i) for i in range(len(WORDS))],
    "sid": [f"SID_{i:05}" for i in range(len(WORDS))],
    "score": [f"0.{i}7" for i in range(len(WORDS))],
    "url": [f"https://example.org/{i}?q=a" for i in range(len(WORDS))],
    "split": ["train"] * len(WORDS),
    "note": ["", "x", *[""] * (len(WORDS) - 2)],
}
HEADERS = {"en": "english", "ko": "korean", "de": "german"}


def read(path: Path, languages: tuple[str, str], fields: Fields | None = None) -> list[tuple[str, str]]:
    return list(read_pairs(locate(str(path), "auto", languages), fields or Fields(languages)))


def write(path: Path, columns: Sequence[Sequence[str]], delimiter: str, first: Sequence[Sequence[str]] = ()) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([*first, *zip(*columns, strict=True)])
    path.write_text(text.getvalue(), encoding="utf-8", newline="")


@settings(max_examples=80, deadline=None)
@given(
    st.data(),
    st.sampled_from([("en", "ko"), ("ko", "en"), ("en", "de"), ("eng", "kor")]),
    st.lists(st.sampled_from(sorted(OTHERS)), max_size=3, unique=True),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["none", "codes", "names", "excel"]),
)
def test_the_columns_of_text_are_found_among_others(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    languages: tuple[str, str],
    others: list[str],
    delimiter: str,
    header: str,
) -> None:
    sides = [language[:2] for language in languages]
    names = data.draw(st.permutations([*sides, *others]))
    if "de" in sides and header in ("none", "names"):  # one script: only the order tells
        names = [*(name for name in names if name not in sides), *sides]
    if header == "names" and not {"id", "sid", "score", "url"} & set(others) and "de" in sides:
        header = "codes"
    path = tmp_path_factory.mktemp("table") / "f.csv"
    head = [] if header == "none" else [[HEADERS.get(n, n) if header == "names" else n for n in names]]
    write(path, [(TEXTS | OTHERS)[name] for name in names], delimiter, head)
    if header == "excel":
        path.write_text(f"sep={delimiter}\r\n{path.read_text(encoding='utf-8')}", encoding="utf-8-sig")
    assert read(path, languages) == list(zip(*(TEXTS[side] for side in sides), strict=True))


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (["en", "de", "en"], r"1 \(The red.*\), 2 \(Das.*\), 3 \(The"),
        (["id", "en"], r"1 \(1277: ids or numbers\), 2 \(The red"),
        (["de"], r"among 1 \(Das rote.*"),
        (["id", "score"], r"1 \(1277: ids or numbers\), 2 \(0.17: ids or numbers\)"),
    ],
)
@pytest.mark.parametrize("ending", ["tsv", "csv"])
def test_columns_that_cannot_be_told_are_named(tmp_path: Path, columns: list[str], shown: str, ending: str) -> None:
    cells = [[cell.replace(";", "").replace(",", "") for cell in (TEXTS | OTHERS)[name]] for name in columns]
    write(tmp_path / f"f.{ending}", cells, "\t")
    with pytest.raises(CorpusError, match=rf"cannot identify source and target column of en and de .*{shown}") as error:
        read(tmp_path / f"f.{ending}", ("en", "de"))
    assert "--source-field" in str(error.value)


def test_one_given_column_is_not_taken_again(tmp_path: Path) -> None:
    write(tmp_path / "f.csv", [OTHERS["id"], TEXTS["en"], TEXTS["de"]], ",")
    expected = list(zip(TEXTS["de"], TEXTS["en"], strict=True))
    assert read(tmp_path / "f.csv", ("de", "en"), Fields(("de", "en"), ("3", None))) == expected


def test_toy_languages_may_be_numbers(tmp_path: Path) -> None:
    write(tmp_path / "f.tsv", [OTHERS["id"], OTHERS["score"]], "\t")
    assert read(tmp_path / "f.tsv", ("num", "frac"))[0] == ("1276", "0.07")


def test_the_option_decides_the_separator(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("a,b;x,y\n" * 3)
    assert read(tmp_path / "f.csv", ("en", "de"), Fields(("en", "de"), delimiter="semicolon"))[0] == ("a,b", "x,y")
    (tmp_path / "f.tsv").write_text("a\tb|x\n" * 3)
    assert read(tmp_path / "f.tsv", ("en", "de"), Fields(("en", "de"), delimiter="pipe"))[0] == ("a\tb", "x")


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, len(WORDS) - 1), min_size=1, max_size=5))
def test_rows_with_stray_cells_are_counted_and_named(tmp_path_factory: pytest.TempPathFactory, bad: set[int]) -> None:
    path = tmp_path_factory.mktemp("table") / "f.tsv"
    rows = [f"{en}\t{ko}" for en, ko in zip(TEXTS["en"], TEXTS["ko"], strict=True)]
    path.write_text("".join(f"{row.replace(' ', chr(9), 1) if i in bad else row}\n" for i, row in enumerate(rows)))
    text = locate(str(path), "auto", ("en", "ko"))
    pairs = list(read_pairs(text, Fields(("en", "ko"))))
    good = [i for i in range(len(rows)) if i not in bad]
    assert pairs == [(TEXTS["en"][i], TEXTS["ko"][i]) for i in good]
    file = text.files[0]
    assert file.left_out == {"rows with 3 columns instead of 2": len(bad)}
    assert list(file.first_left_out.values()) == [min(bad) + 1]
    reading = ReadOptions(Fields(("en", "ko")), "nfc", Progress())
    checked = check_split("train", [locate(str(path), "auto", ("en", "ko"))], reading, path.parent / "scratch")
    assert [checked.place(row)[1] - 1 for row in range(len(pairs))] == good


def test_json_null_is_a_blank_side_and_codes_have_forms(tmp_path: Path) -> None:
    records = [{"eng": "a", "ko-KR": None}, {"translation": {"en-US": "b", "kor": "집"}}]
    (tmp_path / "f.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    assert read(tmp_path / "f.jsonl", ("en", "ko")) == [("a", ""), ("b", "집")]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_every_run_tells_the_columns_with_an_example(tmp_path: Path, ending: str) -> None:
    write(tmp_path / "f.csv", [OTHERS["sid"], TEXTS["ko"], TEXTS["en"]], ",", [["id", "번역", "원문"]])
    records = [{"en": en, "ko": ko} for en, ko in zip(TEXTS["en"], TEXTS["ko"], strict=True)]
    (tmp_path / "f.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    messages: list[str] = []

    class Log(Progress):
        def message(self, text: str) -> None:
            messages.append(text)

    languages = ("en", "ko")
    text = locate(str(tmp_path / f"f.{ending}"), "auto", languages)
    check_split("train", [text], ReadOptions(Fields(languages), "nfc", Log()), tmp_path / "scratch")
    chosen = "columns 3 (원문) and 2 (번역) below a header" if ending == "csv" else "keys en and ko"
    assert f"{chosen}, such as en: The red apple; it is here, number 0. | ko: 빨간 사과; 여기 있다, 0번." in messages[1]


@pytest.mark.parametrize(
    ("source", "target", "languages", "message"),
    [
        ("en", "en", ("en", "ko"), r"\(dev\): most ko segments are not in the script of ko, such as The red"),
        ("ko", "en", ("en", "ko"), r"most en segments are not in the script of en"),
        ("id", "ko", ("en", "ko"), r"most en segments are numbers, such as 1276"),
        ("en", "score", ("en", "de"), r"most de segments are numbers"),
    ],
)
def test_a_split_that_cannot_be_its_languages_is_refused(
    tmp_path: Path, source: str, target: str, languages: tuple[str, str], message: str
) -> None:
    for code, name in zip(languages, (source, target), strict=True):
        (tmp_path / f"t.{code}").write_text("".join(f"{line}\n" for line in (TEXTS | OTHERS)[name]))
    text = locate(str(tmp_path / "t"), "auto", languages)
    with pytest.raises(CorpusError, match=message):
        check_split("dev", [text], ReadOptions(Fields(languages), "nfc", Progress()), tmp_path / "scratch")
