"""The output folder of preprocess: written to a temporary folder, then renamed; it replaces only prepared corpora."""

import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nmt_cli.atomic import dir_lock, sync_folder
from nmt_cli.corpus.dataset import SPLITS, split_file
from nmt_cli.corpus.lexicon import LEXICON
from nmt_cli.corpus.manifest import PREPARED, REPORT, PreparedManifest, file_hash
from nmt_cli.corpus.tokenizer import JOINT, SEPARATE
from nmt_cli.errors import CorpusError, OutputError
from nmt_cli.manifest import MANIFEST, read_kind

_OURS = {MANIFEST, REPORT, LEXICON, JOINT, *SEPARATE, *map(split_file, SPLITS)}
"""Files that preprocess writes."""


@contextmanager
def atomic_directory(out: Path) -> Iterator[tuple[Path, Path]]:
    """Yield an empty folder to fill and a working folder, both beside `out`; if the block succeeds, the first becomes
    `out` unless it is empty.

    It replaces an existing prepared corpus. However the block ends, no partial output is left. Raises OutputError if
    the folder cannot be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _sweep(out)
        temporary = tempfile.TemporaryDirectory(prefix=f".{out.name}.", suffix=".partial", dir=out.parent)
        with temporary as name, dir_lock(Path(name)):
            fresh, work = Path(name) / "fresh", Path(name) / "work"
            fresh.mkdir()
            work.mkdir()
            yield fresh, work
            if any(fresh.iterdir()):
                _publish(fresh, out, Path(name) / "old")
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OutputError(
            f"{out}: cannot write the prepared corpus: {reason}; fix this or choose another folder with --out"
        ) from None


def _sweep(out: Path) -> None:
    """Remove temporary folders that a killed run left beside `out`, and restore a corpus that it had moved there."""
    for leftover in out.parent.glob(f".{glob.escape(out.name)}.*.partial"):
        with dir_lock(leftover) as acquired:
            if not acquired:
                continue  # in use by another run
            if (leftover / "old").is_dir() and not out.exists():
                os.rename(leftover / "old", out)
            shutil.rmtree(leftover, ignore_errors=True)


def _publish(fresh: Path, out: Path, old: Path) -> None:
    for path in fresh.iterdir():
        with open(path, "rb+") as file:  # Windows syncs only files that are open for writing
            os.fsync(file.fileno())
    sync_folder(fresh)
    if out.is_dir():
        check_output_dir(out, overwrite=True)  # again: it may have appeared since
        os.rename(out, old)
    try:
        os.rename(fresh, out)
    except BaseException:
        if old.exists():
            os.rename(old, out)
        raise
    sync_folder(out.parent)
    shutil.rmtree(old, ignore_errors=True)


def check_output_dir(out: Path, overwrite: bool) -> PreparedManifest | None:
    """Check that a prepared corpus may be written here. Returns the manifest of an existing one, else None.

    Raises CorpusError if there is something else, or a file that preprocess did not write. A damaged corpus is an error
    too, unless `overwrite` replaces it; then None is returned.
    """
    nearest = next(path for path in out.absolute().parents if path.exists())
    if not nearest.is_dir():
        raise CorpusError(f"{out}: {nearest} is a file, not a folder; choose another --out")
    if not out.exists() and not out.is_symlink():
        return None
    if not out.is_dir():
        raise CorpusError(f"{out}: exists and is not a folder; choose another with --out")
    names = {path.name for path in out.iterdir()}
    if not names:
        return None
    if MANIFEST not in names:
        raise CorpusError(f"{out}: exists and is not a prepared corpus, so it is not touched; choose another --out")
    if read_kind(out) != PREPARED.name:
        raise CorpusError(f"{out}: exists and its {MANIFEST} is of another kind; choose another folder with --out")
    if foreign := sorted(names - _OURS):
        raise CorpusError(f"{out}: contains {foreign[0]}, not written by preprocess; move it or choose another --out")
    try:
        manifest = PREPARED.read(out)
    except CorpusError as error:
        if overwrite:
            return None
        raise CorpusError(f"{error}; --overwrite replaces it") from None
    return manifest


def verify(folder: Path, manifest: PreparedManifest) -> bool:
    """Whether every file of a prepared corpus exists and matches the hash in its manifest."""
    paths = {folder / name: content for name, content in manifest.files.items()}
    return all(path.is_file() and file_hash(path) == content for path, content in paths.items())
