"""Copy URLs and pipes to a working folder, because inputs are read more than once."""

import itertools
import shutil
from pathlib import Path, PurePosixPath
from typing import IO, Literal
from urllib.parse import urlsplit

from nmt_cli.corpus.readers import Format, ParallelText, detect_format, locate
from nmt_cli.corpus.text_io import OPENERS, TextFile
from nmt_cli.corpus.web import NotFoundError, fetch_http
from nmt_cli.errors import CorpusError
from nmt_cli.progress import Progress


def is_remote(given: str) -> bool:
    """Whether an input is a URL."""
    return "://" in given


def find_text(
    given: str, format: Format | Literal["auto"], languages: tuple[str, str], folder: Path, progress: Progress
) -> ParallelText:
    """Find the files of an input, which can be read more than once: URLs and pipes are copied into a folder.

    Raises CorpusError if there are no such files.
    """
    if is_remote(given):
        return fetch(given, format, languages, folder, progress)
    return copy_pipes(locate(given, format, languages), folder)


def fetch(
    given: str, format: Format | Literal["auto"], languages: tuple[str, str], folder: Path, progress: Progress
) -> ParallelText:
    """Download an input (one URL with both sides, URL,URL, or a URL prefix) into a folder.

    Raises CorpusError naming the URL and the reason if it cannot be fetched.
    """
    resolved = detect_format(_path(given)) if format == "auto" else format
    if resolved != "text":
        return ParallelText(resolved, (_download(given, folder, progress),))
    parts = given.split(",")
    if len(parts) == 2 and all(is_remote(part) for part in parts):
        return ParallelText("text", tuple(_download(part, folder, progress) for part in parts))
    return ParallelText("text", tuple(_find(given, language, folder, progress) for language in languages))


def _path(url: str) -> str:
    """The path of a URL. Raises CorpusError if it is not valid."""
    try:
        return urlsplit(url).path
    except ValueError as error:
        raise CorpusError(f"{url}: is not a valid URL ({error})") from None


def copy_pipes(text: ParallelText, folder: Path) -> ParallelText:
    """The same text, with pipes and other non-regular files copied into a folder."""
    files = [file if file.path.is_file() else _copy_pipe(file, folder) for file in text.files]
    return ParallelText(text.format, tuple(files))


def _copy_pipe(file: TextFile, folder: Path) -> TextFile:
    with open(file.path, "rb") as stream:
        return TextFile(_save(stream, folder, ""), file.name)


def _find(prefix: str, language: str, folder: Path, progress: Progress) -> TextFile:
    candidates = [f"{prefix}.{language}{ending}" for ending in OPENERS]
    for url in candidates:
        try:
            return _download(url, folder, progress)
        except NotFoundError:
            continue
    raise NotFoundError(f"{candidates[0]}: not found (nor with {', '.join(e for e in OPENERS if e)})")


def _download(url: str, folder: Path, progress: Progress) -> TextFile:
    suffix = PurePosixPath(_path(url)).suffix
    suffix = suffix if suffix in OPENERS else ""
    progress.message(f"fetching {url}")
    if url.lower().startswith(("http://", "https://")):
        path = _unused(folder, suffix)
        fetch_http(url, path, progress)
        return TextFile(path, url)
    import fsspec

    try:
        with fsspec.open(url, "rb") as stream:
            return TextFile(_save(stream, folder, suffix), url)
    except FileNotFoundError:
        raise NotFoundError(f"{url}: not found") from None
    except (ImportError, ValueError) as error:  # unknown protocol, or missing package for it
        raise CorpusError(f"{url}: cannot be fetched: {error}") from None


def _save(stream: IO[bytes], folder: Path, suffix: str) -> Path:
    path = _unused(folder, suffix)
    with open(path, "wb") as copy:
        shutil.copyfileobj(stream, copy, 1 << 20)
    return path


def _unused(folder: Path, suffix: str) -> Path:
    return next(p for i in itertools.count() if not (p := folder / f"input-{i}{suffix}").exists())
