r"""Reading lines from a stream: only \n ends a line, any bytes are accepted, available lines are returned at once."""

import io
import os
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt_cli.decoding import text_stream
from nmt_cli.decoding.text_stream import Line, LineReader


def read(content: bytes, window: int = 3) -> list[list[Line]]:
    return list(LineReader(io.BytesIO(content), window).windows())


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a", ["a"]),
        (b"a\n", ["a"]),
        (b"a\n\n", ["a", ""]),
        (b"a\nb", ["a", "b"]),
        (b"\n\na", ["", "", "a"]),
        ("a\u2028b\u0085c\x0bd\x0ce\x1cf\x00g\rh\n".encode(), ["a\u2028b\u0085c\x0bd\x0ce\x1cf\x00g\rh"]),
    ],
)
def test_only_a_line_feed_ends_a_line(content: bytes, texts: list[str]) -> None:
    assert [line.text for window in read(content) for line in window] == texts


@given(st.binary(max_size=300), st.integers(1, 4), st.integers(1, 7))
def test_any_bytes_give_one_line_for_each_line_feed(content: bytes, window: int, chunk: int) -> None:
    before, text_stream.CHUNK = text_stream.CHUNK, chunk
    try:
        reader = LineReader(io.BytesIO(content), window)
        windows = list(reader.windows())
    finally:
        text_stream.CHUNK = before
    lines = [line for window in windows for line in window]
    expected = content.split(b"\n")
    assert len(lines) == reader.count == len(expected) - (expected[-1] == b"")
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))
    assert all(1 <= len(window_lines) <= window for window_lines in windows)


def test_removed_bom_carriage_return_and_invalid_bytes_are_flagged() -> None:
    (lines,) = read(b"\xef\xbb\xbfone\r\ntw\xffo\r\r\n\xef\xbb\xbfthree")
    assert lines == [
        Line(1, "one", byte_order_mark=True, carriage_return=True),
        Line(2, "tw\ufffdo\r", invalid_utf8=True, carriage_return=True),
        Line(3, "\ufeffthree"),
    ]


def test_windows_are_full_except_the_last() -> None:
    assert [len(window) for window in read(b"x\n" * 8)] == [3, 3, 2]


def test_line_is_returned_while_the_pipe_stays_open() -> None:
    """A pipe that stays open: each line is returned before the next is written."""
    out, into = os.pipe()
    with open(out, "rb") as stream, open(into, "wb", buffering=0) as writer:
        windows: Iterator[list[Line]] = LineReader(stream, 100).windows()
        for text in ("one", "two"):
            writer.write(text.encode() + b"\nunfin")
            writer.write(b"ished\n")
            assert [line.text for line in next(windows)] == [text, "unfinished"]
        writer.close()
        assert list(windows) == []


def test_pipe_written_byte_by_byte_loses_nothing() -> None:
    out, into = os.pipe()

    def feed() -> None:
        with open(into, "wb", buffering=0) as writer:
            for byte in "가나\n다\n\n라".encode():
                writer.write(bytes([byte]))

    thread = threading.Thread(target=feed)
    thread.start()
    with open(out, "rb") as stream:
        texts = [line.text for window in LineReader(stream, 2).windows() for line in window]
    thread.join()
    assert texts == ["가나", "다", "", "라"]
