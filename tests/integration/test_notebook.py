"""The notebook of the documentation runs, with a model that is hardly trained."""

import importlib
import json
import logging
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.integration

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOTEBOOK = DOCS / "attention.ipynb"


@pytest.fixture(scope="module")
def notebook() -> ModuleType:
    """The program that runs notebooks; docs is not a package."""
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module("notebook")
    finally:
        sys.path.remove(str(DOCS))


def test_the_notebook_runs(notebook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)  # it would outlive the test
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    outputs = [
        output
        for cell in notebook.run_notebook(NOTEBOOK, {"UPDATES = 3000": "UPDATES = 10"})["cells"]
        for output in cell.get("outputs", [])
    ]
    printed = "".join("".join(output.get("text", [])) for output in outputs)
    assert "softmax(e) is the recorded weights:    True" in printed
    assert "sum of a_j v_j is the recorded context: True" in printed
    assert "with a fixed vector" in printed
    drawn = ["".join(output["data"]["text/html"]) for output in outputs if "text/html" in output.get("data", {})]
    assert len(drawn) == 1
    assert "The teacher read a book" in drawn[0]


def test_the_outputs_in_the_notebook_are_those_of_its_code(notebook: ModuleType) -> None:
    """Every cell that shows something when it runs has shown it, from top to bottom."""
    cells = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert sum(bool(cell["outputs"]) for cell in cells) >= 6
    assert NOTEBOOK.stat().st_size < 150_000


def test_a_notebook_shows_what_is_printed_and_the_last_value(notebook: ModuleType, tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# title"]},
        {"cell_type": "code", "source": ["x = 2\n", "print('x')"]},
        {"cell_type": "code", "source": ["x * 21"]},
    ]
    path = tmp_path / "a.ipynb"
    notebook.write_notebook({"cells": cells}, path)
    _, first, second = notebook.run_notebook(path)["cells"]
    assert first["outputs"][0]["text"] == ["x\n"]
    assert second["outputs"][0]["data"]["text/plain"] == ["42"]
    with pytest.raises(ValueError, match="no cell has 'y = 1'"):
        notebook.run_notebook(path, {"y = 1": "y = 2"})
