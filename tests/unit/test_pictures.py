"""Pictures of a terminal for the documentation."""

import importlib
import re
import shutil
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
sys.path.insert(0, str(DOCS))
try:
    terminal = importlib.import_module("terminal")
finally:
    sys.path.remove(str(DOCS))


def test_wide_characters_take_two_cells() -> None:
    svg = terminal.draw("abcd\n책을사다\na &amp; b", "title", 40)
    lengths = {text: float(length) for length, text in re.findall(r'textLength="([\d.]+)"[^>]*>([^<]+)<', svg)}
    assert lengths["책을사다"] == pytest.approx(2 * lengths["abcd"])
    assert lengths["a&#160;&amp;amp;&#160;b"] == pytest.approx(9 * lengths["abcd"] / 4)


def test_a_picture_needs_nothing_from_the_network() -> None:
    svg = terminal.draw("\x1b[1mbold\x1b[0m", "title", 40)
    assert re.findall(r"url\(\W?http|href=", svg) == []
    assert "bold" in svg


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_a_command_is_shown_and_typed_to() -> None:
    with terminal.Terminal(["sh", "-c", "echo ready; read line; echo got $line"], 40, 5) as shown:
        shown.wait_for("ready", 10)
        shown.type("사과 two")
        assert "got 사과 two" in shown.wait_for("got", 10)
        with pytest.raises(TimeoutError, match="no 'more' after 0 s"):
            shown.wait_for("more", 0)
