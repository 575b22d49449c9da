"""Damaged files of a prepared corpus and of a model are told in one line; large files are hashed once."""

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import record_files
from faulty_folders import Folders, check_damage, small_folders
from generated_faults import changed_folder, outcome, read_corpus, read_model

from nmt_cli import file_hashes
from nmt_cli.errors import CorpusError
from nmt_cli.manifest import OWN_HASH


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return small_folders(tmp_path_factory.mktemp("faults"))


@pytest.mark.parametrize(("kind", "read"), [("corpus", read_corpus), ("model", read_model)])
def test_damage_of_any_file_is_told(folders: Folders, tmp_path: Path, kind: str, read: Callable[[Path], str]) -> None:
    check_damage(folders, tmp_path, kind, read, random.Random(1), flips=6)


def test_what_a_stranger_changes_is_told_or_used(folders: Folders, tmp_path: Path) -> None:
    """With valid hashes, which a stranger can compute too: no other exception than NMTError."""
    rng, told = random.Random(2), 0
    for number in range(120):
        corpus, model = tmp_path / f"c{number}", tmp_path / f"m{number}"
        shutil.copytree(folders.one.corpus, corpus)
        shutil.copytree(folders.one.model, model)
        changed_folder(corpus, model, rng)
        told += (outcome(read_corpus, corpus), outcome(read_model, model)).count("told")
    assert 60 < told < 120


def test_a_manifest_that_was_changed_by_hand_is_told(folders: Folders, tmp_path: Path) -> None:
    for kind, read, change in (
        ("corpus", read_corpus, {"max_length": 300}), ("model", read_model, {"max_source_length": 300})
    ):  # fmt: skip
        copy = Path(shutil.copytree(getattr(folders.one, kind), tmp_path / kind))
        content = json.loads((copy / "manifest.json").read_text())
        (copy / "manifest.json").write_text(json.dumps({**content, **change}))
        assert outcome(read, copy) == "told"
        del content[OWN_HASH]
        (copy / "manifest.json").write_text(json.dumps(content))
        assert outcome(read, copy) == "told"


def test_a_large_file_is_hashed_again_only_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_hashes, "LARGE", 4)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    for name in ("large", "s"):
        (tmp_path / "data" / name).write_bytes(b"x" * len(name))
    folder = record_files(tmp_path / "data")
    hashed: list[str] = []

    def digest(file: Any, name: str) -> Any:
        hashed.append(Path(file.name if isinstance(file.name, str) else os.readlink(f"/proc/self/fd/{file.name}")).name)
        return hashlib.new(name, file.read())

    monkeypatch.setattr(hashlib, "file_digest", digest)
    for _ in range(2):
        for name in ("large", "s"):
            folder.verify(name)
    assert hashed == ["large", "s", "s"]
    (tmp_path / "data" / "large").write_bytes(b"y" * 5)
    with pytest.raises(CorpusError, match="large: damaged or changed"):
        folder.verify("large")
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").write_text("")  # no cache folder can be made
    (tmp_path / "data" / "large").write_bytes(b"x" * 5)
    folder.verify("large")
