"""Documents of strangers: refused in one line before anything is believed or allocated."""

import json
import os
import re
import shutil
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from generated_faults import HOSTILE_JSON, HOSTILE_TOML, write_options
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt_cli.checkpoint.layout import read_config
from nmt_cli.documents import MAX_DEPTH, open_file, parse_json, parse_toml, read_file
from nmt_cli.errors import CheckpointError, ConfigError, CorpusError, NMTError
from nmt_cli.manifest import read_kind, read_raw_manifest
from nmt_cli.settings import read_toml
from nmt_cli.training.history import history_line, read_history

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet="ab가"), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def refusal(call: Callable[[], object], error: type[Exception]) -> str:
    """The message of an error; empty if there is none."""
    try:
        call()
    except error as caught:
        return str(caught)
    return ""


@settings(deadline=None)
@given(JSON)
def test_ordinary_json_is_parsed_as_the_standard_library_does(value: object) -> None:
    assert parse_json(json.dumps(value)) == value


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_bytes_are_parsed_or_refused_in_one_line(content: bytes) -> None:
    for parse in (parse_json, parse_toml):
        assert "\n" not in refusal(partial(parse, content), ValueError)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[" * 100_000, "nested deeper"),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "nested deeper"),
        (b"9" * 10_000, "not valid JSON: Exceeds the limit"),
        (b"9" * 4_000, "more than 64 bits"),
        (b"1e400", "not finite"),
        (b"[NaN]", "NaN is not a number"),
        (b'{"a": "\\ud800"}', "half of a surrogate pair"),
        (b'{"\\ud800": 1}', "half of a surrogate pair"),
        (b"\xff", "not valid JSON"),
    ],
)
def test_hostile_json_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_json(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a." * 50_000 + b"a = 1", "line 1 has more than 256 dots"),
        (b"a = " + b"[" * 50_000, "nested deeper"),
        (b"a = 0x" + b"f" * 60_000, "more than 64 bits"),
        (b"a = " + b"9" * 10_000, "Exceeds the limit"),
        (b"a = inf", "not finite"),
        (b"[" + b"a." * MAX_DEPTH + b"a]", "nested deeper"),
    ],
)
def test_hostile_toml_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_toml(content)


def test_ordinary_toml_is_parsed_as_the_standard_library_does(tmp_path: Path) -> None:
    text = 'a = "x"\r\nb.c = 1.5\n[d]\ne = [1, 2]\n'
    assert parse_toml(text.encode()) == tomllib.loads(text)


@pytest.mark.parametrize("content", HOSTILE_JSON)
def test_a_hostile_manifest_is_of_no_kind(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    assert read_kind(tmp_path) not in ("prepared", "shards")


@pytest.mark.parametrize("content", HOSTILE_TOML)
def test_a_hostile_config_file_is_read_or_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.toml").write_bytes(content)
    message = refusal(lambda: read_toml(tmp_path / "x.toml"), NMTError)
    assert "\n" not in message
    assert not message or message.startswith(f"{tmp_path / 'x.toml'}: ")


def test_only_regular_files_of_limited_size_within_the_folder_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "device").symlink_to("/dev/zero")
    (folder / "inside").symlink_to(folder / "file")
    (folder / "outside").symlink_to(tmp_path / "file")
    for place in (folder, tmp_path):
        (place / "file").write_bytes(b"1234")
    for name, reason in (("pipe", "not a regular file"), ("device", "leads out"), ("outside", "leads out")):
        with pytest.raises(OSError, match=reason):
            open_file(folder / name, folder)
    for name in ("pipe", "device"):
        with pytest.raises(OSError, match="not a regular file"):
            open_file(folder / name)
    assert read_file(folder / "inside", 4, folder) == b"1234"
    with pytest.raises(ValueError, match="longer than 3 bytes"):
        read_file(folder / "file", 3, folder)
    (folder / "manifest.json").symlink_to(folder / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        read_raw_manifest(folder)


@pytest.mark.parametrize("separator", ["\n", "\r", "\u2028", "\x85"])
def test_the_message_of_an_error_is_one_line(separator: str) -> None:
    assert str(CorpusError(f"a{separator}b: no such file")) == "a b: no such file"


def test_an_error_that_quotes_a_line_feed_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text(history_line({"kind": "a\nb", "step": 1}, "run"))
    with pytest.raises(CheckpointError, match=r"line 1 is damaged \(.*'a b'") as told:
        read_history(tmp_path / "metrics.jsonl", "run")
    assert "\n" not in str(told.value)


def test_options_of_a_model_that_contradict_each_other_name_their_file(tiny_model: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    write_options(model, {"training": {"teacher_forcing_ratio": 0.25, "scheduled_sampling": "none"}})
    with pytest.raises(ConfigError, match="^" + re.escape(f"{model / 'config.toml'}: teacher_forcing_ratio applies")):
        read_config(model)
