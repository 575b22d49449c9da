"""Files over HTTP from a local server that stalls, breaks off, refuses, redirects without end."""

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from nmt_cli.corpus import web
from nmt_cli.corpus.download import fetch
from nmt_cli.corpus.text_io import read_lines
from nmt_cli.errors import CorpusError
from nmt_cli.progress import Progress

TEXT = "".join(f"한 줄 {n}\n" for n in range(2000)).encode()
STATUSES = {"403": 403, "401": 401, "500": 500, "404": 404, "418": 418}


class Handler(http.server.BaseHTTPRequestHandler):
    """What the path asks for: a status, or a way to fail; each path counts how often it was asked."""

    asked: dict[str, int]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        name = unquote(self.path).removeprefix("/").split(".")[0]
        Handler.asked[name] = Handler.asked.get(name, 0) + 1
        if name in STATUSES:
            self.send_error(STATUSES[name])
        elif name == "loop":
            self.send_response(302)
            self.send_header("Location", "/loop")
            self.end_headers()
        elif name == "silent":
            time.sleep(2)
        elif name == "mute":
            self.wfile.write(b"SSH-2.0-server\r\n")
        else:
            self._send_text(name, first=Handler.asked[name] == 1)

    def _send_text(self, name: str, first: bool) -> None:
        if name == "busy" and first:
            self.send_error(503)
            return
        self.send_response(200)
        if name != "unsized":
            self.send_header("Content-Length", str(len(TEXT)))
        self.end_headers()
        if name in ("stalling", "broken") and (first or name == "broken"):
            self.wfile.write(TEXT[:100])
            self.wfile.flush()
            time.sleep(1 if name == "stalling" else 0)
        elif name == "slow":
            for start in range(0, len(TEXT), len(TEXT) // 8):
                self.wfile.write(TEXT[start : start + len(TEXT) // 8])
                self.wfile.flush()
                time.sleep(0.1)
        else:
            self.wfile.write(TEXT)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of the server; a stall is 0.3 seconds long, and the next try comes at once."""
    monkeypatch.setattr(web, "STALL", 0.3)
    monkeypatch.setattr(web, "WAITS", (0.0, 0.0))
    Handler.asked = {}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.daemon_threads = True
        httpd.block_on_close = False
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()


class Log(Progress):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


def get(url: str, folder: Path, log: Log | None = None) -> bytes:
    text = fetch(url, "tsv", ("en", "ko"), folder, log or Log())
    return b"".join(f"{line}\n".encode() for line in read_lines(text.files[0]))


@pytest.mark.parametrize("name", ["plain", "unsized", "slow", "한글 이름"])
def test_text_arrives_whole_however_slowly(server: str, tmp_path: Path, name: str) -> None:
    """The slow one takes longer than a stall, but never stops that long."""
    log = Log()
    assert get(f"{server}/{name}.tsv", tmp_path, log) == TEXT
    assert log.messages == [f"fetching {server}/{name}.tsv"]
    assert Handler.asked == {name: 1}


@pytest.mark.parametrize(("name", "reason"), [("stalling", "no data for 0 s"), ("busy", "the server answers 503")])
def test_what_may_pass_is_tried_again(server: str, tmp_path: Path, name: str, reason: str) -> None:
    log = Log()
    assert get(f"{server}/{name}.tsv", tmp_path, log) == TEXT
    assert Handler.asked == {name: 2}
    assert f"{reason}" in log.messages[1]
    assert "trying again in 0 s (try 2 of 3)" in log.messages[1]


@pytest.mark.parametrize(
    ("name", "message", "tries"),
    [
        ("403", r"the server refuses access \(403 Forbidden\)", 1),
        ("401", r"the server refuses access \(401 Unauthorized\)", 1),
        ("404", r"not found \(404 Not Found\)", 1),
        ("418", r"the server answers 418", 1),
        ("500", r"the server answers 500 Internal Server Error \(3 tries\)", 3),
        ("silent", r"no data for 0 s \(3 tries\)", 3),
        ("broken", r"the connection ended after 100 of \d\d,\d{3} bytes \(3 tries\)", 3),
        ("mute", r"the answer is not HTTP \(BadStatusLine\)", 1),
    ],
)
def test_a_failure_is_told_as_itself_after_few_tries(
    server: str, tmp_path: Path, name: str, message: str, tries: int
) -> None:
    with pytest.raises(CorpusError, match=rf"{server}/{name}.tsv: .*{message}") as error:
        get(f"{server}/{name}.tsv", tmp_path)
    assert "\n" not in str(error.value)
    assert Handler.asked == {name: tries}


def test_endless_redirects_and_refused_ports_are_told(server: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"loop.tsv: cannot be fetched: the server redirects without end \(302"):
        get(f"{server}/loop.tsv", tmp_path)
    with pytest.raises(CorpusError, match=r"127.0.0.1:9/x: cannot be fetched: connection refused"):
        get("http://127.0.0.1:9/x", tmp_path)


@pytest.mark.parametrize("url", ["http://[::1", "http://", "http://x:port/a", "http://a b/c", "http://\u0000/"])
@pytest.mark.parametrize("form", ["tsv", "auto"])
def test_a_url_that_is_not_valid_is_told(url: str, form: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"(is not a valid URL|cannot be fetched)"):
        fetch(url, form, ("en", "ko"), tmp_path, Log())  # type: ignore[arg-type]


def test_a_full_disk_is_not_blamed_on_the_network(server: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        web.fetch_http(f"{server}/plain", Path("/dev/full"), Log())
