"""Runs a notebook's cells in this process and stores what they show, so that neither the tests nor `make docs` need
Jupyter: standard output, and the value of a cell's last expression as text and HTML."""

import ast
import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def run_notebook(path: Path, replacements: dict[str, str] | None = None) -> Json:
    """Run all code cells in one namespace and return the notebook with their outputs.

    `replacements` are lines of code and what to run in their place; each must occur.
    """
    notebook: Json = json.loads(path.read_text(encoding="utf-8"))
    codes = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    sources = ["".join(cell["source"]) for cell in codes]
    for line, other in (replacements or {}).items():
        if not any(line in source for source in sources):
            raise ValueError(f"{path}: no cell has {line!r}")
        sources = [source.replace(line, other) for source in sources]
    namespace: Json = {"__name__": "__main__"}
    for number, (cell, source) in enumerate(zip(codes, sources, strict=True), start=1):
        cell["execution_count"] = number
        cell["outputs"] = _run(source, number, namespace)
    return notebook


def write_notebook(notebook: Json, path: Path) -> None:
    """Write a notebook as Jupyter does."""
    path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _run(source: str, number: int, namespace: Json) -> list[Json]:
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    value, printed = None, io.StringIO()
    with redirect_stdout(printed):
        exec(compile(tree, f"cell {number}", "exec"), namespace)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), namespace)
    outputs: list[Json] = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": _lines(printed.getvalue())})
    if value is not None:
        data = {"text/plain": _lines(repr(value))}
        if hasattr(value, "_repr_html_"):
            data["text/html"] = _lines(value._repr_html_())
        outputs.append({"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": data})
    return outputs


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
