"""Locating the files of a parallel corpus, and reading sentence pairs from them."""

import gzip
import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from nmt_cli.corpus.misalignment import first_suspicious_line
from nmt_cli.corpus.readers import ParallelText, locate, read_pairs
from nmt_cli.corpus.tabular import Fields
from nmt_cli.errors import CorpusError

LANGUAGES = ("en", "de")
PAIRS = [("a house", "ein Haus"), ("“two”, quoted", "„zwei“"), ("tab and comma", "Zeichen")]


def read(path: Path | str, names: tuple[str | None, str | None] = (None, None)) -> list[tuple[str, str]]:
    return list(read_pairs(locate(str(path), "auto", LANGUAGES), Fields(LANGUAGES, names)))


def write_sides(prefix: Path, source: list[str], target: list[str]) -> Path:
    for code, side in zip(LANGUAGES, (source, target), strict=True):
        Path(f"{prefix}.{code}").write_text("".join(f"{line}\n" for line in side), encoding="utf-8", newline="\n")
    return prefix


TMX = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><header/><body>
<tu><tuv xml:lang="EN-us"><seg>a house</seg></tuv><tuv xml:lang="de"><seg>ein Haus</seg></tuv></tu>
<tu><tuv xml:lang="de"><seg>„zwei“</seg></tuv><tuv xml:lang="fr"><seg>deux</seg></tuv>
    <tuv xml:lang="en"><seg>“two”, <bpt i="1">&lt;b&gt;</bpt>quoted<ept i="1">&lt;/b&gt;</ept></seg></tuv></tu>
<tu><tuv xml:lang="en"><seg>alone</seg></tuv></tu>
<tu><tuv lang="en"><seg>tab and <hi>comma</hi></seg></tuv><tuv lang="de_AT"><seg>Zeichen</seg></tuv></tu>
</body></tmx>
"""


def json_lines(records: Iterable[dict[str, object]]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def quote(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


FILES = {
    "plain.tsv": "".join(f"{s}\t{t}\n" for s, t in PAIRS),
    "header.tsv": "id\tde\ten\n" + "".join(f"7\t{t}\t{s}\n" for s, t in PAIRS),
    "plain.csv": "".join(f"{quote(s)},{quote(t)}\r\n" for s, t in PAIRS),
    "header.csv": "Source,Note,Target\n" + "".join(f"{quote(s)},,{quote(t)}\n" for s, t in PAIRS),
    "languages.jsonl": json_lines({"en": s, "de": t} for s, t in PAIRS),
    "nested.jsonl": json_lines({"id": 1, "translation": {"de": t, "en": s}} for s, t in PAIRS),
    "usual.ndjson": json_lines({"source": s, "target": t} for s, t in PAIRS),
    "memory.tmx": TMX,
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_every_file_format_gives_the_same_pairs(tmp_path: Path, name: str, ending: str) -> None:
    path = tmp_path / (name + ending)
    path.write_bytes(gzip.compress(FILES[name].encode()) if ending else FILES[name].encode())
    assert read(path) == PAIRS


def test_a_prefix_and_two_file_names_give_the_same_pairs(tmp_path: Path) -> None:
    prefix = write_sides(tmp_path / "my.train", [s for s, _ in PAIRS], [t for _, t in PAIRS])
    assert read(prefix) == PAIRS
    (tmp_path / "other.gz").write_bytes(gzip.compress(Path(f"{prefix}.de").read_bytes()))
    assert read(f"{prefix}.en,{tmp_path / 'other.gz'}") == PAIRS
    comma = write_sides(tmp_path / "a,b", ["x"], ["y"])
    assert read(comma) == [("x", "y")], "a prefix may hold a comma"


@pytest.mark.parametrize(
    ("name", "content", "names", "expected"),
    [
        ("f.tsv", "x\ty\tz\n", ("3", "1"), [("z", "x")]),
        ("f.tsv", "q\tw\tsrc text\nx\ty\tz\n", ("src text", "Q"), [("z", "x")]),
        ("f.tsv", 'say "x\t"y\n', (None, None), [('say "x', '"y')]),
        ("f.csv", 'x,"two\nlines"\n\n"",y\n', (None, None), [("x", "two lines"), ("", ""), ("", "y")]),
        ("f.csv", "1,2\n", (None, None), [("1", "2")]),
        ("f.csv", "en,de\nx,y\n", ("2", "1"), [("y", "x")]),
        ("f.jsonl", '{"a": {"b": "x"}, "c.d": "y"}\n\n', ("a.b", "c.d"), [("x", "y"), ("", "")]),
        ("f.jsonl", '{"en": "\\u0041\\n\\ud83d\\ude00", "de": ""}\n', (None, None), [("A 😀", "")]),
    ],
)
def test_columns_and_keys_are_chosen_by_number_or_name(
    tmp_path: Path, name: str, content: str, names: tuple[str | None, str | None], expected: list[tuple[str, str]]
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    assert read(tmp_path / name, names) == expected


@pytest.mark.parametrize(
    ("name", "content", "names", "message"),
    [
        ("f.tsv", "x\ty\nalone\n", (None, None), r"f.tsv:2: 1 columns, but column 2 is needed"),
        ("f.tsv", "x\ty\n", ("text", None), r"f.tsv:1: no column text; columns: x, y"),
        ("f.tsv", "x\ty\n", ("1", "1"), r"cannot identify source and target column"),
        ("f.csv", 'x,y\n"open,z\n', (None, None), r"f.csv:2: not valid CSV .*quotation mark unclosed"),
        ("f.jsonl", '{"en": "x", "de": "y"}\n{"en": 1\n', (None, None), r"f.jsonl:2: not valid JSON"),
        (
            "f.jsonl",
            '{"en": "x", "fr": "y"}\n',
            (None, None),
            r"f.jsonl:1: no key de; keys: en, fr; .*--target-field",
        ),
        ("f.jsonl", '{"en": "x", "de": 5}\n', (None, None), r"f.jsonl:1: de is int, not text"),
        ("f.jsonl", "[1]\n", (None, None), r"f.jsonl:1: no key en; the line is list"),
        ("f.jsonl", '{"en": "\\ud800", "de": "y"}\n', (None, None), r"f.jsonl:1: .*U\+D800.*--invalid-utf8"),
        ("f.tmx", "<tmx>\n<tu>\n</tmx>", (None, None), r"f.tmx:3: not well-formed XML \(mismatched tag\)"),
        ("f.tmx", "plain", (None, None), r"f.tmx:1: not well-formed XML"),
    ],
)
def test_errors_name_the_file_and_the_line(
    tmp_path: Path, name: str, content: str, names: tuple[str | None, str | None], message: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    with pytest.raises(CorpusError, match=message) as error:
        read(tmp_path / name, names)
    assert "\n" not in str(error.value)


def test_invalid_replace_replaces_and_counts_lone_surrogates(tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").write_text('{"en": "a\\ud800", "de": "y"}\n')
    text = locate(str(tmp_path / "f.jsonl"), "auto", LANGUAGES)
    assert list(read_pairs(text, Fields(LANGUAGES, invalid="replace"))) == [("a\ufffd", "y")]
    assert text.files[0].invalid_bytes == 1


@pytest.mark.parametrize(
    "declaration",
    ['<!ENTITY a "aaaa">', '<!ENTITY a "x"><!ENTITY b "&a;&a;">', '<!ENTITY x SYSTEM "file:///etc/passwd">'],
)
def test_tmx_entities_are_refused(tmp_path: Path, declaration: str) -> None:
    (tmp_path / "f.tmx").write_text(TMX.replace('"tmx14.dtd"', f'"tmx14.dtd" [{declaration}]').replace("alone", "&a;"))
    with pytest.raises(CorpusError, match=r"f.tmx:2: declares the entity"):
        read(tmp_path / "f.tmx")


def test_tmx_units_without_both_languages_are_counted(tmp_path: Path) -> None:
    (tmp_path / "f.tmx").write_text(TMX, encoding="utf-8")
    text = locate(str(tmp_path / "f.tmx"), "auto", LANGUAGES)
    assert len(list(read_pairs(text, Fields(LANGUAGES)))) == 3
    assert text.files[0].left_out == {"translation units without both languages": 1}


def test_tmx_prefers_the_exact_language_code_to_another_region(tmp_path: Path) -> None:
    unit = "".join(f'<tuv xml:lang="{code}"><seg>{code}</seg></tuv>' for code in ("pt-BR", "en", "pt-PT"))
    (tmp_path / "f.tmx").write_text(f"<tmx><tu>{unit}</tu></tmx>")
    text = locate(str(tmp_path / "f.tmx"), "auto", ("pt-BR", "pt-PT"))
    assert list(read_pairs(text, Fields(("pt-BR", "pt-PT")))) == [("pt-BR", "pt-PT")]


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (["a", "b", "c"], ["x", "y"], r"t.en has 3 lines but .*t.de has 2; line i must translate line i$"),
        (["a", "b\u2028c"], ["x", "y", "z"], r"has 2 lines but .* has 3; .*look at .*t.en:2: it contains U\+2028"),
        (["a", "b"], ["x\ry", "y", "z"], r"look at .*t.de:1: it contains U\+000D"),
        ([], ["x"], r"t.en has 0 lines but .*t.de has 1"),
    ],
)
def test_unequal_line_counts_name_both_files_and_counts(
    tmp_path: Path, source: list[str], target: list[str], message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        read(write_sides(tmp_path / "t", source, target))


@pytest.mark.parametrize("side", [0, 1])
def test_blank_lines_at_the_end_of_one_side_are_dropped_and_counted(tmp_path: Path, side: int) -> None:
    sides = [["a", "b", ""], ["x", "y", "z"]]
    sides[side] += ["", " ", "\u200b"]
    text = locate(str(write_sides(tmp_path / "t", *sides)), "auto", LANGUAGES)
    assert list(read_pairs(text, Fields(LANGUAGES))) == [("a", "x"), ("b", "y"), ("", "z")]
    reason = "blank lines at the end, which the other side does not have"
    assert (text.files[side].left_out, text.files[side].first_left_out) == ({reason: 3}, {reason: 4})
    assert not text.files[1 - side].left_out
    sides[side].append("c")
    with pytest.raises(CorpusError, match=r"has 7\b"):
        read(write_sides(tmp_path / "t", *sides))


def test_first_suspicious_line_is_near_a_deleted_line() -> None:
    source = ["word " * (1 + 7 * i % 23) for i in range(1000)]
    target = [line.replace("word", "wort!") for line in source]
    assert first_suspicious_line(source, target) is None
    del target[600]
    suspect = first_suspicious_line(source, target)
    assert suspect is not None
    assert abs(suspect.line - 601) <= 3


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("nothing", r"nothing.en and .*nothing.de: no such file \(nor with .gz, .bz2, .xz, .zst\)"),
        ("half", r"half.de: no such file .*: half.en"),
        ("folder", r"folder is a folder, give a prefix of files in it"),
        ("half.en,missing", r"missing: no such file or directory"),
        ("half.en,folder", r"folder: is a folder"),
        ("missing.tsv", r"missing.tsv: no such file or directory"),
    ],
)
def test_missing_file_errors_list_the_names_tried(tmp_path: Path, names: str, message: str) -> None:
    (tmp_path / "half.en").touch()
    (tmp_path / "folder").mkdir()
    path = ",".join(str(tmp_path / name) for name in names.split(","))
    with pytest.raises(CorpusError, match=message):
        locate(path, "auto", LANGUAGES)


def test_format_option_overrides_the_suffix(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("x\ty\n")
    text = locate(str(tmp_path / "data.txt"), "tsv", LANGUAGES)
    assert isinstance(text, ParallelText)
    assert list(read_pairs(text, Fields(LANGUAGES))) == [("x", "y")]
    assert re.fullmatch(r".*data\.txt", text.name)
