"""The deliberate breaks of the code still apply, their tests exist, and docs/promises.md lists them."""

import re
from pathlib import Path

import pytest
from breaks import BREAKS, ROOT, Break, is_caught

PROMISES = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("break_", BREAKS, ids=[break_.name for break_ in BREAKS])
def test_a_break_applies_and_its_test_exists(break_: Break) -> None:
    assert (ROOT / break_.file).read_text(encoding="utf-8").count(break_.before) == 1
    assert break_.before != break_.after
    file, _, test = break_.test.partition("::")
    assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")
    assert f"`{break_.name}`" in PROMISES


def test_the_page_names_tests_that_exist() -> None:
    names = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    named = re.findall(r"`(?:unit|integration|faults)/(test_\w+)(?:::(test_\w+))?`", PROMISES)
    assert len(named) > 20
    for file, test in named:
        assert file in names
        assert not test or f"def {test}(" in names[file], test


@pytest.mark.parametrize(("after", "caught"), [("b = 2", True), ("b = 1  # the same", False)])
def test_a_break_is_caught_only_if_the_test_fails(tmp_path: Path, after: str, caught: bool) -> None:
    (tmp_path / "broken.py").write_text("b = 1\n")
    (tmp_path / "test_code.py").write_text("from broken import b\n\ndef test_b() -> None:\n    assert b == 1\n")
    assert is_caught(Break("b", "broken.py", "b = 1", after, "test_code.py::test_b"), tmp_path) == caught
    assert (tmp_path / "broken.py").read_text() == "b = 1\n"


def test_a_test_that_cannot_run_catches_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("b = 1\n")
    assert not is_caught(Break("b", "broken.py", "b = 1", "b = 2", "test_none.py::test_b"), tmp_path)
