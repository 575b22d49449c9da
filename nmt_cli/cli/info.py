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
from nmt_cli.manifest import MANIFEST, manifest_of
from nmt_cli.settings import read_toml

WHAT = {"prepared": "a prepared corpus", "model": "a model"}

Facts = dict[str, Any]


@command(InfoConfig)
def run(config: InfoConfig) -> None:
    """What a prepared corpus or a model is and where it came from."""
    usual = [path for path in (Path("prepared"), Path("model")) if (path / MANIFEST).is_file()]
    paths = [config.path] if config.path else usual
    if not paths:
        raise CorpusError("no prepared or model folder here; name one, or make one with nmt preprocess")
    found = {str(path): _facts(path) for path in paths}
    if config.json_:
        print(json.dumps(found, ensure_ascii=False))
        return
    for path, facts in found.items():
        print(f"{path}: {WHAT[facts['manifest']['kind']]}")
        lines = list(_lines(facts))
        width = max(len(name) for name, _ in lines)
        for name, value in lines:
            print(f"  {name:<{width}}  {value}")


def _facts(folder: Path) -> Facts:
    """The manifest, and for a model its configuration and what its weights say of themselves. Needs no torch."""
    path = folder / MANIFEST
    try:
        manifest = manifest_of(folder)
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


def _lines(facts: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, str]]:
    """Every value with its place, such as counts.train; the manifest's own values stand without a prefix."""
    for key, value in facts.items():
        name = "" if key == "manifest" and not place else f"{place}{key}"
        if key == "command":
            yield name, shlex.join(value)
        elif isinstance(value, Mapping):
            yield from _lines(value, f"{name}." if name else "")
        elif key == "environments":
            yield from ((name, ", ".join(f"{fact} {told}" for fact, told in each.items())) for each in value)
        elif isinstance(value, list | tuple):
            if any(isinstance(item, Mapping) for item in value):
                yield from ((name, _file(item)) for item in value)
            else:
                yield name, ", ".join(map(_shown, value))
        elif value is not None:
            yield name, _shown(value)


def _file(item: Mapping[str, Any]) -> str:
    return " ".join(_shown(value) for value in item.values())


def _shown(value: Any) -> str:
    if isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        return value[:12]  # enough of a hash to tell files apart; --json has it whole
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
