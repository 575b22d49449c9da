"""Copy URLs and pipes to a working folder, because inputs are read more than once."""

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Literal
from urllib.parse import urlsplit

from nmt_cli.corpus.readers import Format, ParallelText, detect_format
from nmt_cli.corpus.text_io import OPENERS, TextFile
from nmt_cli.errors import CorpusError


class NotFoundError(CorpusError):
    """A URL does not exist."""


def is_remote(given: str) -> bool:
    """Whether an input is a URL."""
    return "://" in given


def fetch(given: str, format: Format | Literal["auto"], languages: tuple[str, str], folder: Path) -> ParallelText:
    """Download an input (one URL with both sides, URL,URL, or a URL prefix) into a folder.

    Raises CorpusError naming the URL if it cannot be fetched.
    """
    resolved = detect_format(urlsplit(given).path) if format == "auto" else format
    if resolved != "text":
        return ParallelText(resolved, (_download(given, folder),))
    parts = given.split(",")
    if len(parts) == 2 and all(is_remote(part) for part in parts):
        return ParallelText("text", (_download(parts[0], folder), _download(parts[1], folder)))
    source, target = (_find(given, language, folder) for language in languages)
    return ParallelText("text", (source, target))


def copy_pipes(text: ParallelText, folder: Path) -> ParallelText:
    """The same text, with pipes and other non-regular files copied into a folder."""
    files = [file if file.path.is_file() else _copy_pipe(file, folder) for file in text.files]
    return ParallelText(text.format, tuple(files))


def _copy_pipe(file: TextFile, folder: Path) -> TextFile:
    with open(file.path, "rb") as stream:
        return TextFile(_save(stream, folder, ""), file.name)


def _find(prefix: str, language: str, folder: Path) -> TextFile:
    candidates = [f"{prefix}.{language}{ending}" for ending in OPENERS]
    for url in candidates:
        try:
            return _download(url, folder)
        except NotFoundError:
            continue
    raise NotFoundError(f"{candidates[0]}: not found (nor with {', '.join(e for e in OPENERS if e)})")


def _download(url: str, folder: Path) -> TextFile:
    import fsspec

    suffix = PurePosixPath(urlsplit(url).path).suffix
    suffix = suffix if suffix in OPENERS else ""
    with _plain_errors(url), fsspec.open(url, "rb") as stream:
        return TextFile(_save(stream, folder, suffix), url)


def _save(stream: IO[bytes], folder: Path, suffix: str) -> Path:
    path = next(p for i in itertools.count() if not (p := folder / f"input-{i}{suffix}").exists())
    with open(path, "wb") as copy:
        shutil.copyfileobj(stream, copy, 1 << 20)
    return path


@contextmanager
def _plain_errors(url: str) -> Iterator[None]:
    """Turn errors of fsspec and aiohttp into a CorpusError of one line."""
    import aiohttp

    try:
        yield
    except FileNotFoundError as error:
        if isinstance(error.__cause__, aiohttp.ClientConnectionError):
            raise CorpusError(f"{url}: cannot be fetched: {error.__cause__}") from None
        raise NotFoundError(f"{url}: not found") from None
    except (aiohttp.ClientError, TimeoutError) as error:
        raise CorpusError(f"{url}: cannot be fetched: {error or type(error).__name__}") from None
    except (ImportError, ValueError) as error:  # fsspec: unknown protocol, or missing package for it
        raise CorpusError(f"{url}: cannot be fetched: {error}") from None
