"""`nmt info`."""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nmt_cli.checkpoint.layout import CONFIG, WEIGHTS, read_metadata
from nmt_cli.cli.options import command
from nmt_cli.config import InfoConfig
from nmt_cli.errors import CorpusError
from nmt_cli.manifest import MANIFEST, read_raw_manifest
from nmt_cli.settings import read_toml

WHAT = {"prepared": "a prepared corpus", "model": "a model"}
"""`kind` in the manifest -> description."""

Facts = dict[str, Any]


@command(InfoConfig)
def run(config: InfoConfig) -> None:
    """Show what a prepared corpus or a model contains and how it was made."""
    defaults = [path for path in (Path("prepared"), Path("model")) if (path / MANIFEST).is_file()]
    paths = [config.path] if config.path else defaults
    if not paths:
        raise CorpusError("no prepared or model folder here; name one, or make one with nmt preprocess")
    folders = {str(path): _read_folder(path) for path in paths}
    if config.json_:
        print(json.dumps(folders, ensure_ascii=False))
        return
    for path, facts in folders.items():
        print(f"{path}: {WHAT[facts['manifest']['kind']]}")
        lines = list(_flatten(facts))
        width = max(len(name) for name, _ in lines)
        for name, value in lines:
            print(f"  {name:<{width}}  {value}")


def _read_folder(folder: Path) -> Facts:
    """Read the manifest, and for a model its config and the metadata of its weights. Does not import torch."""
    path = folder / MANIFEST
    try:
        manifest = read_raw_manifest(folder)
    except (FileNotFoundError, NotADirectoryError):
        raise CorpusError(f"{folder}: neither a prepared corpus nor a model: it has no {MANIFEST}") from None
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path}: cannot be read: {error}") from None
    if manifest.get("kind") not in WHAT:
        raise CorpusError(f"{folder}: neither a prepared corpus nor a model: {MANIFEST} is of another kind")
    facts: Facts = {"manifest": manifest}
    if (folder / CONFIG).is_file():
        facts["config"] = read_toml(folder / CONFIG)
    if (folder / WEIGHTS).is_file():
        facts["weights"] = read_metadata(folder / WEIGHTS)
    return facts


def _flatten(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield every value with its dotted name, such as counts.train; values of the manifest have no prefix."""
    for key, value in facts.items():
        name = "" if key == "manifest" and not prefix else f"{prefix}{key}"
        if key == "command":
            yield name, shlex.join(value)
        elif isinstance(value, Mapping):
            yield from _flatten(value, f"{name}." if name else "")
        elif key == "environments":
            yield from ((name, ", ".join(f"{k} {v}" for k, v in environment.items())) for environment in value)
        elif isinstance(value, list | tuple):
            if any(isinstance(item, Mapping) for item in value):
                yield from ((name, " ".join(map(_format, item.values()))) for item in value)
            else:
                yield name, ", ".join(map(_format, value))
        elif value is not None:
            yield name, _format(value)


def _format(value: Any) -> str:
    if isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        return value[:12]  # an abbreviated hash; --json has all of it
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
