"""The output folder of preprocess: written to a temporary folder, then renamed; it replaces only prepared corpora."""

import os
from contextlib import AbstractContextManager
from pathlib import Path

from nmt_cli.atomic_directory import atomic_directory
from nmt_cli.corpus.dataset import SPLITS, split_file
from nmt_cli.corpus.lexicon import LEXICON
from nmt_cli.corpus.manifest import PREPARED, REPORT, PreparedManifest, prepared_folder
from nmt_cli.corpus.tokenizer import JOINT, SEPARATE
from nmt_cli.errors import CorpusError
from nmt_cli.file_names import check_utf8
from nmt_cli.manifest import MANIFEST, read_kind

FILES = {MANIFEST, REPORT, LEXICON, JOINT, *SEPARATE, *map(split_file, SPLITS)}
"""Files that preprocess writes."""


def corpus_directory(out: Path) -> AbstractContextManager[tuple[Path, Path]]:
    """`atomic_directory` for a prepared corpus, which replaces only another one."""
    return atomic_directory(out, "the prepared corpus", lambda: check_output_dir(out, overwrite=True))


def check_output_dir(out: Path, overwrite: bool) -> PreparedManifest | None:
    """Check that a prepared corpus may be written here. Returns the manifest of an existing one, else None.

    Raises CorpusError if there is something else, or a file that preprocess did not write. A damaged corpus is an error
    too, unless `overwrite` replaces it; then None is returned.
    """
    check_utf8(out, CorpusError)
    nearest = next(path for path in Path(os.path.realpath(out)).parents if path.exists())
    if not nearest.is_dir():
        raise CorpusError(f"{out}: {nearest} is a file, not a folder; choose another --out")
    if not out.exists():  # a link is followed
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
    if foreign := sorted(names - FILES):
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
    try:
        for name in manifest.files:
            prepared_folder(folder, manifest).verify(name)
    except CorpusError:
        return False
    return True
