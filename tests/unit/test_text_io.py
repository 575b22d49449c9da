"""Reading bytes as text_io."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt_cli.corpus import text_io
from nmt_cli.corpus.text_io import TextFile, read_lines
from nmt_cli.errors import CorpusError

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.compress,
}

ODD = "a\u2028b\u2029c\x85d\x0ce\x1ef\x0bg\x1ch\rj"


def read(path: Path, content: bytes, **options: str) -> tuple[list[str], TextFile]:
    path.write_bytes(content)
    file = TextFile(path)
    return list(read_lines(file, **options)), file  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a", ["a"]),
        (b"a\n", ["a"]),
        (b"a\n\nb", ["a", "", "b"]),
        (b"\n\n\n", ["", "", ""]),
        (b"a\r\nb\r\r\n", ["a", "b\r"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", ["a", "\ufeffb"]),
        (b"a\0b\nword\nword\n", ["a\0b", "word", "word"]),
        ((ODD + "\n" + ODD).encode(), [ODD, ODD]),
    ],
)
def test_only_a_line_feed_ends_a_line(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    found, file = read(tmp_path / "f", content)
    assert found == expected
    assert file.lines == len(expected)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\n\r\ufeff\0", codec="utf-8"))), st.integers(1, 7))
def test_lines_come_back_whatever_the_block(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], block: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "f"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_io, "BLOCK", block)
        found, _ = read(path, "".join(f"{text}\n" for text in texts).encode())
    assert found == texts


def test_a_long_line_is_put_together_from_its_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_io, "BLOCK", 10)
    found, _ = read(tmp_path / "f", b"word " * 10_000 + b"\nend")
    assert found == ["word " * 10_000, "end"]


def test_what_is_taken_off_is_counted(tmp_path: Path) -> None:
    _, file = read(tmp_path / "f", b"\xef\xbb\xbfa\r\nb\nc\r\n")
    assert (file.byte_order_marks, file.carriage_returns, file.lines) == (1, 2, 3)


@pytest.mark.parametrize("ending", COMPRESSORS)
def test_compressed_files_in_several_members(tmp_path: Path, ending: str) -> None:
    compress = COMPRESSORS[ending]
    found, _ = read(tmp_path / f"f{ending}", compress(b"a\nb") + compress(b"c\nd\n"))
    assert found == ["a", "bc", "d"]


@pytest.mark.parametrize("ending", [ending for ending in COMPRESSORS if ending])
@pytest.mark.parametrize("keep", [-3, 10])
def test_a_file_cut_short_is_an_error(tmp_path: Path, ending: str, keep: int) -> None:
    whole = COMPRESSORS[ending](b"".join(b"%d\n" % i for i in range(1000)))
    with pytest.raises(CorpusError, match=rf"f\{ending}: damaged or truncated \{ending} file"):
        read(tmp_path / f"f{ending}", whole[:keep])


@pytest.mark.parametrize("ending", [ending for ending in COMPRESSORS if ending])
def test_a_file_that_is_not_what_its_name_says_is_an_error(tmp_path: Path, ending: str) -> None:
    with pytest.raises(CorpusError, match="damaged"):
        read(tmp_path / f"f{ending}", b"plain text\n")


@pytest.mark.parametrize(
    ("content", "line", "offset", "byte"),
    [
        (b"ok\nbad \xe9 byte\n", 2, 7, "E9"),
        (b"\xef\xbb\xbfok\r\n\xff\n", 2, 7, "FF"),
        (b"\n\n\n\xc3(", 4, 3, "C3"),
        (b"\xed\xa0\x80\n", 1, 0, "ED"),
    ],
)
@pytest.mark.parametrize("block", [3, 1 << 20])
def test_invalid_utf8_names_file_line_and_offset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, line: int, offset: int, byte: str, block: int
) -> None:
    monkeypatch.setattr(text_io, "BLOCK", block)
    with pytest.raises(CorpusError, match=rf"f:{line}: byte 0x{byte} at byte offset {offset} .*--invalid-utf8 replace"):
        read(tmp_path / "f", content)


def test_invalid_utf8_is_replaced_and_counted_on_request(tmp_path: Path) -> None:
    found, file = read(tmp_path / "f", "a \ufffd".encode() + b"\nb \xe9\xe9\nc\n", invalid="replace")
    assert found == ["a \ufffd", "b \ufffd\ufffd", "c"]
    assert file.invalid_bytes == 2, "U+FFFD that stands in the file was not put there"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("hello\n".encode("utf-16"), "is UTF-16.*iconv"),
        ("hello\n".encode("utf-16-le"), "NUL bytes"),
        (b"\0" * 100, "NUL bytes"),
    ],
)
def test_other_encodings_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read(tmp_path / "f", content)


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_io, "LONGEST", 1000)
    monkeypatch.setattr(text_io, "BLOCK", 100)
    with pytest.raises(CorpusError, match=r"f:3: a line of more than"):
        read(tmp_path / "f", b"a\nb\n" + b"x" * 2000)


def test_a_folder_and_a_missing_file_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is a folder"):
        list(read_lines(TextFile(tmp_path)))
    with pytest.raises(CorpusError, match="no such file"):
        list(read_lines(TextFile(tmp_path / "missing")))


def test_other_system_errors_give_their_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", fail)
    with pytest.raises(CorpusError, match=r"f: cannot be read: Permission denied"):
        list(read_lines(TextFile(tmp_path / "f")))


def test_reading_holds_a_block_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_io, "BLOCK", 64)
    path = tmp_path / "f"
    path.write_bytes(b"".join(b"%08d\n" % i for i in range(10_000)))
    file = TextFile(path)
    reading = read_lines(file)
    assert next(reading) == "00000000"
    assert file.lines < 10, "the rest has not been read yet"
