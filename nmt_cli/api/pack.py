"""`nmt pack`: a copy of a model to give away, without training state, text of the corpus, or paths of this machine."""

import os
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO

from nmt_cli.atomic import atomic_path, check_writable, dir_lock
from nmt_cli.atomic_directory import atomic_directory
from nmt_cli.checkpoint.layout import CONFIG, METRICS, MODEL, MODEL_CARD, WEIGHTS, ModelManifest, model_folder
from nmt_cli.checkpoint.model_dir import LoadedModel, load_model
from nmt_cli.checkpoint.output_dir import PACKED_FILES
from nmt_cli.config import EvaluateConfig, PackConfig, TrainConfig
from nmt_cli.documents import MAX_MANIFEST, parse_json
from nmt_cli.errors import CheckpointError, ConfigError, CorpusError, OutputError
from nmt_cli.evaluation.inputs import stored_split
from nmt_cli.evaluation.results import EvalResult, evaluate
from nmt_cli.file_hashes import FileRecord
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.manifest import MANIFEST, read_raw_manifest
from nmt_cli.progress import Progress
from nmt_cli.settings import to_arguments, to_toml
from nmt_cli.training.history import history_line, read_history
from nmt_cli.training.model_card import card_text

ZIP = ".zip"
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
"""Date of every file in a zip, the earliest possible: packing a model twice gives equal files."""
ZIP_MODE = 0o644 << 16
"""Their permissions, as zip stores them."""

Content = Mapping[str, bytes | Path]
"""Files by name: their bytes, or the file to copy."""


def pack(config: PackConfig, progress: Progress) -> int:
    """Write a copy of a model and return its size in bytes.

    Raises ConfigError if an argument is missing, CheckpointError if the model cannot be used, OutputError if the copy
    cannot be written.
    """
    if config.model is None or config.out is None:
        raise ConfigError("name the model, and the folder or .zip file to write: nmt pack MODEL OUT")
    model, out = config.model, config.out
    check_output(out, config.overwrite)
    MODEL.read(model)
    with dir_lock(model) as acquired:
        if acquired is False:
            raise CheckpointError(f"{model}: nmt train is writing to it; wait for it")
        loaded = load_model(model, compute_for_search(config.device, "fp32", config.threads), packed=False)
        scores = _test_scores(config, loaded, progress)
        name = Path(os.path.abspath(out)).name.removesuffix(ZIP)
        content = _content(loaded, name, config.licence, scores)
        if out.suffix == ZIP:
            with atomic_path(out) as temporary:
                _write_zip(temporary, name, content)
            return out.stat().st_size
        with atomic_directory(out, "the model", lambda: check_output(out, config.overwrite)) as (folder, _):
            _write_folder(folder, content)
        return sum(file.stat().st_size for file in out.iterdir())


def check_output(out: Path, overwrite: bool) -> None:
    """Raise OutputError unless a packed model may be written here: only another one is replaced."""
    if out.is_dir() and out.suffix != ZIP:
        names = {entry.name for entry in out.iterdir()}
        if not names:
            return
        ours = names <= set(PACKED_FILES) and _is_packed(_read_manifest(out))
    elif out.exists():
        ours = out.suffix == ZIP and _is_packed(_read_zipped_manifest(out))
    else:
        check_writable(out)
        return
    if not ours:
        raise OutputError(f"{out}: exists and was not written by nmt pack, so it is not touched; choose another name")
    if not overwrite:
        raise OutputError(f"{out}: already exists; choose another name, or use --overwrite")


def _is_packed(manifest: Mapping[str, object]) -> bool:
    return manifest.get("kind") == MODEL.name and manifest.get("packed") is True


def _read_manifest(folder: Path) -> Mapping[str, object]:
    try:
        return read_raw_manifest(folder)
    except (OSError, ValueError):
        return {}


def _read_zipped_manifest(path: Path) -> Mapping[str, object]:
    try:
        with zipfile.ZipFile(path) as archive:
            (name,) = (name for name in archive.namelist() if PurePosixPath(name).name == MANIFEST)
            content = parse_json(archive.open(name).read(MAX_MANIFEST))
    except (OSError, ValueError, NotImplementedError, RuntimeError, zlib.error, zipfile.BadZipFile):
        return {}
    return content if isinstance(content, dict) else {}


def _test_scores(config: PackConfig, loaded: LoadedModel, progress: Progress) -> EvalResult | None:
    """The scores on the test split; None, with a warning, if the corpus that the model was trained on is not there or
    has changed."""
    try:
        stored = stored_split(loaded.path, loaded.manifest, config.prepared, "test")
    except CorpusError as error:
        if config.prepared is not None:
            raise
        progress.warning(f"the card has scores on dev only: {error}")
        return None
    if config.prepared is None and stored.manifest.identity != loaded.manifest.corpus:
        progress.warning(
            f"the card has scores on dev only: {loaded.manifest.prepared} was prepared again after the model was "
            "trained; if its test split was not trained on, give it as --prepared"
        )
        return None
    result = evaluate(
        EvaluateConfig(
            model=loaded.path, prepared=config.prepared, device=config.device, threads=config.threads, worst=0
        ),
        progress,
    )
    for note in result.notes:
        progress.message(note)
    return result


def _content(loaded: LoadedModel, name: str, licence: str | None, scores: EvalResult | None) -> Content:
    """The files of the copy; the manifest is last, so that a copy with one is whole."""
    config = without_folders(loaded.config)
    folder = model_folder(loaded.path, loaded.manifest)
    files: dict[str, bytes | Path] = {file: folder.read(file) for file in folder.files if file in PACKED_FILES}
    options = files[CONFIG] = to_toml(config).encode()
    manifest = _manifest(loaded.manifest, config, FileRecord.of(options))
    card = card_text(replace(loaded, config=config, manifest=manifest), name, licence, scores)
    files |= {MODEL_CARD: card.encode(), WEIGHTS: loaded.path / WEIGHTS}
    if (loaded.path / METRICS).is_file():
        files[METRICS] = _metrics(loaded.path / METRICS, manifest.run)
    files[MANIFEST] = MODEL.text(manifest).encode()
    return files


def without_folders(config: TrainConfig) -> TrainConfig:
    """Reduce every path of a config to its last part."""
    return config.model_copy(update={name: Path(value.name) for name, value in config if isinstance(value, Path)})


def _manifest(manifest: ModelManifest, config: TrainConfig, options: FileRecord) -> ModelManifest:
    """The manifest of the copy, with the record of its options; its command is rebuilt from them, because the original
    one may hold paths."""
    return manifest.model_copy(
        update={
            "packed": True,
            "prepared": Path(manifest.prepared).name,
            "command": ["nmt", "train", *to_arguments(config)],
            "files": {**manifest.files, CONFIG: options},
            "previous_config": None,
        }
    )


def _metrics(path: Path, run: str) -> bytes:
    """The numbers of metrics.jsonl, without its messages and sample sentences."""
    history = read_history(path, run)
    records = sorted([*history.updates, *history.validations], key=lambda record: record["step"])
    numbers = [{key: value for key, value in record.items() if key != "samples"} for record in records]
    return "".join(history_line(record, run) for record in numbers).encode()


def _write_folder(folder: Path, content: Content) -> None:
    for file, source in content.items():
        if isinstance(source, Path):
            shutil.copyfile(source, folder / file)
        else:
            (folder / file).write_bytes(source)


def _write_zip(path: Path, name: str, content: Content) -> None:
    """Write the files into a folder `name` of a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, source in content.items():
            info = zipfile.ZipInfo(f"{name}/{file}", ZIP_DATE)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, ZIP_MODE
            info.file_size = source.stat().st_size if isinstance(source, Path) else len(source)
            with archive.open(info, "w") as target:
                _copy(source, target)


def _copy(source: bytes | Path, target: IO[bytes]) -> None:
    if isinstance(source, bytes):
        target.write(source)
        return
    with open(source, "rb") as file:
        shutil.copyfileobj(file, target)
