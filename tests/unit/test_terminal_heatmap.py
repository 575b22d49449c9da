"""The heat map for the terminal: every weight below its word, within the width, also where characters are wide."""

import io
import re

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from nmt_cli.report.attention_map import AttentionMap
from nmt_cli.report.terminal_heatmap import GAP, NARROWEST, WIDEST, TerminalHeatmap

ENGLISH = ["The", "teacher", "did", "not", "read", "the", "uninteresting", "book", "at", "the", "library", "."]
KOREAN = ["교사는", "어제", "도서관에서", "재미없는", "책을", "읽지", "않았습니다."]


def attention(source: list[str], target: list[str]) -> AttentionMap:
    weights = np.random.default_rng(3).dirichlet(np.full(len(source), 0.2), len(target)) if source else np.zeros((0, 0))
    return AttentionMap(source, target, weights, " ".join(source), " ".join(target))


def drawn(source: list[str], target: list[str], width: int, **options: object) -> str:
    output = io.StringIO()
    Console(file=output, width=width, **options).print(TerminalHeatmap(attention(source, target)))  # type: ignore[arg-type]
    return output.getvalue()


def ends(line: str) -> list[tuple[int, str]]:
    """The terminal column in which each word of a line ends, and the word."""
    return [(cell_len(line[: match.end()]), match[0]) for match in re.finditer(r"\S+", line)]


@pytest.mark.parametrize(("source", "target"), [(ENGLISH, KOREAN), (KOREAN, ENGLISH), (ENGLISH * 4, KOREAN)])
@pytest.mark.parametrize("width", [40, 80, 120])
def test_every_weight_is_below_its_word(source: list[str], target: list[str], width: int) -> None:
    blocks = drawn(source, target, width).rstrip("\n").split("\n\n")
    column = 0
    for block in blocks:
        header, *rows = block.split("\n")
        assert len(rows) == len(target)
        assert all(cell_len(line) <= width for line in (header, *rows))
        words = ends(header)
        for number, (row, word) in enumerate(zip(rows, target, strict=True)):
            label, *cells = ends(row)
            assert label[1] == word or (label[1].endswith("…") and word.startswith(label[1][:-1]))
            assert [end for end, _ in cells] == [end for end, _ in words]
            percents = [round(100 * w) for w in attention(source, target).weights[number]]
            shown = [0 if cell == "·" else int(cell) for _, cell in cells]
            assert shown == percents[column : column + len(words)]
        for _, word in words:
            assert word == source[column] or source[column].startswith(word.removesuffix("…"))
            column += 1
    assert column == len(source)


def test_long_words_are_shortened_before_columns_are_continued_below() -> None:
    exact = max(map(cell_len, KOREAN)) + sum(max(len(word), NARROWEST) + GAP for word in ENGLISH)
    assert drawn(ENGLISH, KOREAN, exact + 1).count("\n") == len(KOREAN) + 1
    wide, narrow = drawn(ENGLISH, KOREAN, exact), drawn(ENGLISH, KOREAN, 40)
    assert "uninter" in wide
    assert "uninteresting" not in wide
    assert narrow.count("\n\n") >= 1
    assert f"{ENGLISH[6][: WIDEST[0] - 1]}…" in narrow


def test_large_weights_stand_out_and_plain_text_has_no_escape_codes() -> None:
    colourless = drawn(ENGLISH, KOREAN, 100, force_terminal=True, color_system=None)
    assert "\x1b" not in colourless
    terminal = drawn(ENGLISH, KOREAN, 100, force_terminal=True, color_system="standard")
    reversed_cells = re.findall(r"\x1b\[7m *(\d+)\x1b", terminal)
    expected = [round(100 * weight) for weight in attention(ENGLISH, KOREAN).weights.flat]
    assert sorted(map(int, reversed_cells)) == sorted(percent for percent in expected if percent >= 50)
    assert re.sub(r"\x1b\[[0-9;]*m", "", terminal) == colourless


def test_a_blank_side_and_control_characters_draw_nothing_odd() -> None:
    assert drawn([], [], 80) == ""
    assert "\x1b" not in drawn(["a\x1b[31m", "b"], ["c"], 80)
