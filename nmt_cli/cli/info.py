"""`nmt info`."""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nmt_cli.checkpoint.layout import MODEL, WEIGHTS, ParentRecord, read_config, read_weights_metadata
from nmt_cli.cli.options import command
from nmt_cli.config import InfoConfig
from nmt_cli.corpus.manifest import PREPARED
from nmt_cli.errors import CorpusError
from nmt_cli.manifest import KINDS, MANIFEST, explain_file, read_raw_manifest
from nmt_cli.system_errors import explain
from nmt_cli.terminal import say

WHAT = {kind: KINDS[kind] for kind in ("prepared", "model")}
"""`kind` in the manifest -> description."""

Facts = dict[str, Any]


@command(InfoConfig)
def run(config: InfoConfig) -> None:
    """Show what a prepared corpus or a model contains and how it was made: a few lines, or with --all everything."""
    defaults = [path for path in (Path("prepared"), Path("model")) if (path / MANIFEST).is_file()]
    paths = [config.path] if config.path else defaults
    if not paths:
        raise CorpusError("no prepared or model folder here; name one, or make one with nmt preprocess")
    folders = {str(path): _read_folder(path) for path in paths}
    if config.json_:
        say(json.dumps(folders, ensure_ascii=False))
        return
    for path, facts in folders.items():
        say(f"{path}: {WHAT[facts['manifest']['kind']]}")
        lines = list(_flatten(facts) if config.all_ else _summary(path, facts))
        width = max(len(name) for name, _ in lines)
        for name, value in lines:
            say(f"  {name:<{width}}  {value}")


def _read_folder(folder: Path) -> Facts:
    """Read the manifest, and for a model its config and the metadata of its weights. Does not import torch."""
    path = folder / MANIFEST
    try:
        manifest = read_raw_manifest(folder)
    except (FileNotFoundError, NotADirectoryError):
        if folder.is_file():
            raise CorpusError(f"{folder}: {explain_file(folder)}") from None
        raise CorpusError(f"{folder}: neither a prepared corpus nor a model: it has no {MANIFEST}") from None
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read: {explain(error)}") from None
    except ValueError as error:
        raise CorpusError(f"{path}: cannot be read: {error}") from None
    if manifest.get("kind") not in list(WHAT):
        raise CorpusError(f"{folder}: neither a prepared corpus nor a model: {MANIFEST} is of another kind")
    if manifest["kind"] == PREPARED.name:
        prepared = PREPARED.read(folder)
        return {"manifest": manifest, "shares": prepared.shares} if prepared.is_weighted else {"manifest": manifest}
    model = MODEL.read(folder)
    facts: Facts = {
        "manifest": manifest,
        "config": read_config(folder).model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    if (folder / WEIGHTS).is_file():
        facts["weights"] = read_weights_metadata(folder, model)
    return facts


def _summary(path: str, facts: Facts) -> Iterator[tuple[str, str]]:
    """Yield the few lines that a person wants; what a manifest lacks is left out."""
    manifest, weights = facts["manifest"], facts.get("weights", {})
    yield "languages", f"{manifest.get('source')} -> {manifest.get('target')}"
    if manifest["kind"] == "prepared":
        yield "pairs", ", ".join(f"{name} {_format(count)}" for name, count in manifest.get("counts", {}).items())
        for corpus, share in zip(manifest["corpora"], facts.get("shares", []), strict=False):
            tag = f", tag {corpus['tag']}" if corpus["tag"] else ""
            counts = f"{_format(corpus['pairs'])} pairs, weight {corpus['weight']:g}, {share:.1%} of the draws"
            yield "training text", f"{corpus['name']}: {counts}{tag}"
        tokenizer = manifest.get("tokenizer", {})
        sizes = dict.fromkeys(_format(tokenizer.get(f"{side}_size")) for side in ("source", "target"))
        yield "subwords", f"{tokenizer.get('type')}, {tokenizer.get('vocabulary')} vocabulary, {' and '.join(sizes)}"
        yield "next", shlex.join(["nmt", "train", path])
    else:
        model = facts.get("config", {}).get("model", {})
        yield "corpus", f"{_format(manifest.get('train_pairs'))} pairs of {manifest.get('prepared')}"
        for parent in reversed(manifest.get("parents", [])):
            yield "adapted from", str(ParentRecord(**parent))
        if manifest.get("tags"):
            yield "tags", ", ".join(manifest["tags"])
        layers = f"{model.get('encoder_layers')} + {model.get('decoder_layers')} layers of {model.get('hidden_size')}"
        yield "model", f"{model.get('attention')} attention, {str(model.get('cell')).upper()}, {layers}"
        if "dev_bleu" in weights:
            scores = (f"{name} {weights[key]:.2f}" for name, key in (("BLEU", "dev_bleu"), ("chrF", "dev_chrf")))
            yield "dev", f"{', '.join(scores)}, perplexity {weights['dev_perplexity']:.2f} (update {weights['step']:,})"
        for environment in manifest.get("environments", [])[-1:]:
            minutes = f", {weights['elapsed'] / 60:.1f} minutes" if "elapsed" in weights else ""
            yield "trained", f"{environment.get('date', '')[:10]}{minutes}, {environment.get('processor')}"
        yield "next", f"{shlex.join(['nmt', 'translate', '-m', path])} < in > out"
    files = [file for file in Path(path).rglob("*") if file.is_file()]
    yield "size", f"{sum(file.stat().st_size for file in files) / 2**20:,.1f} MiB in {len(files)} files"
    yield "command", shlex.join(manifest.get("command", []))


def _flatten(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield every value with its dotted name, such as counts.train; values of the manifest have no prefix."""
    for key, value in facts.items():
        name = "" if key == "manifest" and not prefix else f"{prefix}{key}"
        if key == "command" and isinstance(value, list):
            yield name, shlex.join(map(str, value))
        elif isinstance(value, Mapping):
            yield from _flatten(value, f"{name}." if name else "")
        elif key == "environments":
            yield from ((name, ", ".join(f"{k} {v}" for k, v in environment.items())) for environment in value)
        elif isinstance(value, list | tuple):
            if any(isinstance(item, Mapping) for item in value):
                shown = ([_format(part) for part in item.values() if part is not None] for item in value)
                yield from ((name, " ".join(parts)) for parts in shown)
            elif value:
                yield name, ", ".join(map(_format, value))
        elif value is not None:
            yield name, _format(value)


def _format(value: Any) -> str:
    if isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        return value[:12]  # an abbreviated hash; --json has all of it
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
