"""Forms of gold word alignments: every file is read as what it is, or its form is asked for."""

from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nmt_cli.errors import CorpusError
from nmt_cli.evaluation.alignment import Alignment
from nmt_cli.evaluation.gold_alignment import Sizes, read_gold

links = st.dictionaries(st.tuples(st.integers(0, 4), st.integers(0, 3)), st.sampled_from("SP"), max_size=6)
SIZE = (5, 4)


def alignment(kinds: dict[tuple[int, int], str]) -> Alignment:
    return Alignment(frozenset(link for link, kind in kinds.items() if kind == "S"), frozenset(kinds))


def pharaoh(sentences: list[dict[tuple[int, int], str]], base: int, weight: str = "") -> str:
    return "".join(
        " ".join(f"{i + base}{'-' if kind == 'S' else 'p'}{j + base}{weight}" for (i, j), kind in kinds.items()) + "\n"
        for kinds in sentences
    )


def naacl(sentences: list[dict[tuple[int, int], str]]) -> str:
    rows = [(n, i + 1, j + 1, k) for n, kinds in enumerate(sentences, 1) for (i, j), k in kinds.items()]
    return "".join(f"{n:04} {i} {j} {kind}\n" for n, i, j, kind in rows)


def read(folder: Path, text: str, sizes: Sizes) -> tuple[list[Alignment], str | None]:
    (folder / "gold").write_text(text)
    return read_gold(folder / "gold", sizes)


@settings(max_examples=100, deadline=None)
@given(st.lists(links, min_size=1, max_size=8))
def test_all_forms_of_an_alignment_are_read_alike(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[dict[tuple[int, int], str]]
) -> None:
    assume(any(0 in link for kinds in sentences for link in kinds))  # else nobody can tell
    folder, sizes = tmp_path_factory.mktemp("gold"), [SIZE] * len(sentences)
    expected = list(map(alignment, sentences))
    assert read(folder, pharaoh(sentences, 0), sizes) == (expected, None)
    found, note = read(folder, pharaoh(sentences, 0, ":0.75"), sizes)
    assert (found, note) == (expected, f"{folder / 'gold'}: weights of links are ignored")
    found, note = read(folder, naacl(sentences), sizes)
    assert (found, note) == (expected, f"{folder / 'gold'}: in NAACL's form, counted from 1")


@settings(max_examples=100, deadline=None)
@given(st.lists(links.filter(bool), min_size=1, max_size=8))
def test_a_file_counted_from_one_is_never_read_as_counted_from_zero(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[dict[tuple[int, int], str]]
) -> None:
    folder, sizes = tmp_path_factory.mktemp("gold"), [SIZE] * len(sentences)
    expected = list(map(alignment, sentences))
    if any(i == SIZE[0] - 1 or j == SIZE[1] - 1 for kinds in sentences for i, j in kinds):  # a last word is linked
        assert read(folder, pharaoh(sentences, 1), sizes) == (expected, f"{folder / 'gold'}: counted from 1")
    else:
        with pytest.raises(CorpusError, match=r"not certain whether words are counted from 0 or from 1; links are 0-0"):
            read(folder, pharaoh(sentences, 1), sizes)


def test_many_sentences_without_a_first_word_are_counted_from_one(tmp_path: Path) -> None:
    gold, _ = read(tmp_path, "1-1 2-2\n" * 25, [SIZE] * 25)
    assert gold == [alignment({(0, 0): "S", (1, 1): "S"})] * 25


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0001 1 1 S\n0003 1 1 S\n", r"gold:2: links words 1 and 1 of sentence 3, which do not exist"),
        ("1 6 1\n", r"gold:1: links words 6 and 1 of sentence 1"),
        ("1 0 1\n", r"gold:1: links words 0 and 1 of sentence 1"),
        ("0-0\n", r"gold has 1 lines, but there are 2 sentences; .* links are 0-0 1p2"),
        ("0-0\n7-1\n", r"gold:2: links source word 7, but there are 5 words"),
        ("0-0\nA3\n", r"gold:2: 'A3' is not a link"),
        ("1-1\n9-1\n", r"gold:2: links source word 9"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read(tmp_path, text, [SIZE] * 2)
