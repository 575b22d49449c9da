"""The browser that tests of pages use."""

from pathlib import Path

import pytest
from browser import dump_dom, find_browser

PAGE = """<!DOCTYPE html><html><body><p id="a">static</p><noscript><b>fallback</b></noscript>
<script>document.getElementById("a").textContent = `${innerWidth} ${location.hash}`;</script></body></html>"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "a page.html"
    path.write_text(PAGE, encoding="utf-8")
    return path


def test_scripts_run_at_the_width_of_a_phone(page: Path) -> None:
    assert '<p id="a">390 #sort=x</p>' in dump_dom(page, 390, fragment="sort=x")


def test_actions_run_after_the_page_s_own_script(page: Path) -> None:
    assert '<p id="a">1280 !</p>' in dump_dom(page, actions='document.getElementById("a").append("!");')


def test_without_scripts_the_page_is_as_written(page: Path) -> None:
    assert '<p id="a">static</p>' in dump_dom(page, script=False)


def test_the_reason_is_given_where_no_browser_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match="needs a browser: none of chromium"):
        find_browser()


def test_actions_that_fail_fail_the_test(page: Path) -> None:
    with pytest.raises(AssertionError, match="the actions failed: ReferenceError"):
        dump_dom(page, actions="missing()")
