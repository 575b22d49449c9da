"""The attention page and its sisters: what they hold, what they escape, what they leave out."""

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
from nmt_cli.report.attention import FORMS, AttentionFile, AttentionMap, Subwords, attention_page, attention_svg
from nmt_cli.report.heatmap import FAINT, lay_out
from nmt_cli.report.html import attention_html
from nmt_cli.report.png import attention_png

Attributes = list[tuple[str, str | None]]
VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """Checks that tags are closed in order; keeps text, attributes and tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attributes: Attributes) -> None:
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: Attributes) -> None:
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, text: str) -> None:
        self.texts.append(text)


def square(words: list[str], subwords: Subwords | None = None) -> AttentionMap:
    weights = np.eye(len(words)) * 0.9
    return AttentionMap(words, words, weights, " ".join(words), " ".join(words), -0.25, subwords)


def from_pieces() -> AttentionMap:
    pieces = Subwords(["▁I", "▁go", "▁home"], ["▁집", "에", "▁간다"], np.full((4, 4), 0.25))
    return AttentionMap.from_subwords(pieces, ([0, 1, 2], [0, 0, 1]), ("I go home", "집에 간다"), -0.5)


NASTY = "<script>alert('x')</script>&\"</svg>\x07"


def test_page_is_well_formed_and_loads_nothing() -> None:
    text = attention_html([from_pieces(), square(["a", "b"]), square([])])
    page = Page(text)
    assert page.tags.count("figure") == 3
    assert "script" not in page.tags
    assert not {name for name, _ in page.attributes} & {"src", "href", "srcset", "data"}
    assert not re.search(r"https?://|url\(|@import|//[a-z]", text)
    assert "Nothing to show: one side has no words." in text
    for font in ("Noto Sans CJK KR", "Malgun Gothic", "Apple SD Gothic Neo"):
        assert f'"{font}"' in text


@pytest.mark.parametrize("subwords", [None, Subwords([NASTY], [NASTY], np.array([[0.9]]))])
def test_text_cannot_become_markup(subwords: Subwords | None) -> None:
    text = attention_html([square([NASTY], subwords)])
    page = Page(text)
    assert "script" not in page.tags
    assert "&lt;script&gt;" in text
    assert "\x07" not in text
    assert any(NASTY.replace("\x07", "\ufffd") in found for found in page.texts), "the whole word is shown somewhere"
    root = ET.fromstring(attention_svg(square([NASTY, "\x07"])))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_hovering_tells_the_weight_and_faint_cells_are_blank() -> None:
    weights = np.array([[0.7312, FAINT / 2], [0.2, 0.8]])
    shown = AttentionMap(["the", "house"], ["das", "Haus"], weights, "the house", "das Haus", None)
    root = ET.fromstring(attention_svg(shown))
    svg = "{http://www.w3.org/2000/svg}"
    cells = [rect for rect in root.iter(f"{svg}rect") if rect.get("class") == "cell"]
    titles = [cell.find(f"{svg}title").text for cell in cells]
    assert titles == ["the → das: 0.73", "the → Haus: 0.20", "house → Haus: 0.80"]
    assert [float(cell.get("fill-opacity")) for cell in cells] == [0.731, 0.2, 0.8]


def test_words_and_subwords_of_one_translation() -> None:
    shown = from_pieces()
    assert (shown.source_words, shown.target_words) == (["I", "go", "home"], ["집에", "간다"])
    np.testing.assert_allclose(shown.weights, 0.25)
    text = attention_html([shown])
    assert 'id="subwords"' in text
    assert "▁집" in text
    assert 'id="subwords"' not in attention_html([square(["a"])]), "no switch where there is nothing to switch to"


def test_bytes_of_a_character_are_joined_again() -> None:
    pieces = Subwords(["▁", "<0xED>", "<0x95>", "<0x9C>", "a"], ["▁x"], np.ones((1, 5)))
    shown = AttentionMap.from_subwords(pieces, ([0] * 5, [0]), ("한a", "x"), None)
    assert shown.source_words == ["한a"]


@pytest.mark.parametrize("words", [1, 2, 21, 60])
@pytest.mark.parametrize("word", ["a", "안녕하세요", "\ufffd" * 9, "Donaudampfschifffahrtsgesellschaft", "W" * 300])
def test_everything_lies_within_the_picture(words: int, word: str) -> None:
    layout = lay_out([word] * words, [word] * words, np.ones((words, words)))
    assert len(layout.cells) == words * words
    assert len(layout.rows) == len(layout.columns) == words
    assert max(cell.x for cell in layout.cells) + layout.side <= layout.width
    assert max(cell.y for cell in layout.cells) + layout.side <= layout.height
    assert all(len(label.text) <= 30 and label.whole == word for label in layout.rows)
    for label in (*layout.rows, *layout.columns):  # the least that a character needs
        least = layout.font * len(label.text) * (0.5 if word.isascii() else 1)
        assert label.x >= (label in layout.rows) * least
        assert label.y >= (label in layout.columns) * least * 0.7
    assert layout.width < 100 + 30 * words + 350


def test_weights_of_another_shape_are_a_bug() -> None:
    with pytest.raises(ValueError, match="reshape"):
        lay_out(["a", "b"], ["c"], np.ones((2, 2)))


@pytest.mark.parametrize("suffix", [".html", ".svg", ".png", ".json"])
def test_beyond_the_limit_is_counted_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"attention{suffix}"
    limited = FORMS[suffix].__class__(2, FORMS[suffix].render)
    monkeypatch.setitem(FORMS, suffix, limited)
    attention_page((square(["a", "b"]) for _ in range(5)), path)
    assert capsys.readouterr().err == f"nmt: {path}: shows the first 2 sentences; 3 more were left out\n"
    assert path.stat().st_size > 0
    if suffix == ".html":
        assert "the first 2 sentences; 3 more were left out" in path.read_text(encoding="utf-8")


def test_collecting_a_stream(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = AttentionFile(tmp_path / "deep" / "a.json")
    assert not file.full
    file.add(from_pieces())
    file.write()
    assert capsys.readouterr().err == ""
    found = json.loads(file.path.read_text(encoding="utf-8"))
    assert found["left_out"] == 0
    assert found["sentences"] == [
        {
            "line": None,
            "source": "I go home",
            "target": "집에 간다",
            "score": -0.5,
            "source_words": ["I", "go", "home"],
            "target_words": ["집에", "간다"],
            "weights": [[0.25] * 3] * 2,
            "source_subwords": ["▁I", "▁go", "▁home"],
            "target_subwords": ["▁집", "에", "▁간다"],
            "subword_weights": [[0.25] * 3] * 3,
        }
    ]


def test_an_unknown_suffix_is_refused_before_any_work(tmp_path: Path) -> None:
    for name in ("attention.pdf", "attention"):
        with pytest.raises(OutputError, match=r"attention is written as \.html, \.svg, \.png, \.json"):
            AttentionFile(tmp_path / name)


def test_png_is_dark_where_attention_is() -> None:
    image = Image.open(io.BytesIO(attention_png([square(["a", "b"]), square([])]))).convert("L")
    pixels = np.asarray(image)
    assert pixels.max() == 255
    assert (pixels < 100).mean() > 0.005


def test_png_says_what_no_font_can_show(capsys: pytest.CaptureFixture[str]) -> None:
    """A private character that no font has is told; what looks like a formula is text."""
    attention_png([square(["\U0010fffd", r"$\nonsense$"])])
    assert "1 characters of the picture are in no installed font and are drawn as boxes" in capsys.readouterr().err


def test_pictures_of_several_are_below_each_other() -> None:
    root = ET.fromstring(attention_svg(square(["a"]), square([]), square(["b", "c"])))
    svg = "{http://www.w3.org/2000/svg}"
    assert [text.text for text in root.findall(f"{svg}text")] == ["1", "2 no words", "3"]
    places = [(float(inner.get("y", 0)), float(inner.get("height"))) for inner in root.findall(f"{svg}svg")]
    assert places[0][0] + places[0][1] <= places[1][0]
    assert places[1][0] + places[1][1] == float(root.get("height"))


def test_a_figure_has_the_number_of_its_line() -> None:
    """Blank lines have no figure, and the others keep their numbers."""
    maps = [replace(square(["a"]), line=3), replace(square(["b"]), line=7)]
    captions = ET.fromstring(attention_svg(*maps)).findall("{http://www.w3.org/2000/svg}text")
    assert [text.text for text in captions] == ["3", "7"]
    assert "<dt>7 source</dt>" in attention_html(maps)
