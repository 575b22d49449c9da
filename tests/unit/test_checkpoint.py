"""Checkpoint files: tensors round-trip, writes are atomic, and damage is detected."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from generated_faults import split_tensor_file, write_options_text, write_tensor_file
from safetensors import safe_open

from nmt_cli.atomic import atomic_path, check_writable, write_atomic
from nmt_cli.checkpoint.header import read_header
from nmt_cli.checkpoint.layout import read_metadata
from nmt_cli.checkpoint.model_dir import load_model, model_weights
from nmt_cli.checkpoint.tensors import read_tensors, write_tensors
from nmt_cli.errors import CheckpointError, ConfigError
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.model.rnn import RNNLayer

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(3), "c": torch.ones(2, dtype=torch.uint8)}


def test_tensors_and_metadata_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "x.safetensors"
    digest = write_tensors(path, TENSORS, {"step": 7, "name": "한국어"})
    tensors, metadata = read_tensors(path)
    assert metadata == {"step": 7, "name": "한국어", "sha256": digest}
    assert read_metadata(path) == metadata
    for name, tensor in TENSORS.items():
        torch.testing.assert_close(tensors[name], tensor, rtol=0, atol=0)


def test_safetensors_reads_written_files_of_any_dtype_and_memory_layout(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    tensors = {
        "odd": torch.arange(3, dtype=torch.uint8),
        "transposed": torch.arange(6.0).view(2, 3).t(),
        "every second": torch.arange(6)[::2],
        "empty": torch.empty(0, 4),
        "half": torch.randn(3).bfloat16(),
        "other half": torch.randn(5).half(),
        "scalar": torch.tensor(-2.5, requires_grad=True),
        '"': torch.ones(1),
    }
    write_tensors(path, tensors, {"who": "한\u2028"})
    with safe_open(path, "pt") as file:
        assert set(file.keys()) == set(tensors)
        assert json.loads(file.metadata()["nmt"])["who"] == "한\u2028"
        for name, tensor in tensors.items():
            stored = file.get_tensor(name)
            assert stored.dtype == tensor.dtype
            assert torch.equal(stored, tensor), name
            assert stored.data_ptr() % stored.element_size() == 0
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_raises_no_space_left() -> None:
    with pytest.raises(OSError, match="No space left"):
        write_tensors(Path("/dev/full"), {"a": torch.ones(1 << 20)}, {})
    assert Path("/dev/full").is_char_device()


def test_the_hash_depends_on_values_names_and_shapes(tmp_path: Path) -> None:
    variants = [
        TENSORS,
        {**TENSORS, "b": torch.tensor(4)},
        {**TENSORS, "a": TENSORS["a"].view(3, 2)},
        {"z": TENSORS["a"], "b": TENSORS["b"], "c": TENSORS["c"]},
    ]
    digests = [write_tensors(tmp_path / str(i), variant, {}) for i, variant in enumerate(variants)]
    assert len(set(digests)) == len(variants)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "does not match its hash"),
        (lambda data: data[:-3], "damaged"),
        (lambda data: data[:20], "damaged, or not written by nmt"),
        (lambda data: b"", "damaged, or not written by nmt"),
        (lambda data: b"\x80\x04pickle", "damaged, or not written by nmt"),
        (lambda data: b"\xff" * 40, "damaged, or not written by nmt"),
    ],
)
def test_damage_is_detected(tmp_path: Path, damage: Callable[[bytes], bytes], message: str) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, {})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError, match=message):
        read_tensors(path)


def test_loading_a_model_leaves_the_random_state_and_later_initialization_unchanged(tiny_model: Path) -> None:
    before = torch.get_rng_state()
    loaded = load_model(tiny_model, compute_for_search("cpu", "fp32", 1))
    assert torch.equal(torch.get_rng_state(), before)
    written, _ = read_tensors(tiny_model / "weights.safetensors")
    for name, weight in model_weights(loaded.model).items():
        assert torch.equal(weight, written[name]), name
    weight = RNNLayer("lstm", 8, 8).cell.weight_hh_l0
    torch.testing.assert_close(weight[:8] @ weight[:8].T, torch.eye(8))


def test_a_config_that_does_not_fit_the_weights_is_refused_before_memory_is_allocated(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    allocated: list[object] = []
    monkeypatch.setattr(torch, "empty_like", lambda *_, **__: allocated.append(1))
    for options, message in (
        (b"[model]\nhidden_size = 65536\nembedding_size = 65536", "has shape .*config.toml requires .*65536"),
        (b"[model]\nencoder_layers = 256\ndecoder_layers = 256", "missing tensor"),
    ):
        write_options_text(model, options)
        with pytest.raises(CheckpointError, match=message):
            load_model(model, compute_for_search("cpu", "fp32", 1))
    write_options_text(model, b"[model]\nencoder_layers = 65536")
    with pytest.raises(ConfigError, match=r"config.toml: model.encoder_layers = 65536: .*less than or equal to 256"):
        load_model(model, compute_for_search("cpu", "fp32", 1))
    assert allocated == []


def test_weights_of_another_run_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    tensors, metadata = read_tensors(model / "weights.safetensors")
    write_tensors(model / "weights.safetensors", tensors, {**metadata, "run": "0" * 32})
    with pytest.raises(CheckpointError, match=r"weights.safetensors: belongs to another model"):
        load_model(model, compute_for_search("cpu", "fp32", 1))


def test_changed_metadata_is_detected_without_reading_the_tensors(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, {"dev_bleu": 36.5})
    path.write_bytes(path.read_bytes().replace(b"36.5", b"99.9"))
    with pytest.raises(CheckpointError, match="damaged"):
        read_metadata(path)


@pytest.mark.parametrize("entry", [{"shape": [1 << 20, 1 << 20]}, {"data_offsets": [4, 28]}, {"dtype": "F64"}])
def test_a_header_whose_tensors_do_not_fill_the_file_is_not_believed(tmp_path: Path, entry: dict[str, object]) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, {})
    header, tensors = split_tensor_file(path.read_bytes())
    assert set(read_header(path).shapes) == set(TENSORS)
    write_tensor_file(path, {**header, "a": {**header["a"], **entry}}, tensors)
    with pytest.raises(CheckpointError, match="damaged"):
        read_header(path)
    write_tensor_file(path, header, tensors + b"more")
    with pytest.raises(CheckpointError, match="damaged"):
        read_header(path)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        read_tensors(tmp_path / "x")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_tensors(tmp_path)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_atomic(path, "old")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_an_error_without_a_file_names_the_one_that_was_to_be_written(tmp_path: Path) -> None:
    for error, expected in ((OSError(28, "full"), str(tmp_path / "x")), (OSError(2, "no", "other"), "other")):
        with pytest.raises(OSError) as raised, atomic_path(tmp_path / "x"):  # noqa: PT011  # any number
            raise error
        assert raised.value.filename == expected


def test_writing_keeps_symbolic_links_and_pipes(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_atomic(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_atomic(tmp_path / "pipe", "text")
    assert os.read(reader, 10) == b"text"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_an_unwritable_path_is_reported_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    for path, error in (("folder", IsADirectoryError), ("file/x", NotADirectoryError)):
        with pytest.raises(error) as caught:
            check_writable(tmp_path / path)
        assert caught.value.filename == str(tmp_path / path)
    (tmp_path / "link").symlink_to(tmp_path / "file" / "x")  # the target of the link counts
    with pytest.raises(NotADirectoryError):
        check_writable(tmp_path / "link")
    check_writable(tmp_path / "new" / "x")
    assert not (tmp_path / "new").exists()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    check_writable(tmp_path / "loop")  # the written file replaces the link
    (tmp_path / "dangling").symlink_to(tmp_path / "later" / "x")
    write_atomic(tmp_path / "dangling", "text")
    assert (tmp_path / "later" / "x").read_text() == "text"


def test_data_is_synced_to_disk_before_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, os.replace

    def record_fsync(descriptor: int) -> None:
        events.append("fsync")
        fsync(descriptor)

    def record_replace(old: Path, new: Path) -> None:
        events.append("replace")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "replace", record_replace)
    write_atomic(tmp_path / "x", b"new")
    assert events == ["fsync", "replace", "fsync"]


def test_permissions_of_written_files_follow_the_umask(tmp_path: Path) -> None:
    write_atomic(tmp_path / "x", "")
    (tmp_path / "y").write_text("")
    assert (tmp_path / "x").stat().st_mode == (tmp_path / "y").stat().st_mode
