"""Opens a page in an installed browser, and returns the page as it then is."""

import shutil
import subprocess
import tempfile
from html import escape
from json import dumps
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

HEIGHT = 800

FRAME = """<!DOCTYPE html>
<body style="margin: 0">
<iframe id="page" src="{address}" style="border: 0; width: {width}px; height: {height}px" {sandbox}></iframe>
<script>
const replace = () => document.replaceChild(
  document.importNode(page.contentDocument.documentElement, true), document.documentElement);
page.onload = () => setTimeout(() => {{
  if ({actions}) page.contentWindow.eval({actions});
  setTimeout(replace, 500);
}}, 500);
</script>
"""
"""Holds the page in a frame, since a window cannot be as narrow as a phone; and then becomes what the page became."""


def find_browser() -> str:
    """The path of a browser. Skips the test if none is installed."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    pytest.skip(f"needs a browser: none of {', '.join(BROWSERS)} is installed")


def dump_dom(page: Path, width: int = 1280, *, script: bool = True, fragment: str = "", actions: str = "") -> str:
    """The HTML of a page after it was loaded in a window of `width` x 800 pixels and its scripts ran.

    Args:
        page: the file.
        width: of the window, in pixels.
        script: False switches JavaScript off.
        fragment: the part of the address after `#`.
        actions: JavaScript to run in the page once it is loaded, before the HTML is taken.
    """
    browser = find_browser()
    assert script or not actions, "actions are JavaScript"
    address = page.absolute().as_uri() + (f"#{fragment}" if fragment else "")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        frame = Path(folder, "frame.html")
        content = FRAME.format(
            address=escape(address),
            width=width,
            height=HEIGHT,
            sandbox="" if script else 'sandbox="allow-same-origin"',
            actions=dumps(actions).replace("<", "\\u003c"),
        )
        frame.write_text(content, encoding="utf-8")
        command = [
            browser,
            "--headless=new",
            "--no-sandbox",  # containers run as root
            "--disable-gpu",
            "--allow-file-access-from-files",  # so that the frame can be read
            f"--user-data-dir={folder}/profile",
            f"--window-size={max(width, 500)},{HEIGHT}",
            "--virtual-time-budget=10000",
            "--dump-dom",
            frame.as_uri(),
        ]
        return subprocess.run(command, capture_output=True, timeout=60, check=True, encoding="utf-8").stdout
