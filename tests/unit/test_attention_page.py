"""The page of many sentences, as a browser shows it."""

import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from browser import dump_dom

from nmt_cli.report.attention_data import LEVELS, encode_weights
from nmt_cli.report.attention_map import AttentionMap, ModelLabel, Subwords
from nmt_cli.report.heatmap import FAINT
from nmt_cli.report.html import STATIC, attention_html, embedded_json

SENTENCES = [
    ("a dog runs", "ein Hund rennt", -0.5, 0.9),
    ("the Dog of two women sleeps", "der Hund zweier Frauen schläft", -3.0, 0.5),
    ("a cat", "eine Katze", -1.0, 0.2),
]
MODEL = ModelLabel("m30k", "0123456789ab", "en", "de")
INJECTION = "</script><img src=x onerror=document.body.id='broken'><!--<script>&amp;"


def sentence_map(source: str, target: str, score: float, confidence: float) -> AttentionMap:
    """The map of a sentence whose words attend to the words in the same position, by 0.83."""
    words = (source.split(), target.split())
    weights = np.eye(len(words[1]), len(words[0])) * 0.83
    pieces = Subwords([f"▁{word}" for word in words[0]], [f"▁{word}" for word in words[1]], weights)
    return AttentionMap(*words, weights, source, target, score, pieces, None, confidence)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return write(tmp_path, [sentence_map(*sentence) for sentence in SENTENCES])


def write(folder: Path, maps: list[AttentionMap], model: ModelLabel = MODEL) -> Path:
    path = folder / "attention.html"
    path.write_text(attention_html(maps, 0, model), encoding="utf-8")
    return path


def shown(dom: str) -> list[str]:
    """The numbers of the figures that are shown, in their order."""
    figures = re.findall(r"<figure([^>]*)>.*?<b>(\d+)</b>", visible(dom), re.DOTALL)
    return [number for attributes, number in figures if "hidden" not in attributes]


def visible(dom: str) -> str:
    """What a browser with JavaScript shows of a page: not the part for those without it."""
    return re.sub("<(noscript|template).*?</\\1>", "", dom, flags=re.DOTALL)


def test_the_page_draws_its_heat_maps(page: Path) -> None:
    dom = visible(dump_dom(page))
    assert shown(dom) == ["1", "2", "3"]
    assert dom.count('class="heatmap labels"') == 3
    assert dom.count('fill-opacity="0.83"') == 3 + 5 + 2
    assert "confidence 0.90 · score -0.500" in dom
    assert "m30k (0123456789ab)" in dom
    assert '<dd dir="auto" lang="en">a dog runs</dd>' in dom
    assert '<dd dir="auto" lang="de">ein Hund rennt</dd>' in dom


@pytest.mark.parametrize(
    ("fragment", "numbers"),
    [
        ("search=dog", ["1", "2"]),
        ("search=KATZE", ["3"]),
        ("search=horse", []),
        ("sort=score", ["2", "3", "1"]),
        ("sort=confidence", ["3", "2", "1"]),
        ("sort=length", ["2", "1", "3"]),
        ("sort=length&search=hund", ["2", "1"]),
        ("sort=unknown", ["1", "2", "3"]),
    ],
)
def test_the_address_searches_and_sorts(page: Path, fragment: str, numbers: list[str]) -> None:
    dom = dump_dom(page, fragment=fragment)
    assert shown(dom) == numbers
    assert (f"{len(numbers)} of 3 sentences" in dom) == ("search" in fragment)


def test_controls_search_and_sort_and_are_kept_in_the_address(page: Path) -> None:
    actions = """
      const [search, sort] = ["search", "sort"].map(id => document.getElementById(id));
      search.value = "hund"; search.dispatchEvent(new Event("input"));
      sort.value = "confidence"; sort.dispatchEvent(new Event("change"));
      document.getElementById("subwords").click();
      document.body.dataset.address = window.location.hash;
    """
    dom = dump_dom(page, actions=actions)
    assert shown(dom) == ["2", "1"]
    assert 'data-address="#search=hund&amp;sort=confidence&amp;view=subwords"' in dom
    assert "▁Hund<title>▁Hund</title>" in visible(dom)


def test_a_cell_tells_its_weight_in_words_by_tap_and_by_key(page: Path) -> None:
    actions = """
      const boxes = [...document.querySelectorAll(".map")];
      const press = key => boxes[0].dispatchEvent(new window.KeyboardEvent("keydown", { key }));
      ["ArrowDown", "ArrowDown", "ArrowRight"].forEach(press);
      const picture = boxes[2].lastElementChild, paper = picture.querySelector(".paper").getBoundingClientRect();
      picture.dispatchEvent(new window.MouseEvent("click", { clientX: paper.left + 5, clientY: paper.bottom - 5 }));
    """
    values = re.findall(r'<output class="weight">(.*?)</output>', visible(dump_dom(page, actions=actions)))
    assert values == ["“dog” → “Hund”: 0.83", "", f"“a” → “Katze”: below {FAINT}"]


def test_a_heat_map_is_drawn_when_it_is_scrolled_to(tmp_path: Path) -> None:
    path = write(tmp_path, [sentence_map(*SENTENCES[0])] * 60)
    drawn = visible(dump_dom(path)).count('class="heatmap labels"')
    assert 0 < drawn < 20
    scroll = 'document.querySelectorAll("figure")[59].scrollIntoView()'
    assert visible(dump_dom(path, actions=scroll)).count('class="heatmap labels"') > drawn
    printing = 'window.dispatchEvent(new Event("beforeprint"))'
    assert visible(dump_dom(path, actions=printing)).count('class="heatmap labels"') == 60


def test_the_first_sentences_show_without_javascript(tmp_path: Path) -> None:
    dom = dump_dom(write(tmp_path, [sentence_map(*SENTENCES[0])] * (STATIC + 1)), script=False)
    assert dom.count("a dog runs</dd>") == STATIC
    assert dom.count('<div class="map"><svg') == STATIC
    assert f"Without JavaScript this page shows its first {STATIC} sentences." in dom
    assert '<div id="tools" role="search" hidden' in dom


@pytest.mark.parametrize("width", [390, 1280])
def test_only_a_heat_map_scrolls_sideways(tmp_path: Path, width: int) -> None:
    path = write(
        tmp_path, [sentence_map("word " * 100, "Wort " * 100, -1, 0.5), sentence_map("x" * 400, "y" * 400, -1, 0.5)]
    )
    actions = """
      const box = document.querySelector(".map");
      box.scrollLeft = 500;
      const label = box.querySelector(".labels").getBoundingClientRect().left - box.getBoundingClientRect().left;
      const page = document.documentElement.scrollWidth;
      Object.assign(document.body.dataset, { page, label, scrolled: box.scrollLeft });
    """
    dom = dump_dom(path, width, actions=actions)
    assert f'data-page="{width}"' in dom
    assert 'data-label="0"' in dom, "labels stay"
    assert 'data-scrolled="0"' not in dom


@pytest.mark.parametrize("script", [True, False])
def test_text_is_never_markup(tmp_path: Path, script: bool) -> None:
    attention = sentence_map(INJECTION, INJECTION, -1, 0.5)
    path = write(tmp_path, [attention, attention], ModelLabel(INJECTION, INJECTION, INJECTION, INJECTION))
    dom = dump_dom(path, script=script)
    shown_page = visible(dom) if script else dom
    assert 'id="broken"' not in dom
    assert "<img" not in shown_page
    assert INJECTION in unescape(shown_page)


def test_the_policy_lets_no_other_script_run(tmp_path: Path, page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "script-src 'sha256-" in unescape(text)
    page.write_text(text.replace("</main>", "<script>document.body.id = 'broken'</script></main>"), encoding="utf-8")
    dom = dump_dom(page)
    assert 'id="broken"' not in dom
    assert shown(dom) == ["1", "2", "3"]


def test_weights_are_stored_in_hundredths() -> None:
    assert len(LEVELS) == len(set(LEVELS)) == 101
    weights = np.array([[0.0, FAINT - 1e-6, FAINT], [0.834, 1.0, 1.0001], [np.nan, -0.1, 0.5]])
    assert [LEVELS.index(character) for character in encode_weights(weights)] == [0, 0, 1, 83, 100, 100, 0, 0, 50]
    assert embedded_json(LEVELS) == f'"{LEVELS}"', "no character is escaped"


def test_a_thousand_sentences_weigh_less_than_two_megabytes() -> None:
    """Of the length of Multi30k's: 12 words on both sides, and weights everywhere."""
    words = " ".join(["grass"] * 12)
    attention = sentence_map(words, words, -1, 0.5)
    spread = AttentionMap(
        attention.source_words, attention.target_words, np.full((12, 12), 0.08), words, words, -1, attention.subwords
    )
    assert len(attention_html([spread] * 1000, 0, MODEL).encode()) < 2_000_000
