"""Checks the paths of a command before any work: what it writes must not be what it reads, nor be written twice."""

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from glob import escape, glob
from pathlib import Path

from nmt_cli.errors import OutputError
from nmt_cli.manifest import MANIFEST, read_raw_manifest
from nmt_cli.settings import Settings, option_fields
from nmt_cli.weights import split_weight

FOLDER_FILES = (
    MANIFEST,
    "*.toml",
    "*.arrow",
    "*.safetensors",
    "tokenizer*.model",
    "metrics.jsonl",
    "report.json",
    "README.md",
    "last",
    "replaced-*",
)
"""Patterns of the names that a prepared corpus or a model holds. Other files in such a folder are the user's."""

Identity = tuple[object, ...]


@dataclass(frozen=True)
class _Given:
    """A path that was given, and the option that it was given for."""

    option: str
    path: Path


def check_paths(config: Settings, config_file: Path | None = None) -> None:
    """Raise OutputError if two options of a command name one file, of which at least one is written; or if an output is
    a file of a folder that is read, or an input a file of a folder that is replaced. Links and other spellings of a
    path make no difference. Devices, such as /dev/null, may be written several times."""
    outputs = [*_given(config, "output"), *_given(config, "folder")]
    inputs = [*_given(config, "input"), *_given(config, "text")]
    inputs += [_Given(option, path) for option, path in config.implied_inputs()]
    if config_file is not None:
        inputs.append(_Given("--config", config_file))
    written: dict[Identity, str] = {}
    for output in outputs:
        if _is_device(output.path):
            continue
        other = written.setdefault(identity(output.path), output.option)
        if other != output.option:
            raise OutputError(f"{output.path}: is written by {other} and by {output.option}; give each its own")
    for given in inputs:
        if (writer := written.get(identity(given.path))) is not None:
            raise OutputError(f"{given.path}: is read as {given.option} and written by {writer}; choose another place")
        _check_not_stdout(given)
    _check_read_folders(inputs, outputs)
    _check_replaced_folders(inputs, _given(config, "folder"))


def check_not_read(outputs: Iterable[Path], inputs: Iterable[Path], option: str) -> None:
    """Raise OutputError if an output is one of the inputs of an option: for files whose names are known only once the
    command has begun."""
    read = {identity(path) for path in inputs}
    for output in outputs:
        if identity(output) in read:
            raise OutputError(f"{output}: is read as {option}, and would be written; choose another --out")


def identity(path: Path) -> Identity:
    """What two paths have in common if and only if they lead to one file: its device and inode; if it does not exist
    yet, those of the nearest folder that does, and the rest of the path."""
    real = Path(os.path.realpath(path))
    for place in (real, *real.parents):
        try:
            found = place.stat()
        except OSError:
            continue
        return (found.st_dev, found.st_ino, *real.relative_to(place).parts)
    return real.parts


def _given(config: Settings, role: str) -> list[_Given]:
    """The paths of a role that a config holds, the default ones included."""
    found = []
    for option in option_fields(type(config)):
        if option.cli.path != role:
            continue
        group: Settings = config
        for part in option.path[:-1]:
            group = getattr(group, part)
        value = getattr(group, option.attribute)
        name = option.name if option.cli.argument else f"--{option.name.replace('_', '-')}"
        for item in value if isinstance(value, list) else [value]:
            if item is not None and str(item) != "-":
                files = _text_files(str(item)) if role == "text" else [Path(item)]
                found += [_Given(name, path) for path in files]
    return found


def _text_files(text: str) -> Iterator[Path]:
    """The files that a training text may consist of: SOURCE,TARGET, one file, or a prefix with any suffix; each also
    with a weight."""
    for part in dict.fromkeys(part for name in (text, split_weight(text)[0]) for part in (name, *name.split(","))):
        if "://" not in part:
            yield from (Path(name) for name in (part, *glob(escape(part) + ".*")) if os.path.isfile(name))


def _is_device(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _check_not_stdout(given: _Given) -> None:
    """Raise OutputError if an input is also the file of standard output: the program would read what it writes."""
    try:
        same = os.path.isfile(given.path) and os.path.samestat(given.path.stat(), os.fstat(sys.__stdout__.fileno()))  # type: ignore[union-attr]
    except (OSError, ValueError, AttributeError):
        return
    if same:
        raise OutputError(f"{given.path}: is read as {given.option} and is standard output; choose another file")


def _check_read_folders(inputs: list[_Given], outputs: list[_Given]) -> None:
    """Raise OutputError if an output is a file of a model or a prepared corpus that is read."""
    folders = {identity(path): path for given in inputs for path in _folders(given.path)}
    for output in outputs:
        real = Path(os.path.realpath(output.path))
        for parent in real.parents:
            folder = folders.get(identity(parent))
            name = real.relative_to(parent).parts[0]
            if folder is not None and any(fnmatch(name, pattern) for pattern in FOLDER_FILES):
                raise OutputError(f"{output.path}: belongs to {folder}, which is read; choose another place")


def _folders(path: Path) -> Iterator[Path]:
    """A model or a prepared corpus, and the corpus that the model was trained on."""
    if not os.path.isfile(path / MANIFEST):
        return
    yield path
    try:
        prepared = read_raw_manifest(path).get("prepared")
    except (OSError, ValueError):
        return
    if isinstance(prepared, str) and os.path.isfile(Path(prepared) / MANIFEST):
        yield Path(prepared)


def _check_replaced_folders(inputs: list[_Given], folders: list[_Given]) -> None:
    """Raise OutputError if an input file lies in a folder that is replaced as a whole."""
    for folder in folders:
        place = identity(folder.path)
        for given in inputs:
            is_file = given.option != "--config" and os.path.isfile(given.path)
            if is_file and identity(given.path.absolute().parent) == place:
                raise OutputError(
                    f"{given.path}: is read as {given.option} and lies in {folder.path}, which {folder.option} "
                    "replaces; copy it elsewhere"
                )
