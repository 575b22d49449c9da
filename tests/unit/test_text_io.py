"""Reading the lines of plain and compressed text files."""

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
from nmt_cli.corpus.text_io import OnInvalid, TextFile, read_lines
from nmt_cli.errors import CorpusError

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.compress,
}

ODD = "a\u2028b\u2029c\x85d\x0ce\x1ef\x0bg\x1ch\rj"


def read(path: Path, content: bytes, invalid: OnInvalid = "error") -> tuple[list[str], TextFile]:
    path.write_bytes(content)
    file = TextFile(path)
    return list(read_lines(file, invalid)), file


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
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", ["a", "b"]),
        (b"a\0b\nword\nword\n", ["a\0b", "word", "word"]),
        ((ODD + "\n" + ODD).encode(), [ODD, ODD]),
    ],
)
def test_only_a_line_feed_ends_a_line(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    lines, file = read(tmp_path / "f", content)
    assert lines == expected
    assert file.lines == len(expected)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\n\r\ufeff\0", codec="utf-8"))), st.integers(1, 7))
def test_block_size_does_not_change_the_lines(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], block: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "f"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_io, "BLOCK", block)
        lines, _ = read(path, "".join(f"{text}\n" for text in texts).encode())
    assert lines == texts


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.sampled_from("a 집\ufeff")), min_size=1), st.integers(1, 5))
def test_byte_order_marks_are_removed_wherever_they_are(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_io, "BLOCK", block)
        content = "".join(f"{text}\n" for text in texts)
        lines, file = read(tmp_path_factory.mktemp("lines") / "f", content.encode())
    assert lines == [text.replace("\ufeff", "") for text in texts]
    assert file.byte_order_marks == content.count("\ufeff")


def test_lines_that_end_in_carriage_returns_only_are_told(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"f: its lines end in a carriage return only.*tr '\\r' '\\n' < .*f > NEW"):
        read(tmp_path / "f", "하나.\r둘.\r셋.\r".encode())
    assert read(tmp_path / "f", b"one\rstray\n\r\r\r")[0] == ["one\rstray", "\r\r"]


def test_line_longer_than_a_block_is_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_io, "BLOCK", 10)
    lines, _ = read(tmp_path / "f", b"word " * 10_000 + b"\nend")
    assert lines == ["word " * 10_000, "end"]


def test_removed_bom_and_carriage_returns_are_counted(tmp_path: Path) -> None:
    _, file = read(tmp_path / "f", b"\xef\xbb\xbfa\r\nb\nc\r\n")
    assert (file.byte_order_marks, file.carriage_returns, file.lines) == (1, 2, 3)


@pytest.mark.parametrize("ending", COMPRESSORS)
def test_compressed_file_of_several_members_is_read_whole(tmp_path: Path, ending: str) -> None:
    compress = COMPRESSORS[ending]
    lines, _ = read(tmp_path / f"f{ending}", compress(b"a\nb") + compress(b"c\nd\n"))
    assert lines == ["a", "bc", "d"]


@pytest.mark.parametrize("ending", [ending for ending in COMPRESSORS if ending])
@pytest.mark.parametrize("keep", [-3, 10])
def test_truncated_compressed_file_is_an_error(tmp_path: Path, ending: str, keep: int) -> None:
    compressed = COMPRESSORS[ending](b"".join(b"%d\n" % i for i in range(1000)))
    with pytest.raises(CorpusError, match=rf"f\{ending}: damaged or truncated \{ending} file"):
        read(tmp_path / f"f{ending}", compressed[:keep])


@pytest.mark.parametrize("ending", [ending for ending in COMPRESSORS if ending])
def test_plain_text_with_a_compression_suffix_is_an_error(tmp_path: Path, ending: str) -> None:
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
def test_invalid_utf8_error_names_file_line_and_offset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, line: int, offset: int, byte: str, block: int
) -> None:
    monkeypatch.setattr(text_io, "BLOCK", block)
    with pytest.raises(CorpusError, match=rf"f:{line}: byte 0x{byte} at byte offset {offset} .*--invalid-utf8 replace"):
        read(tmp_path / "f", content)


def test_invalid_utf8_is_replaced_and_counted_with_invalid_replace(tmp_path: Path) -> None:
    lines, file = read(tmp_path / "f", "a \ufffd".encode() + b"\nb \xe9\xe9\nc\n", invalid="replace")
    assert lines == ["a \ufffd", "b \ufffd\ufffd", "c"]
    assert file.invalid_bytes == 2, "U+FFFD in the file itself does not count"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("hello\n".encode("utf-16"), "is UTF-16.*iconv"),
        ("hello\n".encode("utf-16-le"), "NUL bytes"),
        (b"\0" * 100, "NUL bytes"),
    ],
)
def test_utf16_and_nul_bytes_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read(tmp_path / "f", content)


def test_line_longer_than_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_io, "MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(text_io, "BLOCK", 100)
    with pytest.raises(CorpusError, match=r"f:3: a line of more than"):
        read(tmp_path / "f", b"a\nb\n" + b"x" * 2000)


def test_folder_and_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is a folder"):
        list(read_lines(TextFile(tmp_path)))
    with pytest.raises(CorpusError, match="no such file"):
        list(read_lines(TextFile(tmp_path / "missing")))


def test_os_errors_are_reported_with_their_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", fail)
    with pytest.raises(CorpusError, match=r"f: cannot be read: Permission denied"):
        list(read_lines(TextFile(tmp_path / "f")))


def test_only_one_block_is_read_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_io, "BLOCK", 64)
    path = tmp_path / "f"
    path.write_bytes(b"".join(b"%08d\n" % i for i in range(10_000)))
    file = TextFile(path)
    lines = read_lines(file)
    assert next(lines) == "00000000"
    assert file.lines < 10, "the rest has not been read yet"


TEXTS = {
    "cp949": "빨간 사과 여기 있다.\n오늘은 날씨가 매우 좋습니다.\n",
    "cp932": "これは日本語の文章です。\n今日はとても良い天気ですね。\n",
    "gb18030": "这是一个中文句子。\n今天天气很好，我们去公园。\n",
    "cp1252": "L'été à Noël.\nÇa va très bien, merci beaucoup.\nIl a mangé une crêpe.\n",
    "koi8_r": "Привет, мир.\nСегодня хорошая погода.\nОн пошёл в школу.\n",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_another_encoding_is_named_and_read(tmp_path: Path, encoding: str) -> None:
    content = ("plain line\n" + TEXTS[encoding]).encode(encoding)
    named = rf"f:2: byte .* it looks like (\w+ or )?{encoding}.*; convert it with iconv -f .* -t UTF-8 .*f > NEW"
    with pytest.raises(CorpusError, match=named):
        read(tmp_path / "f", content)
    file = TextFile(tmp_path / "f", encoding=encoding)
    assert list(read_lines(file)) == ["plain line", *TEXTS[encoding].splitlines()]


@pytest.mark.parametrize("encoding", ["cp949", "cp932", "gb18030", "koi8_r"])
def test_text_that_replacing_would_destroy_is_refused(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(CorpusError, match=rf"f:1: most of its text is not UTF-8 .* it looks like {encoding}"):
        read(tmp_path / "f", 3 * TEXTS[encoding].encode(encoding), "replace")


def test_one_damaged_byte_is_not_taken_for_another_encoding(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"f:3: byte 0xB0 .* is not UTF-8; convert the file, or .*--invalid-utf8"):
        read(tmp_path / "f", TEXTS["cp949"].encode() + b"\xb0 " + TEXTS["cp949"].encode())


@pytest.mark.parametrize(("encoding", "block"), [("cp949", 1), ("utf-16", 3), ("cp932", 7)])
def test_reading_another_encoding_does_not_depend_on_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, block: int
) -> None:
    monkeypatch.setattr(text_io, "BLOCK", block)
    text = TEXTS["cp932" if encoding == "cp932" else "cp949"]
    (tmp_path / "f").write_bytes(text.encode(encoding))
    assert list(read_lines(TextFile(tmp_path / "f", encoding=encoding))) == text.splitlines()
    (tmp_path / "f").write_bytes(text.encode(encoding) + b"\x81")
    with pytest.raises(CorpusError, match=r"f:3: byte 0x81 is not"):
        list(read_lines(TextFile(tmp_path / "f", encoding=encoding)))
