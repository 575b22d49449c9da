"""Stored splits, and the manifest of a prepared corpus."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import record_files
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt_cli.corpus.dataset import PreparedCorpus, Split, SplitWriter, record_batch
from nmt_cli.corpus.manifest import FORMAT, PREPARED, PreparedManifest
from nmt_cli.corpus.tokenizer import Tokenizer, Tokenizers
from nmt_cli.errors import CorpusError

Row = tuple[list[int], list[int], str, str]

ROWS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 60_000), max_size=5),
        st.lists(st.integers(0, 60_000), max_size=5),
        st.text(st.characters(codec="utf-8"), max_size=8),
        st.text(st.characters(codec="utf-8"), max_size=8),
    ),
    max_size=6,
)


def with_sizes(tokenizer: Tokenizer, source: int, target: int) -> Tokenizers:
    """Tokenizers that report these vocabulary sizes."""
    sides = [Tokenizer(tokenizer.model), Tokenizer(tokenizer.model)]
    sides[0].size, sides[1].size = source, target
    return Tokenizers(*sides)


def write(path: Path, tokenizers: Tokenizers, batches: list[list[Row]]) -> Split:
    with SplitWriter(path, tokenizers) as writer:
        for rows in batches:
            ids = [row[0] for row in rows], [row[1] for row in rows]
            texts = [row[2] for row in rows], [row[3] for row in rows]
            batch = record_batch(tokenizers, ids, texts)
            writer.write(batch.serialize().to_pybytes())
    return Split(path, tokenizers)


@settings(max_examples=60, deadline=None)
@given(batches=st.lists(ROWS, max_size=4), source=st.sampled_from([60_001, 1 << 16, 70_000]))
def test_written_rows_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Tokenizer, batches: list[list[Row]], source: int
) -> None:
    path = tmp_path_factory.mktemp("store") / "train.arrow"
    split = write(path, with_sizes(tiny_tokenizer, source, 1 << 16), batches)
    rows = [row for batch in batches for row in batch]
    assert len(split) == len(rows)
    assert split.source_lengths.dtype == split.target_lengths.dtype == np.int32
    for i, (source_ids, target_ids, source_text, target_text) in enumerate(rows):
        assert split.source_ids(i).tolist() == source_ids
        assert split.target_ids(i).tolist() == target_ids
        assert split.source_ids(i).dtype == (np.uint16 if source <= 1 << 16 else np.int32)
        assert (split.source_lengths[i], split.target_lengths[i]) == (len(source_ids), len(target_ids))
        assert (split.source_text(i), split.target_text(i)) == (source_text, target_text)
    assert split.source_texts() == [row[2] for row in rows]
    assert split.target_texts() == [row[3] for row in rows]


def test_ids_are_read_only_views_and_row_numbers_are_checked(tmp_path: Path, tiny_tokenizer: Tokenizer) -> None:
    split = write(tmp_path / "f", Tokenizers(tiny_tokenizer, tiny_tokenizer), [[([1, 2, 3], [4], "a", "b")]])
    ids = split.source_ids(0)
    assert not ids.flags.owndata
    assert not ids.flags.writeable
    for row in (1, -1):
        with pytest.raises(IndexError, match="of 1"):
            split.source_ids(row)


@pytest.mark.parametrize("damage", ["missing", "short", "foreign", "empty"])
def test_a_damaged_split_is_reported_in_one_line(tmp_path: Path, tiny_tokenizer: Tokenizer, damage: str) -> None:
    path = tmp_path / "dev.arrow"
    write(path, Tokenizers(tiny_tokenizer, tiny_tokenizer), [[([1, 2, 3], [4], "a", "b")]])
    content = {"short": path.read_bytes()[:-40], "foreign": b"text\n" * 100, "empty": b""}.get(damage)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CorpusError, match=r"dev.arrow: missing or damaged .*; run nmt preprocess again") as caught:
        Split(path, Tokenizers(tiny_tokenizer, tiny_tokenizer))
    assert "\n" not in str(caught.value)


CORPUS: dict[str, Any] = {"name": "train", "weight": 1.0, "tag": None, "pairs": 2}


def manifest(**changed: Any) -> dict[str, Any]:
    """The fields of a valid manifest, with these changes."""
    fields: dict[str, Any] = {
        "format": FORMAT,
        "kind": "prepared",
        "toolkit": "0",
        "command": ["nmt", "preprocess"],
        "source": "en",
        "target": "ko",
        "unicode": "nfc",
        "max_length": 200,
        "counts": {"train": 2},
        "subwords": {"train": (3, 4)},
        "corpora": [CORPUS],
        "tags": [],
        "tokenizer": {
            "type": "unigram",
            "vocabulary": "joint",
            "source_size": 400,
            "target_size": 400,
            "sentences": 4,
        },
        "inputs": {"train": [{"path": "train.en", "sha256": "0" * 64}]},
        "files": {},
        "options": {"seed": 1},
        "fingerprint": "0",
    }
    return {**fields, **changed}


def test_a_manifest_round_trips(tmp_path: Path) -> None:
    written = PreparedManifest.model_validate(manifest())
    PREPARED.write(tmp_path, written)
    assert PREPARED.read(tmp_path) == written


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"no prepared corpus here; make one with nmt preprocess --out"),
        ("{", r"manifest.json: cannot be read: .*; run nmt preprocess again"),
        ("[]", r"not a prepared corpus; make one with nmt preprocess"),
        (json.dumps(manifest(kind="model")), r"not a prepared corpus"),
        (
            json.dumps(manifest(format=FORMAT + 1)),
            rf"format {FORMAT + 1} is newer than the supported {FORMAT}; upgrade",
        ),
        (
            json.dumps(manifest(format=FORMAT - 1)),
            rf"format {FORMAT - 1} is from an older nmt-cli; run nmt preprocess again",
        ),
        (json.dumps(manifest(counts={"train": "many"})), r"damaged at counts.train: .*; run nmt preprocess again"),
        (json.dumps(manifest(extra=1)), r"damaged at extra"),
        (json.dumps(manifest(counts={"train": 3})), "the pairs of the corpora are not those of train"),
        (json.dumps(manifest(corpora=[{**CORPUS, "tag": "web"}])), "a corpus has an unknown tag"),
        (json.dumps(manifest(corpora=[{**CORPUS, "weight": 0.0}])), r"damaged at corpora.0.weight"),
        (json.dumps(manifest(tags=["a b"])), r"damaged at tags.0: .*a tag has"),
    ],
)
def test_an_invalid_manifest_is_rejected(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(CorpusError, match=message):
        PreparedCorpus.open(tmp_path)


def test_a_split_must_exist_and_hold_the_number_of_pairs_in_the_manifest(
    tmp_path: Path, tiny_tokenizer: Tokenizer
) -> None:
    tokenizers = Tokenizers(tiny_tokenizer, tiny_tokenizer)
    tokenizers.save(tmp_path)
    write(tmp_path / "train.arrow", tokenizers, [[([1], [2], "a", "b")]])
    sizes = {"source_size": tiny_tokenizer.size, "target_size": tiny_tokenizer.size}
    written = manifest(tokenizer={**manifest()["tokenizer"], **sizes}, files=record_files(tmp_path).files)
    PREPARED.write(tmp_path, PreparedManifest.model_validate(written))
    corpus = PreparedCorpus.open(tmp_path)
    with pytest.raises(CorpusError, match=r"no split dev; available: train"):
        corpus.split("dev")
    with pytest.raises(CorpusError, match=r"train.arrow: 1 pairs, but the manifest has 2"):
        corpus.split("train")


def test_a_forged_split_is_refused_before_it_is_read(tmp_path: Path, tiny_tokenizer: Tokenizer) -> None:
    """Its hash may be right: offsets beyond the data would crash, ids beyond the vocabulary fail much later."""
    tokenizers, path = Tokenizers(tiny_tokenizer, tiny_tokenizer), tmp_path / "dev.arrow"
    write(path, tokenizers, [[([1, 2, 3], [4], "a", "b")]])
    forged = path.read_bytes().replace(struct.pack("<ii", 0, 3), struct.pack("<ii", 0, 2**30))
    assert forged != path.read_bytes()
    path.write_bytes(forged)
    with pytest.raises(CorpusError, match=r"dev.arrow: missing or damaged"):
        Split(path, tokenizers)
    write(path, with_sizes(tiny_tokenizer, 60_000, 400), [[([50_000], [4], "a", "b")]])
    with pytest.raises(CorpusError, match="a subword id of the source is not in the vocabulary"):
        Split(path, tokenizers)
    write(path, with_sizes(tiny_tokenizer, 70_000, 400), [[([1], [4], "a", "b")]])
    with pytest.raises(CorpusError, match="not the columns of a split of this vocabulary"):
        Split(path, tokenizers)
