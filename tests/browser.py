"""Opens a page in an installed browser, and returns the page as it then is."""

import json
import shutil
import subprocess
import tempfile
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

HEIGHT = 1200

FRAME = """<!DOCTYPE html>
<meta charset="utf-8">
<body style="margin: 0">
<iframe id="page" src="page.html{fragment}" style="border: 0; width: {width}px; height: {height}px" {sandbox}></iframe>
<script>
const nextFrame = () => new Promise(requestAnimationFrame);
const settled = async () => {{ for (let i = 0; i < 5; i++) await nextFrame(); }};
page.onload = async () => {{
  const {{ contentWindow: view, contentDocument: content }} = page;
  let result;
  try {{
    await settled();
    new Function("window", "document", {actions})(view, content);
    await settled();
    result = [content.documentElement.outerHTML, ""];
  }} catch (error) {{ result = ["", `${{error}}`]; }}
  await fetch("result", {{ method: "POST", body: JSON.stringify(result) }});
}};
</script>
"""
"""Holds the page in a frame, since a window cannot be as narrow as a phone, and sends its HTML to the server."""


def find_browser() -> str:
    """The path of a browser. Skips the test if none is installed."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    pytest.skip(f"needs a browser: none of {', '.join(BROWSERS)} is installed")


def dump_dom(page: Path, width: int = 1280, *, script: bool = True, fragment: str = "", actions: str = "") -> str:
    """The HTML of a page after it was loaded in a window of `width` x 1200 pixels and its scripts ran.

    Args:
        page: the file.
        width: of the window, in pixels.
        script: False switches JavaScript off.
        fragment: the part of the address after `#`.
        actions: JavaScript to run on the page's `window` and `document` once it is loaded, before the HTML is taken.
    """
    browser = find_browser()
    frame = FRAME.format(
        fragment=escape(f"#{fragment}" if fragment else ""),
        width=width,
        height=HEIGHT,
        sandbox="" if script else 'sandbox="allow-same-origin"',
        actions=json.dumps(actions).replace("<", "\\u003c"),
    )
    with (
        _Server({"/": frame.encode(), "/page.html": page.read_bytes()}) as server,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
    ):
        command = [
            browser,
            "--headless=new",
            "--no-sandbox",  # containers run as root
            "--disable-gpu",
            "--hide-scrollbars",
            "--remote-debugging-port=0",  # without it, a headless browser ends at once
            f"--user-data-dir={profile}",
            f"--window-size={max(width, 500)},{HEIGHT}",
            f"http://127.0.0.1:{server.server_port}/",
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            dom, error = server.results.get(timeout=60)
        finally:
            process.terminate()
            process.wait(timeout=60)
    assert not error, f"the actions failed: {error}"
    return dom


class _Server(ThreadingHTTPServer):
    """Serves files to this machine, and receives results."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.results: Queue[tuple[str, str]] = Queue()
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def server_close(self) -> None:
        self.shutdown()
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        content = self.server.files.get(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def do_POST(self) -> None:
        dom, error = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.server.results.put((dom, error))

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""
