"""The README speaks of what is there."""

import ast
import re
from pathlib import Path

import pytest

from nmt_cli import config
from nmt_cli.cli.app import COMMANDS
from nmt_cli.presets import PRESETS
from nmt_cli.settings import Settings, option_fields

ROOT = Path(__file__).parents[2]
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "benchmarks").glob("*.md"))]
OPTIONS = {
    prefix + leaf.name.replace("_", "-")
    for each in vars(config).values()
    if isinstance(each, type) and issubclass(each, Settings)
    for leaf in option_fields(each)
    for prefix in (("--", "--no-") if leaf.field.annotation is bool else ("--",))
} | {"--help", "--config", "--set", "--version", "--preset", "--scale"}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_commands_and_options_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for command in re.findall(r"\bnmt ([a-z]+)\b(?=[^\n]*--|`)", text):
        assert command in COMMANDS, command
    own = set(re.findall(r'add_argument\(\s*"(--[a-z-]+)"', "".join(p.read_text() for p in ROOT.glob("*/*.py"))))
    for option in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", re.sub(r"`pip [^`]*`", "", text)):
        assert option in OPTIONS | own, option


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists(), link


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z]+)`?", (ROOT / "README.md").read_text())) - {"and"}
    assert named <= targets


def test_every_preset_is_explained_and_the_code_named_is_there() -> None:
    text = (ROOT / "docs" / "systems.md").read_text(encoding="utf-8")
    for preset in PRESETS:
        assert f"`{preset.removesuffix('-feed')}`" in text, preset
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "nmt_cli" / "model").glob("*.py"))
    classes = set(re.findall(r"`([A-Z][a-zA-Z]+)`", text))
    assert len(classes) >= 12
    for name in classes:
        assert f"class {name}(" in code, name


def test_the_tree_is_that_of_the_package() -> None:
    """Each room with the sentence that its docstring begins with, in the order in which they import each other."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^      ([a-z]+)/ +(.+)$", text, re.MULTILINE))
    folders = {path.parent.name: path for path in (ROOT / "nmt_cli").glob("*/__init__.py")}
    assert told.keys() == folders.keys()
    for name, path in folders.items():
        first, *_ = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines()
        assert first.casefold() == f"{told[name]}.".casefold(), name
    layers = re.findall(
        r'"nmt_cli\.([a-z]+)"|"nmt_cli\.([a-z]+) \| nmt_cli\.([a-z]+)"', (ROOT / "pyproject.toml").read_text()
    )
    order = [name for names in layers for name in names if name in folders]
    assert list(told) == order
