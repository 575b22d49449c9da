"""Fetch a file by HTTP: as long as data arrives, with progress, a few tries, and the true reason of a failure."""

import http.client
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from nmt_cli import __version__
from nmt_cli.errors import CorpusError
from nmt_cli.progress import Progress

STALL = 30.0
"""Seconds without any data after which a try is given up; there is no limit on the whole."""
WAITS = (1.0, 5.0)
"""Seconds before the second and the third try."""
_BLOCK = 1 << 18
_SAFE = "%/:=&?~+!$,;'@()*[]"
"""Characters of a path that are not escaped; others, such as Hangul and spaces, are."""
_BUSY = (408, 425, 429, 500, 502, 503, 504)
"""Answers after which another try may succeed."""


class NotFoundError(CorpusError):
    """A URL does not exist."""


class _PassingError(Exception):
    """A try that failed for a reason that may pass."""


def fetch_http(url: str, to: Path, progress: Progress) -> None:
    """Write the content of a URL to a file. Raises CorpusError naming the URL and the reason if it cannot be fetched,
    NotFoundError if it does not exist, OSError if the file cannot be written."""
    for number, wait in enumerate((*WAITS, None), 1):
        try:
            _fetch_once(url, to, progress)
            return
        except _PassingError as error:
            if wait is None:
                raise CorpusError(f"{url}: cannot be fetched: {error} ({number} tries)") from None
            progress.message(f"{url}: {error}; trying again in {wait:.0f} s (try {number + 1} of {len(WAITS) + 1})")
            time.sleep(wait)


def _fetch_once(url: str, to: Path, progress: Progress) -> None:
    response = _ask(url, lambda: _open(url))
    with response:
        length = response.headers.get("Content-Length", "")
        size = int(length) if length.isdecimal() else None
        received = 0
        total = None if size is None else -(-size >> 20)
        with open(to, "wb") as file, progress.step(f"fetching {url}", total, "MiB", announce=False) as step:
            for block in _blocks(url, response):
                file.write(block)
                step.advance((received + len(block) >> 20) - (received >> 20))
                received += len(block)
    if size is not None and received < size:
        raise _PassingError(f"the connection ended after {received:,} of {size:,} bytes")


def _open(url: str) -> Any:
    parts = urlsplit(url)
    ascii_url = urlunsplit(
        (parts.scheme, _ascii_host(parts.netloc), quote(parts.path, _SAFE), quote(parts.query, _SAFE), "")
    )
    request = urllib.request.Request(ascii_url, headers={"User-Agent": f"nmt/{__version__}"})
    return urllib.request.urlopen(request, timeout=STALL)  # the time limit of each wait for data, not of the whole


def _ascii_host(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode()


def _blocks(url: str, response: Any) -> Iterator[bytes]:
    while block := _ask(url, lambda: response.read1(_BLOCK)):
        yield block


def _ask(url: str, action: Callable[[], Any]) -> Any:
    """The result of an action on the network; its failure as CorpusError, or as _PassingError if it may pass."""
    try:
        return action()
    except urllib.error.HTTPError as error:
        error.close()
        raise _explain_status(url, error) from None
    except urllib.error.URLError as error:
        reason = error.reason
        raise _explain(url, reason if isinstance(reason, Exception) else OSError(reason)) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _explain(url, error) from None


def _explain_status(url: str, error: urllib.error.HTTPError) -> Exception:
    status = f"{error.code} {http.client.responses.get(error.code, '')}".strip()
    if error.code in (404, 410):
        return NotFoundError(f"{url}: not found ({status})")
    if error.code in (401, 403, 407):
        return CorpusError(f"{url}: the server refuses access ({status}); download it where you are allowed to")
    if 300 <= error.code < 400:
        return CorpusError(f"{url}: cannot be fetched: the server redirects without end ({status})")
    if error.code in _BUSY:
        return _PassingError(f"the server answers {status}")
    return CorpusError(f"{url}: cannot be fetched: the server answers {status}")


def _explain(url: str, error: Exception) -> Exception:
    if isinstance(error, TimeoutError):
        return _PassingError(f"no data for {STALL:.0f} s")
    if isinstance(error, ConnectionRefusedError):
        return CorpusError(f"{url}: cannot be fetched: connection refused; is the address right?")
    if isinstance(error, socket.gaierror):
        return CorpusError(f"{url}: cannot be fetched: no server of this name is known ({error.strerror})")
    if isinstance(error, ConnectionError | http.client.IncompleteRead):
        return _PassingError("the connection was broken off")
    if isinstance(error, http.client.InvalidURL | ValueError | UnicodeError):
        return CorpusError(f"{url}: is not a valid URL ({error})")
    if isinstance(error, http.client.HTTPException):
        return CorpusError(f"{url}: cannot be fetched: the answer is not HTTP ({type(error).__name__})")
    reason = getattr(error, "strerror", None) or error
    return CorpusError(f"{url}: cannot be fetched: {reason}")
