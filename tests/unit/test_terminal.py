"""What is printed cannot steer the terminal, wherever it comes from."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.progress import Progress
from rich.text import Text

from nmt_cli.cli.app import main
from nmt_cli.manifest import MANIFEST
from nmt_cli.report.console import SafeConsole
from nmt_cli.terminal import escape, say

HOSTILE = "\x1b]0;title\x07\x1b[2J\x9b31m\r\x00\x7f\u202eabc\u2028\udc9b"
"""Sets the title, clears the screen, colours, returns, reorders, breaks the line, and a byte that is not UTF-8."""
OBEYED = [char for char in HOSTILE if not char.isprintable()]


@given(st.text())
def test_escaped_text_obeys_nothing_and_keeps_all_else(text: str) -> None:
    escaped = escape(text)
    assert not any((ord(char) < 32 and char not in "\n\t") or 127 <= ord(char) < 160 for char in escaped)
    plain = "".join(char for char in text if char.isprintable())
    assert escape(plain) == plain
    escaped.encode()  # no lone surrogate is left


def test_korean_emoji_and_tables_are_not_changed() -> None:
    text = "책을 읽습니다.\t👩‍👩‍👧 │ é ـ ￦\n"
    assert escape(text) == text


def test_json_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    say(json.dumps({HOSTILE: HOSTILE}, ensure_ascii=False))
    printed = capsys.readouterr().out
    assert json.loads(printed) == {HOSTILE: HOSTILE}
    assert not [char for char in OBEYED if char in printed]


def test_a_console_sends_its_own_colours_and_none_that_it_is_given() -> None:
    file = io.StringIO()
    console = SafeConsole(file=file, force_terminal=True, color_system="standard", width=200)
    console.print(Text(HOSTILE, style="bold red"))
    with Progress(console=console) as progress:
        progress.add_task(HOSTILE.replace("[", "("))
    assert "\x1b[1;31m" in file.getvalue()
    for given_sequence in ("\x1b]0;", "\x1b[2J\\", "\x9b", "\x07", "\u202e"):
        assert given_sequence not in file.getvalue()


@pytest.mark.parametrize("arguments", [("info",), ("info", "--all"), ("info", "--json"), ("translate", "-m")])
def test_hostile_manifests_and_names_are_shown_escaped(
    arguments: tuple[str, ...], tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model\x1b[2J"
    model.mkdir()
    manifest = json.loads((tiny_model / MANIFEST).read_text("utf-8"))
    content = {**manifest, "source": HOSTILE, "prepared": HOSTILE, "command": ["nmt", HOSTILE]}
    (model / MANIFEST).write_text(json.dumps(content), "utf-8")
    with pytest.raises(SystemExit):
        main([*arguments, str(model)])
    captured = capsys.readouterr()
    assert not [char for char in OBEYED if char in captured.out + captured.err]
    assert "\\u001b[2J" in captured.out + captured.err
