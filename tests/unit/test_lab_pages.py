"""The pages of the lab, English and Korean: one for each experiment, with the same figures, commands and verdicts."""

import re
import shlex
from pathlib import Path

import pytest

from nmt_cli.cli import options
from nmt_cli.cli.app import main
from nmt_cli.lab import EXPERIMENTS, QUICK_EXPERIMENTS, RUN_MINUTES, gradient
from nmt_cli.lab.experiment import ExperimentResult
from nmt_cli.report.curves import Curve, Plot
from nmt_cli.settings import Settings

ROOT = Path(__file__).parents[2]
ENGLISH, KOREAN = ROOT / "docs", ROOT / "docs" / "ko"
SECTIONS = {
    ENGLISH: (
        "The claim",
        "The systems",
        "The command",
        "The result",
        "The verdicts",
        "The reason",
        "What to try next",
    ),
    KOREAN: ("주장", "시스템", "명령", "결과", "판정", "이유", "더 해 볼 것"),
}
VERDICTS = {
    "Reproduced": "재현됨",
    "Not reproduced": "재현되지 않음",
    "Undecided": "판단 보류",
    "Not run yet": "아직 실행하지 않음",
}
MAX_FIGURE = 60_000


def read(folder: Path, name: str) -> str:
    return (folder / "lab" / f"{name}.md").read_text(encoding="utf-8")


def links(text: str) -> list[str]:
    return re.findall(r"(?<!!)\[[^]]+\]\((?!https?:)([^)]+)\)", text)


def table_numbers(text: str) -> list[list[str]]:
    """The numbers of each row of a page's tables, sorted, since languages differ in the order of words."""
    rows = re.findall(r"^\|(?! *-).*$", text, re.M)
    return [sorted(re.findall(r"\d[\d.,]*(?:e-?\d+)?(?<![.,])", row)) for row in rows]


def commands(text: str) -> list[str]:
    return [line.split("#")[0].strip() for line in re.findall(r"^    (nmt .*)$", text, re.M)]


@pytest.mark.parametrize("name", EXPERIMENTS)
@pytest.mark.parametrize("folder", SECTIONS, ids=["english", "korean"])
def test_every_page_has_the_same_sections_and_its_command(folder: Path, name: str) -> None:
    text = read(folder, name)
    assert tuple(re.findall(r"^## (.+)$", text, re.M)) == SECTIONS[folder]
    assert f"nmt lab {name}" in commands(text)
    assert "](https://arxiv.org/abs/" in text or name == "attention-lstm"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_both_languages_have_the_same_numbers_commands_verdicts_and_figures(name: str) -> None:
    english, korean = read(ENGLISH, name), read(KOREAN, name)
    assert table_numbers(english) == table_numbers(korean)
    assert len(table_numbers(english)) > 2
    assert commands(english) == commands(korean)
    labels = re.findall(r"^- \*\*(.+?)\*\*", english, re.M)
    assert labels
    assert [VERDICTS[label] for label in labels] == re.findall(r"^- \*\*(.+?)\*\*", korean, re.M)
    figures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", english)
    assert f"{name}.svg" in figures
    assert [f"../../lab/{figure}" for figure in figures] == re.findall(r"!\[[^]]+\]\(([^)]+)\)", korean)


@pytest.mark.parametrize("folder", SECTIONS, ids=["english", "korean"])
def test_pages_link_to_the_other_language_the_index_and_the_next_page(folder: Path) -> None:
    other = "../ko/lab" if folder == ENGLISH else "../../lab"
    names = list(EXPERIMENTS)
    for name, following in zip(names, [*names[1:], None], strict=True):
        heading = read(folder, name).split("\n## ")[0]
        expected = [f"{other}/{name}.md", "../lab.md", *([f"{following}.md"] if following else [])]
        assert links(heading) == expected
    index = (folder / "lab.md").read_text(encoding="utf-8")
    assert links(index) == [
        "ko/lab.md" if folder == ENGLISH else "../lab.md",
        *(f"lab/{name}.md" for name in EXPERIMENTS),
    ]


@pytest.mark.parametrize("folder", SECTIONS, ids=["english", "korean"])
def test_the_listed_minutes_are_those_of_the_documented_runs(folder: Path) -> None:
    run = r"^\((?:run of )?20\d\d-\d\d-\d\d.*, (?:AMD EPYC Zen 4|Intel Xeon); .*?(\d+)(?: minutes|분)"
    documented = {name: re.findall(run, read(folder, name), re.M) for name in EXPERIMENTS}
    assert documented == {name: [str(minutes)] for name, minutes in RUN_MINUTES.items()}
    assert set(QUICK_EXPERIMENTS) < EXPERIMENTS.keys()


class NotRunError(Exception):
    """Raised in place of running a command, whose options have been checked."""


@pytest.mark.parametrize("line", sorted({line for name in EXPERIMENTS for line in commands(read(ENGLISH, name))}))
def test_the_commands_of_the_pages_have_valid_options(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(config: Settings, *_: object) -> None:
        raise NotRunError(getattr(config, "experiment", "length"))

    monkeypatch.setattr(options, "check_paths", stop)  # the options are valid, and the command is about to run
    with pytest.raises(NotRunError) as resolved:
        main(shlex.split(line)[1:])
    assert resolved.value.args[0] in EXPERIMENTS


@pytest.mark.parametrize("path", sorted((ENGLISH / "lab").glob("*.svg")), ids=lambda path: path.name)
def test_figures_are_small(path: Path) -> None:
    assert path.stat().st_size < MAX_FIGURE


def test_the_lab_names_its_pages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plot = Plot("t", "x", "y", [Curve("a", [0, 1], [0, 1])])
    monkeypatch.setattr(gradient, "run", lambda config: ExperimentResult("t", "m", ["a"], [["b"]], [plot], [], {}))
    for arguments, pages in (
        ([], ["docs/lab.md", "docs/ko/lab.md"]),
        (["gradient", "--out", str(tmp_path)], ["docs/lab/gradient.md", "docs/ko/lab/gradient.md"]),
    ):
        with pytest.raises(SystemExit):
            main(["lab", *arguments])
        *_, last = "".join(capsys.readouterr()).splitlines()
        assert re.findall(r"docs/\S+\.md", last) == pages
        assert all((ROOT / page).is_file() for page in pages)
