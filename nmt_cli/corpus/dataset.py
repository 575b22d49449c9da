"""The prepared corpus on disk: memory-mapped Arrow files.

A split is an Arrow IPC file with the columns `source` and `target` (lists of subword ids without BOS and EOS, uint16 if
the vocabulary fits, else int32) and `source_text` and `target_text` (the text before normalisation).
"""

import errno
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from nmt_cli.corpus.lexicon import LEXICON
from nmt_cli.corpus.manifest import PREPARED, PreparedManifest, TrainCorpus, prepared_folder
from nmt_cli.corpus.tokenizer import Tokenizers
from nmt_cli.errors import CorpusError
from nmt_cli.system_errors import explain, explain_shortage

SPLITS = ("train", "dev", "test")

Ids = npt.NDArray[np.uint16] | npt.NDArray[np.int32]
Lengths = npt.NDArray[np.int32]


def split_file(name: str) -> str:
    """File name of a split."""
    return f"{name}.arrow"


def record_batch(
    tokenizers: Tokenizers, ids: tuple[list[list[int]], list[list[int]]], texts: tuple[list[str], list[str]]
) -> Any:
    """An Arrow record batch of pairs: ids and texts of source and target."""
    schema = _schema(tokenizers)
    arrays = [pa.array(column, field.type) for column, field in zip([*ids, *texts], schema, strict=True)]
    return pa.record_batch(arrays, schema=schema)


class SplitWriter:
    """Writes a split batch by batch, with one batch in memory."""

    def __init__(self, path: Path, tokenizers: Tokenizers) -> None:
        self._schema = _schema(tokenizers)
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._file, self._schema)
        self.rows = 0

    def write(self, serialised: bytes) -> None:
        """Append a serialised record batch."""
        batch = pa.ipc.read_record_batch(pa.py_buffer(serialised), self._schema)
        if batch.num_rows:
            self._writer.write_batch(batch)
            self.rows += batch.num_rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        self._file.close()


def _schema(tokenizers: Tokenizers) -> Any:
    return pa.schema(
        [
            ("source", pa.list_(_id_type(tokenizers.source.size))),
            ("target", pa.list_(_id_type(tokenizers.target.size))),
            ("source_text", pa.string()),
            ("target_text", pa.string()),
        ]
    )


def _id_type(size: int) -> Any:
    return pa.uint16() if size <= 1 << 16 else pa.int32()


def _read_batches(path: Path, tokenizers: Tokenizers) -> list[Any]:
    """The record batches of a memory-mapped file. Their offsets, text and ids are checked: reading beyond a
    buffer would crash. Raises OSError, ArrowException or ValueError."""
    reader = pa.ipc.open_file(pa.memory_map(str(path)))
    schema = _schema(tokenizers)
    if reader.schema != schema:
        raise ValueError("not the columns of a split of this vocabulary")
    batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
    sizes = {"source": tokenizers.source.size, "target": tokenizers.target.size}
    for batch in batches:
        batch.validate(full=True)
        if any(column.null_count for column in batch.columns):
            raise ValueError("a value is missing")
        for name, size in sizes.items():
            ids = np.asarray(batch.column(name).values)
            if len(ids) and (ids.min() < 0 or ids.max() >= size):
                raise ValueError(f"a subword id of the {name} is not in the vocabulary")
    return batches


def _explain(error: Exception) -> str:
    if shortage := explain_shortage(error):
        return f"cannot be read: {shortage}"
    if isinstance(error, OSError) and error.errno not in (None, errno.ENOENT):
        return f"cannot be read: {explain(error)}"
    return f"missing or damaged ({error}); run nmt preprocess again"


class _Column:
    """One side of a split: ids, lengths and texts, read from the memory-mapped file."""

    def __init__(self, batches: Sequence[Any], ids: str, texts: str) -> None:
        lists = [batch.column(ids) for batch in batches]
        self._texts = [batch.column(texts) for batch in batches]
        self._offsets = [np.asarray(column.offsets) for column in lists]
        self._values = [np.asarray(column.values) for column in lists]
        self._firsts = np.cumsum([0, *(len(column) for column in lists)])[:-1].tolist()
        parts = [np.diff(offsets) for offsets in self._offsets]
        self.lengths: Lengths = np.concatenate([np.empty(0, np.int32), *parts]).astype(np.int32)

    def _find(self, row: int) -> tuple[int, int]:
        """The record batch of a row, and its index in that batch."""
        if not 0 <= row < len(self.lengths):
            raise IndexError(f"row {row} of {len(self.lengths)}")
        batch = bisect_right(self._firsts, row) - 1
        return batch, row - self._firsts[batch]

    def ids(self, row: int) -> Ids:
        batch, index = self._find(row)
        start, end = self._offsets[batch][index : index + 2]
        ids: Ids = self._values[batch][start:end]
        return ids

    def text(self, row: int) -> str:
        batch, index = self._find(row)
        text: str = self._texts[batch][index].as_py()
        return text

    def all_texts(self) -> Iterator[str]:
        for column in self._texts:
            yield from column.to_pylist()


class Split:
    """The pairs of train, dev or test, in the order of the input.

    `source_lengths` and `target_lengths` are int32 arrays of the numbers of subwords without BOS and EOS.
    `source_ids(i)`, which begin with the tag of a tagged corpus, and `target_ids(i)` return read-only views of the
    memory-mapped file, not copies. Raises CorpusError if the file is missing, damaged, or was not encoded by these
    tokenizers.
    """

    def __init__(self, path: Path, tokenizers: Tokenizers) -> None:
        try:
            batches = _read_batches(path, tokenizers)
        except (OSError, pa.ArrowException, ValueError) as error:
            raise CorpusError(f"{path}: {_explain(error)}") from None
        self._source = _Column(batches, "source", "source_text")
        self._target = _Column(batches, "target", "target_text")
        self.source_lengths = self._source.lengths
        self.target_lengths = self._target.lengths
        self.corpora: Sequence[TrainCorpus] = ()
        """The corpora that follow each other in train; none in dev and test."""

    def __len__(self) -> int:
        return len(self.source_lengths)

    def source_ids(self, row: int) -> Ids:
        """Source subword ids of a pair."""
        return self._source.ids(row)

    def target_ids(self, row: int) -> Ids:
        """Target subword ids of a pair."""
        return self._target.ids(row)

    def source_text(self, row: int) -> str:
        """Source text of a pair, not normalised."""
        return self._source.text(row)

    def target_text(self, row: int) -> str:
        """Target text of a pair, not normalised."""
        return self._target.text(row)

    def source_texts(self) -> list[str]:
        """All source texts."""
        return list(self._source.all_texts())

    def target_texts(self) -> list[str]:
        """All target texts."""
        return list(self._target.all_texts())


class PreparedCorpus:
    """A prepared folder: its manifest, its tokenizers and its splits."""

    def __init__(self, path: Path, manifest: PreparedManifest, tokenizers: Tokenizers) -> None:
        self.path = path
        self.manifest = manifest
        self.tokenizers = tokenizers
        self._folder = prepared_folder(path, manifest)

    @classmethod
    def open(cls, path: Path) -> "PreparedCorpus":
        """Open a prepared folder. Raises CorpusError if it is missing, damaged or of another format version."""
        manifest = PREPARED.read(path)
        sizes = manifest.tokenizer.source_size, manifest.tokenizer.target_size
        return cls(path, manifest, Tokenizers.load(prepared_folder(path, manifest), manifest.unicode, sizes))

    def lexicon(self) -> bytes | None:
        """Content of its lexicon file (see `lexicon.py`); None if there is none."""
        return self._folder.read(LEXICON) if LEXICON in self._folder else None

    def split(self, name: str) -> Split:
        """Open a split by name: train, dev or test. Raises CorpusError if it is missing or damaged."""
        pairs = self.manifest.counts
        if name not in pairs:
            raise CorpusError(f"{self.path}: no split {name}; available: {', '.join(pairs)}")
        path = self._folder.verify(split_file(name))
        split = Split(path, self.tokenizers)
        if len(split) != pairs[name]:
            raise CorpusError(
                f"{path}: {len(split)} pairs, but the manifest has {pairs[name]}; run nmt preprocess again"
            )
        if name == "train":
            split.corpora = self.manifest.corpora
        return split
