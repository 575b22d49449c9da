"""Attention maps as HTML, SVG, PNG and JSON: content, escaping, and the limit on the number of sentences."""

import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nmt_cli.errors import OutputError
from nmt_cli.report.attention import (
    FORMATS,
    AttentionFile,
    AttentionMap,
    ModelLabel,
    Subwords,
    attention_svg,
    write_attention,
)
from nmt_cli.report.heatmap import FAINT, layout_heatmap
from nmt_cli.report.html import attention_html
from nmt_cli.report.png import attention_png

SVG = "{http://www.w3.org/2000/svg}"
Attributes = list[tuple[str, str | None]]
VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """Asserts that tags are closed in order; collects tags, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: Attributes = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Attributes) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def number(element: ET.Element, name: str, default: str | None = None) -> float:
    """The value of an attribute of an SVG element."""
    value = element.get(name, default)
    assert value is not None
    return float(value)


def tooltip(cell: ET.Element) -> str | None:
    title = cell.find(f"{SVG}title")
    assert title is not None
    return title.text


def diagonal_map(words: list[str], subwords: Subwords | None = None) -> AttentionMap:
    weights = np.eye(len(words)) * 0.9
    return AttentionMap(words, words, weights, " ".join(words), " ".join(words), -0.25, subwords)


def subword_map() -> AttentionMap:
    pieces = Subwords(["▁I", "▁go", "▁home"], ["▁집", "에", "▁간다"], np.full((4, 4), 0.25))
    return AttentionMap.from_subwords(pieces, ([0, 1, 2], [0, 0, 1]), ("I go home", "집에 간다"), -0.5)


NASTY = "<script>alert('x')</script>&\"</svg>\x07"


def test_html_page_is_well_formed_and_loads_no_resources() -> None:
    text = attention_html([subword_map(), diagonal_map(["a", "b"]), diagonal_map([])])
    page = Page(text)
    assert page.tags.count("figure") == 4, "three sentences without JavaScript, and the template of a sentence"
    assert page.tags.count("script") == 2, "data and program"
    assert not {name for name, _ in page.attributes} & {"src", "href", "srcset", "data"}
    assert not re.search(r"https?://|url\(|@import|//[a-z]", text)
    assert "Nothing to show: one side has no words." in text
    for font in ("Noto Sans CJK KR", "Malgun Gothic", "Apple SD Gothic Neo"):
        assert f'"{font}"' in text


@pytest.mark.parametrize("subwords", [None, Subwords([NASTY], [NASTY], np.array([[0.9]]))])
def test_markup_in_tokens_is_escaped(subwords: Subwords | None) -> None:
    text = attention_html([diagonal_map([NASTY], subwords)], 0, ModelLabel(NASTY, NASTY, NASTY, NASTY))
    page = Page(text)
    assert page.tags.count("script") == 2
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text
    assert "\x07" not in text
    assert any(NASTY.replace("\x07", "\ufffd") in chunk for chunk in page.texts), "the whole word is shown"
    root = ET.fromstring(attention_svg(diagonal_map([NASTY, "\x07"])))
    assert root.tag == f"{SVG}svg"


def test_tooltips_show_weights_and_faint_cells_are_omitted() -> None:
    weights = np.array([[0.7312, FAINT / 2], [0.2, 0.8]])
    attention = AttentionMap(["the", "house"], ["das", "Haus"], weights, "the house", "das Haus", None)
    root = ET.fromstring(attention_svg(attention))
    cells = [rect for rect in root.iter(f"{SVG}rect") if rect.get("fill-opacity")]
    assert [tooltip(cell) for cell in cells] == ["the → das: 0.73", "the → Haus: 0.20", "house → Haus: 0.80"]
    assert [number(cell, "fill-opacity") for cell in cells] == [0.731, 0.2, 0.8]


def test_subwords_are_merged_into_words_and_both_are_shown() -> None:
    attention = subword_map()
    assert (attention.source_words, attention.target_words) == (["I", "go", "home"], ["집에", "간다"])
    np.testing.assert_allclose(attention.weights, 0.25)
    text = attention_html([attention])
    assert '<label><input type="checkbox" id="subwords">' in text
    assert "▁집" in text
    assert '<label hidden><input type="checkbox" id="subwords">' in attention_html([diagonal_map(["a"])])


def test_byte_pieces_of_a_character_are_joined() -> None:
    pieces = Subwords(["▁", "<0xED>", "<0x95>", "<0x9C>", "a"], ["▁x"], np.ones((1, 5)))
    attention = AttentionMap.from_subwords(pieces, ([0] * 5, [0]), ("한a", "x"), None)
    assert attention.source_words == ["한a"]


@pytest.mark.parametrize("words", [1, 2, 21, 60])
@pytest.mark.parametrize("word", ["a", "안녕하세요", "\ufffd" * 9, "Donaudampfschifffahrtsgesellschaft", "W" * 300])
def test_cells_and_labels_fit_within_the_image(words: int, word: str) -> None:
    layout = layout_heatmap([word] * words, [word] * words, np.ones((words, words)))
    assert len(layout.cells) == words * words
    assert len(layout.rows) == len(layout.columns) == words
    assert max(cell.x for cell in layout.cells) + layout.side <= layout.width
    assert max(cell.y for cell in layout.cells) + layout.side <= layout.height
    assert all(len(label.text) <= 30 and label.whole == word for label in layout.rows)
    for label in (*layout.rows, *layout.columns):  # minimum width of the text
        min_width = layout.font * len(label.text) * (0.5 if word.isascii() else 1)
        assert label.x >= (label in layout.rows) * min_width
        assert label.y >= (label in layout.columns) * min_width * 0.7
    assert layout.width < 100 + 30 * words + 350


def test_weights_of_the_wrong_shape_raise_value_error() -> None:
    with pytest.raises(ValueError, match="reshape"):
        layout_heatmap(["a", "b"], ["c"], np.ones((2, 2)))


@pytest.mark.parametrize("suffix", [".html", ".svg", ".png", ".json"])
def test_sentences_beyond_the_limit_are_counted_and_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"attention{suffix}"
    limited = replace(FORMATS[suffix], limit=2)
    monkeypatch.setitem(FORMATS, suffix, limited)
    write_attention((diagonal_map(["a", "b"]) for _ in range(5)), path)
    assert caplog.messages == [f"{path}: shows the first 2 sentences; 3 more were left out"]
    assert path.stat().st_size > 0
    if suffix == ".html":
        assert "2 sentences, the first; 3 more were left out" in path.read_text(encoding="utf-8")


def test_json_file_holds_words_subwords_and_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = AttentionFile(tmp_path / "deep" / "a.json")
    assert not file.full
    file.add(subword_map())
    file.write()
    assert capsys.readouterr().err == ""
    content = json.loads(file.path.read_text(encoding="utf-8"))
    assert content["left_out"] == 0
    assert content["sentences"] == [
        {
            "line": None,
            "source": "I go home",
            "target": "집에 간다",
            "score": -0.5,
            "confidence": None,
            "source_words": ["I", "go", "home"],
            "target_words": ["집에", "간다"],
            "weights": [[0.25] * 3] * 2,
            "source_subwords": ["▁I", "▁go", "▁home"],
            "target_subwords": ["▁집", "에", "▁간다"],
            "subword_weights": [[0.25] * 3] * 3,
        }
    ]


def test_unknown_suffix_is_refused_on_construction(tmp_path: Path) -> None:
    for name in ("attention.pdf", "attention"):
        with pytest.raises(OutputError, match=r"attention is written as \.html, \.svg, \.png, \.json"):
            AttentionFile(tmp_path / name)


def test_png_has_dark_pixels() -> None:
    image = Image.open(io.BytesIO(attention_png([diagonal_map(["a", "b"]), diagonal_map([])]))).convert("L")
    pixels = np.asarray(image)
    assert pixels.max() == 255
    assert (pixels < 100).mean() > 0.005


def test_png_warns_about_characters_in_no_installed_font(caplog: pytest.LogCaptureFixture) -> None:
    """A private-use character is reported; text that looks like a formula is drawn as text."""
    attention_png([diagonal_map(["\U0010fffd", r"$\nonsense$"])])
    assert "1 characters of the picture are in no installed font and are drawn as boxes" in caplog.text


def test_svg_stacks_several_sentences_vertically() -> None:
    root = ET.fromstring(attention_svg(diagonal_map(["a"]), diagonal_map([]), diagonal_map(["b", "c"])))
    assert [text.text for text in root.findall(f"{SVG}text")] == ["1", "2 no words", "3"]
    (first, first_height), (second, second_height) = (
        (number(image, "y", "0"), number(image, "height")) for image in root.findall(f"{SVG}svg")
    )
    assert first + first_height <= second
    assert second + second_height == number(root, "height")


def test_figures_are_numbered_by_input_line() -> None:
    """Blank lines have no figure, and the other lines keep their numbers."""
    maps = [replace(diagonal_map(["a"]), line=3), replace(diagonal_map(["b"]), line=7)]
    captions = ET.fromstring(attention_svg(*maps)).findall(f"{SVG}text")
    assert [text.text for text in captions] == ["3", "7"]
    page = attention_html(maps)
    assert "<b>7</b>" in page
    assert '"number":7' in page
