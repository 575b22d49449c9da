"""Checks of sentence pairs, duplicates and overlap, and held-out splits."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt_cli.config import PreprocessConfig
from nmt_cli.corpus import cleaning
from nmt_cli.corpus.cleaning import (
    BLANK,
    CHECKS,
    CONTROL,
    COPY,
    DAMAGED,
    DUPLICATE,
    HELD_OUT,
    LONG,
    OVERLAP,
    RATIO,
    SCRIPT,
    SEPARATOR,
    SHORT_COPY,
    CheckedText,
    check_pair,
    dropped_bits,
    mark_duplicates,
    mark_known_sources,
    mark_overlap,
)
from nmt_cli.corpus.normalization import is_blank
from nmt_cli.corpus.splits import hold_out
from nmt_cli.corpus.writing_systems import Script


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("a house", "집", 0),
        ("", "집", BLANK),
        ("a house", " \u3000\t", BLANK),
        ("\u2028", "\u2028", BLANK),
        ("one two three four", "one two three four", COPY | SCRIPT),
        ("Seoul 2024", "Seoul 2024", SHORT_COPY | SCRIPT),
        ("2024", "2024", SHORT_COPY),
        ("a\0b", "집", CONTROL),
        ("a\x7f", "집\x1b", CONTROL),
        ("a\x9fb", "집", CONTROL),
        ("a\tb", "집", 0),
        ("a\u00a0b\u200b", "집", 0),
        ("a\u2028b", "집", SEPARATOR),
        ("a", "집\x85", SEPARATOR),
        ("a\rb\x0c\0", "집", SEPARATOR | CONTROL),
        ("a \ufffd", "집", DAMAGED),
        ("집에 가요", "go home", SCRIPT),
        ("go home", "iPhone 집", SCRIPT),
        ("go home", "iPhone 15 프로를 샀어요", 0),
        ("x", "!?", 0),
    ],
)
def test_a_pair_has_the_expected_findings(source: str, target: str, expected: int) -> None:
    assert check_pair(source, target, (Script("en"), Script("ko"))) == expected


INVISIBLE = [chr(n) for n in range(0x110000) if unicodedata.category(chr(n)) == "Cf" and not 0x600 <= n < 0x1000]
SHOWN = {"\u1806", *(chr(n) for n in (0x110BD, 0x110CD, *range(0x13430, 0x13440), *range(0xFFF9, 0xFFFC)))}
"""Format characters that are drawn."""


@given(
    st.text(st.sampled_from([*(set(INVISIBLE) - SHOWN), "\u3164", "\ufe0f", " ", "\u3000", "\n"])),
    st.sampled_from("a집1.😀"),
)
def test_text_without_a_visible_character_is_blank(text: str, visible: str) -> None:
    assert is_blank(text)
    assert check_pair(text, "집", (Script("en"), Script("ko"))) == BLANK
    assert not is_blank(f"{text}{visible}{text}")


@pytest.mark.parametrize(
    ("language", "right", "wrong"),
    [
        ("en", "Straße café", "привет мир"),
        ("de-AT", "Österreich ß", "한국어"),
        ("fr", "l'été à Noël", "日本語 x"),
        ("ko", "한국어와 English", "只有汉字"),
        ("ko", "\u1112\u1161\u11ab\u1100\u116e\u11a8", "english only"),
        ("ja", "これは日本語", "한국어"),
        ("zh_TW", "中文 ABC", "ひらがな"),
        ("ru", "привет мир", "privet mir"),
        ("el", "γειά σου", "geia sou"),
        ("hi", "नमस्ते दुनिया", "namaste duniya"),
        ("th", "สวัสดีชาวโลก", "sawasdee"),
        ("ar", "مرحبا بالعالم", "marhaba"),
        ("he", "שלום", "shalom"),
        ("sr", "здраво zdravo", "你好"),
    ],
)
def test_a_script_accepts_its_language_and_rejects_others(language: str, right: str, wrong: str) -> None:
    script = Script(language)
    assert script.known
    assert not script.is_wrong(right)
    assert script.is_wrong(wrong)
    assert not script.is_wrong("123 ... !")


def test_an_unlisted_language_accepts_every_script() -> None:
    script = Script("tlh")
    assert not script.known
    assert not script.is_wrong("привет")


def test_every_finding_has_its_own_bit_and_a_short_name() -> None:
    bits = [check.bit for check in CHECKS]
    assert len(set(bits)) == len(bits)
    assert sorted([*bits, HELD_OUT]) == [1 << i for i in range(14)]
    assert all(len(check.name) <= 20 for check in cleaning.CHECKS), "the report is a table of 80 columns"


@pytest.mark.parametrize(
    ("option", "bit"),
    [
        ("duplicates", DUPLICATE),
        ("copies", COPY),
        ("overlap", OVERLAP),
        ("wrong-script", SCRIPT),
        ("control", CONTROL),
    ],
)
def test_keep_options_disable_dropping(option: str, bit: int) -> None:
    on, off = (dropped_bits(PreprocessConfig.model_validate({"keep": keep})) for keep in ([], [option]))
    assert on & bit
    assert not off & bit
    assert on & off & (BLANK | LONG | RATIO) == BLANK | LONG | RATIO
    assert not on & (SHORT_COPY | SEPARATOR | DAMAGED)


def examined(pairs: list[tuple[str, str]]) -> CheckedText:
    """The result of the first pass over these pairs, without its scratch file."""
    hashes = np.array([hash(pair) for pair in pairs], np.int64)
    sources = np.array([hash(source) for source, _ in pairs], np.int64)
    return CheckedText([], [0], None, np.zeros(len(pairs), np.uint16), hashes, sources, 0)  # type: ignore[arg-type]


def rows(text: CheckedText, bit: int) -> list[int]:
    """The indices of pairs with this finding."""
    return np.flatnonzero(text.findings & bit).tolist()


def test_all_but_the_first_of_equal_pairs_are_duplicates() -> None:
    text = examined([("a", "x"), ("b", "y"), ("a", "x"), ("a", "z"), ("b", "y"), ("a", "x")])
    mark_duplicates(text)
    assert rows(text, DUPLICATE) == [2, 4, 5]


def test_pairs_that_recur_in_a_later_split_are_marked_as_overlap() -> None:
    train = examined([("a", "x"), ("b", "y"), ("c", "z"), ("d", "w")])
    dev = examined([("a", "x"), ("c", "other"), ("e", "v")])
    test = examined([("d", "w"), ("e", "v"), ("f", "u")])
    mark_overlap({"train": train, "dev": dev, "test": test})
    assert rows(train, OVERLAP) == [0, 3]
    assert rows(dev, OVERLAP) == [2]
    assert rows(test, OVERLAP) == []
    mark_known_sources(dev, train, np.array([False, True, True, True]))
    assert rows(dev, cleaning.KNOWN_SOURCE) == [1]


@pytest.mark.parametrize(("pairs", "most", "each"), [(1000, 30, 30), (1000, 500, 100), (30, 1000, 3), (3, 1000, 1)])
def test_held_out_splits_are_disjoint_and_marked(pairs: int, most: int, each: int) -> None:
    text = examined([(f"s{i}", f"t{i}") for i in range(pairs)])
    held = hold_out(text, np.ones(pairs, np.bool_), ["dev", "test"], most, seed=1)
    dev, test = (set(np.flatnonzero(held[name]).tolist()) for name in ("dev", "test"))
    assert len(dev) == len(test) == each
    assert not dev & test
    assert set(rows(text, HELD_OUT)) == dev | test
    assert not rows(text, OVERLAP)


def test_the_held_out_sample_depends_only_on_the_seed() -> None:
    def held_out(seed: int, other_hashes: int = 0) -> list[int]:
        text = examined([(f"s{i}", f"t{i}") for i in range(500)])
        text.sources ^= other_hashes
        return np.flatnonzero(hold_out(text, np.ones(500, np.bool_), ["dev"], 20, seed)["dev"]).tolist()

    assert held_out(1) == held_out(1)
    assert held_out(1) == held_out(1, other_hashes=0x5555555555555555), "string hashes differ between processes"
    assert held_out(1) != held_out(2)


def test_no_held_out_source_stays_in_train() -> None:
    text = examined([(f"s{i % 40}", f"t{i}") for i in range(400)])
    usable = np.arange(400) % 7 != 0
    held = hold_out(text, usable, ["dev", "test"], 10, seed=3)
    out = {name: {text.sources[i] for i in np.flatnonzero(mask)} for name, mask in held.items()}
    assert not out["dev"] & out["test"]
    assert all(usable[mask].all() for mask in held.values())
    remaining = (text.findings & (HELD_OUT | OVERLAP)) == 0
    assert not set(text.sources[remaining].tolist()) & (out["dev"] | out["test"])
    assert remaining.any()


@pytest.mark.parametrize("pairs", [1, 2])
def test_with_too_few_pairs_dev_and_test_are_shared_with_train(pairs: int) -> None:
    text = examined([(f"s{i}", f"t{i}") for i in range(pairs)])
    held = hold_out(text, np.ones(pairs, np.bool_), ["dev", "test"], 1000, seed=1)
    assert held["dev"].all()
    assert held["test"].all()
    assert not text.findings.any(), "no pair is dropped from train"
