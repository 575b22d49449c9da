"""Errors of the operating system: told with file and reason, or ignored where an operation is best effort."""

import errno
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt_cli.atomic import MAX_NAME, atomic_path, check_writable, dir_lock, remove_partials, write_atomic
from nmt_cli.atomic_directory import atomic_directory
from nmt_cli.corpus.text_io import TextFile, read_lines
from nmt_cli.documents import read_file
from nmt_cli.errors import NMTError, OutputError
from nmt_cli.file_hashes import FileRecord, VerifiedFolder
from nmt_cli.settings import read_toml
from nmt_cli.system_errors import UNSUPPORTED, best_effort, explain, explain_shortage, reason

ERRORS = [
    errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.EMFILE,
    errno.ENOMEM, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK, errno.ENAMETOOLONG, errno.EFBIG,
]  # fmt: skip
CALLS = {"chmod": os.chmod, "fsync": os.fsync, "replace": os.replace, "flock": fcntl.flock, "mkstemp": tempfile.mkstemp}


@contextmanager
def refusing(call: str, code: int) -> Iterator[None]:
    """Let a call of the system fail by this errno; it names the files that it was called with, as Python does."""

    def refuse(*arguments: object, **_: object) -> None:
        raise OSError(code, os.strerror(code), *(str(given) for given in arguments[:1] if not isinstance(given, int)))

    module = {"flock": "fcntl", "mkstemp": "tempfile"}.get(call, "os")
    with patch(f"{module}.{call}", refuse):
        yield


@settings(deadline=None)
@given(call=st.sampled_from(sorted(CALLS)), code=st.sampled_from(ERRORS))
def test_a_file_is_written_or_the_error_names_it_and_its_reason(call: str, code: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "out.txt")
        path.write_text("before")
        ignored = call == "flock" or (call in ("chmod", "fsync") and code in UNSUPPORTED)
        with refusing(call, code):
            if ignored:
                write_atomic(path, "after")
            else:
                with pytest.raises(OSError, match=os.strerror(code)) as caught:
                    write_atomic(path, "after")
                assert caught.value.filename == str(path)
        assert path.read_text() == ("after" if ignored else "before")
        assert os.listdir(folder) == ["out.txt"]


@settings(deadline=None)
@given(call=st.sampled_from(["fsync", "flock", "rename", "mkdir"]), code=st.sampled_from(ERRORS))
def test_a_folder_is_written_or_the_error_names_it_and_its_reason(call: str, code: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        ignored = call == "flock" or (call == "fsync" and code in UNSUPPORTED)
        message = ""
        try:
            with refusing(call, code), atomic_directory(out, "the corpus", lambda: None) as (fresh, _):
                (fresh / "a").write_text("a")
        except OutputError as error:
            message = str(error)
        assert message.startswith("" if ignored else f"{out}: cannot write the corpus: {os.strerror(code)}")
        assert bool(message) != ignored
        assert out.exists() == ignored


@settings(deadline=None)
@given(code=st.sampled_from(ERRORS))
def test_an_input_that_cannot_be_read_is_not_taken_for_the_output(code: int) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.raises(OSError, match=os.strerror(code)) as caught,
        atomic_directory(Path(folder, "out"), "the corpus", lambda: None),
    ):
        raise OSError(code, os.strerror(code), f"{folder}/train.en")
    assert caught.value.filename == f"{folder}/train.en"


READERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: list(read_lines(TextFile(path))),
    "options": read_toml,
    "a file of a manifest": lambda path: VerifiedFolder(
        path.parent, {path.name: FileRecord.of(b"")}, OutputError, "train again"
    ).read(path.name),
    "a mapped file": lambda path: VerifiedFolder(
        path.parent, {path.name: FileRecord.of(b"")}, OutputError, "train again"
    ).verify(path.name),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("code", ERRORS)
def test_a_file_that_cannot_be_read_is_told_with_its_reason(
    tmp_path: Path, reader: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.touch()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), str(path))

    with monkeypatch.context() as patched:
        patched.setattr("builtins.open", refuse)
        patched.setattr("os.open", refuse)
        with pytest.raises(NMTError) as caught:
            READERS[reader](path)
    assert str(caught.value).startswith(f"{path}: cannot be read")
    assert os.strerror(code) in str(caught.value)
    assert "no such" not in str(caught.value)


def test_permission_and_damage_have_different_remedies() -> None:
    refused = explain(PermissionError(errno.EACCES, "Permission denied", "m"), "train again")
    assert refused == "Permission denied; give this user access to it and to its folder, with chmod or chown"
    assert explain(OSError("not a regular file"), "train again") == "not a regular file; train again"
    assert explain(OSError(errno.ENOTEMPTY, "Directory not empty")) == "Directory not empty"


def test_the_reason_of_arrow_is_given_once() -> None:
    text = "Failed to open local file 'x'. Detail: [errno 13] Permission denied"
    assert reason(OSError(errno.EACCES, text)) == "Permission denied"


@pytest.mark.parametrize("code", ERRORS)
def test_best_effort_ignores_only_what_a_system_does_not_support(code: int) -> None:
    try:
        with best_effort():
            raise OSError(code, os.strerror(code))
    except OSError:
        assert code not in UNSUPPORTED
    else:
        assert code in UNSUPPORTED


def test_a_folder_that_may_not_be_read_has_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with dir_lock(tmp_path) as acquired:
        assert acquired is None


def test_partial_files_of_killed_runs_are_removed_and_those_in_use_are_kept(tmp_path: Path) -> None:
    left = tmp_path / ".out.abcdefgh.partial"
    others = [".other.abcdefgh.partial", "out.abcdefgh.partial", ".out.mine.partial", ".out.txt.abcdefgh.partial"]
    (tmp_path / ".out.bcdefghi.partial").mkdir()
    (tmp_path / ".out.cdefghij.partial").symlink_to(tmp_path / others[0])
    for path in (left, *(tmp_path / name for name in others)):
        path.write_text("x")
    with atomic_path(tmp_path / "out") as in_use:
        in_use.write_text("after")
        remove_partials(tmp_path / "out")
        assert in_use.exists()
    assert not left.exists()
    kept = {*others, ".out.bcdefghi.partial", ".out.cdefghij.partial", "out"}
    assert {path.name for path in tmp_path.iterdir()} == kept
    assert (tmp_path / "out").read_text() == "after"


def test_without_locks_no_partial_file_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".out.abcdefgh.partial"
    left.touch()
    with refusing("flock", errno.ENOLCK):
        remove_partials(tmp_path / "out")
    assert left.exists()


def test_shortages_are_recognised_by_the_messages_of_the_libraries() -> None:
    with pytest.raises(RuntimeError) as refused:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert (explain_shortage(refused.value) or "").startswith("not enough memory (")
    with pytest.raises(MemoryError) as unable:
        np.empty(1 << 60, np.uint8)
    assert "Unable to allocate" in (explain_shortage(unable.value) or "")
    for text, told in (
        ("can't start new thread", "refuses new threads"),
        ("Unknown error: Failed to launch worker thread: Resource temporarily unavailable", "refuses new threads"),
        ("CUDA out of memory. Tried to allocate 20.00 MiB.", "the GPU has not enough memory"),
        ("CUDA error: all CUDA-capable devices are busy or unavailable\nCompile with", "the GPU cannot be used"),
    ):
        message = explain_shortage(RuntimeError(text))
        assert message is not None
        assert told in message
        assert "\n" not in message
    for bug in (
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        RuntimeError("CUDA error: device-side assert"),
    ):
        assert explain_shortage(bug) is None


def test_a_document_that_is_no_regular_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not a regular file"):
        read_file(tmp_path, 10)


def test_a_name_that_leaves_no_room_for_the_temporary_file_is_refused_before_any_work(tmp_path: Path) -> None:
    write_atomic(tmp_path / ("x" * MAX_NAME), "content")
    with pytest.raises(OSError, match="File name too long"):
        check_writable(tmp_path / ("x" * (MAX_NAME + 1)))


def test_a_link_that_leads_to_itself_is_told_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with (
        pytest.raises(OutputError, match="Too many levels of symbolic links; the link leads to itself"),
        atomic_directory(tmp_path / "loop", "the corpus", lambda: None),
    ):
        pytest.fail("the work has begun")
