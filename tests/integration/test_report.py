"""`nmt report` and `nmt eval --html`: what the page shows, and that it needs no network."""

import random
import re
import shutil
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from browser import dump_dom

from nmt_cli import PreprocessConfig, TrainConfig, preprocess, train
from nmt_cli.checkpoint.layout import MODEL
from nmt_cli.cli.app import main

pytestmark = pytest.mark.integration

Call = Callable[..., str]

WORDS = {"one": "하나", "two": "둘", "three": "셋", "four": "넷", "five": "다섯", "six": "여섯", "red": "빨강"}
HOSTILE = '<script>document.title = "taken"</script> <img src=x onerror="document.title = 1"> & "one" \x01'
VOID = {"meta", "input", "br", "path", "rect"}


class Page(HTMLParser):
    """Asserts that tags are closed in order; collects tags, ids, links and what the browser would load."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text = path.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.tags: list[str] = []
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.languages: set[str] = set()
        self.feed(self.text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values["href"]] if "href" in values else []
        self.loaded += [values[name] for name in ("src", "srcset", "data", "action", "xlink:href") if name in values]
        self.languages |= {values["lang"]} if "lang" in values else set()
        self.headings += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def write(path: Path, lines: list[str]) -> None:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())


def read(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")[:-1]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the text, a prepared corpus, and the models `first`, `second` and `plain`, which has no
    attention. The first test sentence and its reference hold HTML."""
    folder = tmp_path_factory.mktemp("report")
    rng = random.Random(3)
    lines = list({" ".join(rng.choices(list(WORDS), k=rng.randint(2, 12))): None for _ in range(120)})
    for name, part in (("train", lines[:80]), ("dev", lines[80:95]), ("test", lines[95:])):
        extra = [HOSTILE] if name == "test" else []
        write(folder / f"{name}.en", [*extra, *part])
        write(folder / f"{name}.ko", [*extra, *(" ".join(WORDS[word] for word in line.split()) for line in part)])
    text = {name: str(folder / name) for name in ("dev", "test")}
    options = {"train": [str(folder / "train")], **text, "source": "en", "target": "ko", "vocabulary_size": 330}
    preprocess(PreprocessConfig.model_validate({**options, "out": folder / "prepared"}))
    for name, attention in (("first", "gnmt"), ("second", "luong"), ("plain", "none")):
        size = {"hidden_size": 16, "embedding_size": 16, "encoder_layers": 2, "attention": attention}
        limits = {"max_steps": 12, "validate_every": 4}
        common = {"prepared": folder / "prepared", "out": folder / name, "precision": "fp32", "device": "cpu"}
        train(TrainConfig.model_validate({**common, "model": size, "training": limits}))
    return folder


@pytest.fixture
def call(trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs `nmt` in the folder `trained` with greedy search; returns standard error after checking the status."""
    monkeypatch.chdir(trained)

    def run(*arguments: object, status: int = 0) -> str:
        with pytest.raises(SystemExit) as exited:
            main([*map(str, arguments), "--beam-size", "1"])
        error = capsys.readouterr().err
        assert int(exited.value.code or 0) == status, error
        return error

    return run


def text_of(page: Page, section: str) -> str:
    """The words of a section, without tags."""
    found = re.search(rf'<section aria-labelledby="{section}">.*?</section>', page.text, re.DOTALL)
    assert found, section
    return " ".join(unescape(re.sub("<[^>]*>", " ", found[0])).split())


def test_page_of_one_model_has_every_part_and_loads_nothing(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    assert f"{out}: first" in call("report", "first", "--out", out)
    page = Page(out)
    assert not page.loaded
    assert "script" not in page.tags
    assert "@import" not in page.text
    assert "url(" not in page.text
    assert all(link.startswith("#") for link in page.links)
    sections = [link[1:] for link in page.links]
    parts = "models scores health curves samples lengths worst unsure data options"
    assert sections == parts.split()
    assert set(sections) <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    assert page.headings[:2] == [1, 2]
    assert all(later <= earlier + 1 for earlier, later in zip(page.headings, page.headings[1:], strict=False))
    assert page.languages == {"en", "ko"}


def test_page_shows_the_figures_of_the_run_and_of_the_test_set(call: Call, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    call("report", "first", "--out", out, "--worst", 3)
    page = Page(out)
    assert page.text.count('class="chart"') == 6  # loss, BLEU and chrF, over updates and over minutes
    empty = sum(text_of(page, part).count("(empty)") for part in ("worst", "unsure"))
    assert page.text.count('class="heatmap"') == 6 - empty  # of three worst and three least confident sentences
    assert empty < 6
    scores = text_of(page, "scores")
    assert re.search(r"chrF\+\+ \d+\.\d\d \d+\.\d\d to \d+\.\d\d", scores)
    assert "BLEU|nrefs:1|bs:1000|seed:12345" in scores
    assert "The model is not usable yet" in text_of(page, "health")
    sentences = len(read(trained / "test.en"))
    assert f"{sentences} sentences against test of" in scores
    assert sum(int(n) for n in re.findall(r"(?:\d+ to \d+|over \d+) (\d+) ", text_of(page, "lengths"))) == sentences
    assert re.search(r"train 80 (\d+) 0 ", text_of(page, "data"))
    samples = text_of(page, "samples")
    assert samples.count("reference") == 3
    assert sum(line in samples for line in read(trained / "dev.en")) >= 3
    confidences = [float(n) for n in re.findall(r"confidence (\d\.\d+)", text_of(page, "unsure"))]
    assert len(confidences) == 3
    assert confidences == sorted(confidences)


def test_text_of_the_corpus_is_shown_and_never_run(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    call("report", "first", "--out", out, "--worst", 26)
    page = Page(out)
    assert HOSTILE.replace("\x01", "\ufffd") in text_of(page, "worst")
    assert "<img" not in page.text
    assert "\x01" not in page.text
    assert "<title>first: report</title>" in dump_dom(out)


def test_models_are_compared_with_the_first(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    call("report", "first", "second", "plain", "--out", out)
    page = Page(out)
    scores = text_of(page, "scores")
    assert "Differences are from first, by paired bootstrap, 1,000 times." in scores
    assert len(re.findall(r"[+-]\d+\.\d\d [01]\.\d{4} (?:not )?significant", scores)) == 6
    differing = text_of(page, "differing")
    assert "second and first" in differing
    assert "plain and first" in differing
    options = text_of(page, "options")
    assert "attention differs gnmt luong none gnmt" in options
    assert options.index("attention differs") < options.index("embedding_size") < options.index("heads")
    assert page.text.count('class="s2"><path class="line"') == 6
    assert text_of(page, "data").count("pairs read") == 1, "the corpus that all were trained on is shown once"


def test_model_whose_corpus_is_gone_is_shown_without_scores(call: Call, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "first", tmp_path / "alone")
    alone = MODEL.read(tmp_path / "alone").model_copy(update={"prepared": str(tmp_path / "gone")})
    MODEL.write(tmp_path / "alone", alone)
    out = tmp_path / "report.html"
    error = call("report", tmp_path / "alone", "--out", out)
    assert f"{tmp_path / 'gone'}, no longer exists; give --prepared, or --source-file and --reference" in error
    page = Page(out)
    assert [link[1:] for link in page.links] == ["models", "health", "curves", "samples", "data", "options"]
    assert "its report cannot be shown" in text_of(page, "data")
    assert "no longer exists" in page.text
    call("report", tmp_path / "alone", "--out", out, "--prepared", "prepared")
    assert "test of prepared" in text_of(Page(out), "scores")
    call("report", tmp_path / "alone", "--out", out, "--source-file", "dev.en", "--reference", "dev.ko")
    assert "15 sentences against dev.ko" in text_of(Page(out), "scores")


def test_models_with_different_test_sets_are_refused(call: Call, trained: Path, tmp_path: Path) -> None:
    text = {"train": [str(trained / "train")], "dev": str(trained / "dev"), "test": str(trained / "dev")}
    other = {**text, "source": "en", "target": "ko", "vocabulary_size": 330, "out": tmp_path / "other"}
    preprocess(PreprocessConfig.model_validate(other))
    shutil.copytree(trained / "second", tmp_path / "moved")
    moved = MODEL.read(tmp_path / "moved").model_copy(update={"prepared": str(tmp_path / "other")})
    MODEL.write(tmp_path / "moved", moved)
    error = call("report", "first", tmp_path / "moved", "--out", tmp_path / "report.html", status=1)
    assert f"nmt: moved: its sources (test of {tmp_path / 'other'}) are not those of first" in error
    assert not (tmp_path / "report.html").exists()
    error = call("report", "first", "first", "--out", tmp_path / "report.html", status=1)
    assert error == "nmt: nmt report first first: names a model twice; give different models\n"


def test_only_a_page_of_nmt_is_replaced(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    out.write_text("mine")
    error = call("report", "first", "--out", out, status=1)
    assert error == (f"nmt: {out}: already exists and is not a page of nmt; choose another --out, or use --overwrite\n")
    assert "choose another --html" in call("eval", "--model", "first", "--html", out, status=1)
    assert out.read_text() == "mine"
    call("report", "first", "--out", out, "--overwrite")
    call("eval", "--model", "first", "--html", out)
    assert "<title>first: report</title>" in out.read_text()


def test_eval_writes_the_page_of_its_evaluation(call: Call, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "eval.html"
    (tmp_path / "reversed.ko").write_text(
        "".join(f"{' '.join(line.split()[::-1])}\n" for line in read(trained / "test.ko"))
    )
    call("eval", "--model", "plain", "--baseline", tmp_path / "reversed.ko", "--html", out)
    page = Page(out)
    assert "reversed.ko" in text_of(page, "scores")
    assert "significant" in text_of(page, "scores")
    assert "plain and" in text_of(page, "differing")
    assert 'class="heatmap"' not in page.text, "the model has no attention"
    assert "confidence" in text_of(page, "unsure")


def test_eval_of_a_file_writes_a_page_without_a_model(call: Call, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "eval.html"
    call("eval", "--hypotheses", "test.en", "--reference", "test.ko", "--html", out)
    page = Page(out)
    assert [link[1:] for link in page.links] == ["scores", "lengths", "worst"]
    assert "<title>test.en: report</title>" in page.text


@pytest.mark.parametrize("width", [390, 1280])
def test_page_fits_the_window_and_the_axis_can_be_chosen(call: Call, tmp_path: Path, width: int) -> None:
    out = tmp_path / "report.html"
    call("report", "first", "second", "--out", out)
    measure = """
      const wide = document.documentElement.scrollWidth <= window.innerWidth;
      const shown = name => getComputedStyle(document.querySelector(`.${name}`)).display !== "none";
      const before = [shown("updates"), shown("minutes")];
      document.getElementById("by-minutes").click();
      document.title = JSON.stringify([wide, before, [shown("updates"), shown("minutes")]]);
    """
    assert "<title>[true,[true,false],[false,true]]</title>" in dump_dom(out, width, actions=measure)
