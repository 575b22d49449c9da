"""README, docs and benchmark pages name only commands, options, files and classes that exist."""

import ast
import re
from pathlib import Path

import pytest

from nmt_cli import config
from nmt_cli.cli.app import COMMANDS
from nmt_cli.presets import PRESETS
from nmt_cli.settings import Settings, option_fields

ROOT = Path(__file__).parents[2]
TEXTS = [
    ROOT / "README.md",
    ROOT / "README.ko.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "benchmarks").glob("*.md")),
]
OPTIONS = {
    prefix + field.name.replace("_", "-")
    for section in vars(config).values()
    if isinstance(section, type) and issubclass(section, Settings)
    for field in option_fields(section)
    for prefix in (("--", "--no-") if field.field.annotation is bool else ("--",))
} | {"--help", "--help-all", "--config", "--set", "--version", "--preset", "--scale"}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_and_options_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for command in re.findall(r"\bnmt ([a-z]+)\b(?=[^\n]*--|`)", text):
        assert command in COMMANDS, command
    script_options = set(
        re.findall(r'add_argument\(\s*"(--[a-z-]+)"', "".join(p.read_text() for p in ROOT.glob("*/*.py")))
    )
    for option in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", re.sub(r"`pip [^`]*`", "", text)):
        assert option in OPTIONS | script_options, option


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_relative_links_point_to_existing_files(path: Path) -> None:
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists(), link


def test_make_targets_named_in_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z]+)`?", (ROOT / "README.md").read_text())) - {"and"}
    assert named <= targets


def test_systems_page_covers_every_preset_and_names_existing_classes() -> None:
    text = (ROOT / "docs" / "systems.md").read_text(encoding="utf-8")
    for preset in PRESETS:
        assert f"`{preset.removesuffix('-feed')}`" in text, preset
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "nmt_cli" / "model").glob("*.py"))
    classes = set(re.findall(r"`([A-Z][a-zA-Z]+)`", text))
    assert len(classes) >= 12
    for name in classes:
        assert f"class {name}(" in code, name


def test_readme_tree_matches_package_docstrings_and_import_order() -> None:
    """Each subpackage has the first sentence of its docstring, and the order is that of the import contract."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    described = dict(re.findall(r"^      ([a-z]+)/ +(.+)$", text, re.MULTILINE))
    folders = {path.parent.name: path for path in (ROOT / "nmt_cli").glob("*/__init__.py")}
    assert described.keys() == folders.keys()
    for name, path in folders.items():
        first_line, *_ = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines()
        assert first_line.casefold() == f"{described[name]}.".casefold(), name
    layers = re.findall(
        r'"nmt_cli\.([a-z]+)"|"nmt_cli\.([a-z]+) \| nmt_cli\.([a-z]+)"', (ROOT / "pyproject.toml").read_text()
    )
    order = [name for names in layers for name in names if name in folders]
    assert list(described) == order
