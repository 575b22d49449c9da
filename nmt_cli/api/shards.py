"""A file in parts of some thousand lines, translated one by one, and none of them twice.

    file.de.shards/  manifest.json              what decides how lines are translated
                    0000000-8c736521.json      a part that is done, by its number and the hash of its lines

What was done before is taken only for the same lines in the same place, and the folder only for the same model and
options; so it does not matter when, or how often, the work was broken off.
"""

import functools
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

import torch

from nmt_cli.atomic import write_atomic
from nmt_cli.checkpoint.layout import WEIGHTS, read_metadata
from nmt_cli.checkpoint.model_dir import load_ensemble
from nmt_cli.config import BulkConfig
from nmt_cli.corpus.text_io import TextFile, whole_lines
from nmt_cli.decoding.issues import IssueCounts, receipt_entry
from nmt_cli.decoding.output import FORMS
from nmt_cli.decoding.text_stream import Line
from nmt_cli.decoding.translator import Batching, LineTranslator
from nmt_cli.errors import CheckpointError, OutputError
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.kernels.malloc import tune
from nmt_cli.manifest import FolderType, ManifestBase

DECIDING = ("output_format", "precision", "batch_size", "shard_size")
"""Options that a translation depends on, beside those of search; on its batch where arithmetic is not exact."""


@dataclass(frozen=True)
class Shard:
    """Some lines of the input; `first` is the number of the first, from 1, and `number` that of the part, from 0."""

    number: int
    first: int
    lines: list[bytes]

    @functools.cached_property
    def name(self) -> str:
        """Of the file that its translation goes to."""
        content = b"\n".join(self.lines)
        return f"{self.number:07d}-{hashlib.sha256(content).hexdigest()[:16]}.json"

    @property
    def span(self) -> str:
        """As it is told."""
        return f"lines {self.first:,} to {self.first + len(self.lines) - 1:,}"


@dataclass(frozen=True)
class ShardResult:
    """What became of a part: its lines' translations and receipt, as they are written, and what was odd."""

    text: str
    receipt: str
    tally: IssueCounts

    @classmethod
    def of(cls, content: str) -> "ShardResult":
        """Read what `str` gave."""
        found = json.loads(content)
        return cls(found["text"], found["receipt"], IssueCounts(**found["tally"]))

    def __str__(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


def cut(file: TextFile, size: int) -> Iterator[Shard]:
    """The file in parts of `size` lines. Raises CorpusError if it cannot be read."""
    waiting: list[bytes] = []
    numbers = count()

    def shard(lines: list[bytes]) -> Shard:
        number = next(numbers)
        return Shard(number, number * size + 1, lines)

    for block in whole_lines(file):
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        waiting += lines
        while len(waiting) > size:
            yield shard(waiting[:size])
            waiting = waiting[size:]
    if waiting:
        yield shard(waiting)


class ShardsManifest(ManifestBase):
    """`manifest.json` of a bulk translation that is under way."""

    format: int
    kind: Literal["shards"]
    models: list[str]
    """Hashes of the weights."""
    options: dict[str, Any]


SHARDS = FolderType("shards", "unfinished translation", "nmt bulk", 1, ShardsManifest, OutputError)
"""The folder of a bulk translation that is under way."""


def manifest_for(config: BulkConfig) -> ShardsManifest:
    """What decides how this config's lines are translated. Raises CheckpointError if there is no model."""
    options = {name: getattr(config, name) for name in DECIDING} | config.search.model_dump(mode="json")
    return ShardsManifest(format=SHARDS.format, kind="shards", models=_hashes(config), options=options)


def _hashes(config: BulkConfig) -> list[str]:
    return [read_metadata(path / WEIGHTS)["sha256"] for path in (config.model, *config.ensemble)]


@dataclass(frozen=True)
class ShardDir:
    """The folder beside the output, until all is done."""

    path: Path

    def open(self, manifest: ShardsManifest) -> None:
        """Begin, or go on with what was begun. Raises OutputError if that was something else."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not self._begun():  # nothing is done that could be of another kind
            SHARDS.write(self.path, manifest)
        begun = SHARDS.read(self.path)
        if begun == manifest:
            return
        named = next((name for name in manifest.options if begun.options.get(name) != manifest.options[name]), None)
        what = "another model" if named is None else f"{named} {begun.options.get(named)}"
        raise OutputError(
            f"{self.path}: was begun with {what}; go on as it was begun, delete that folder, or take another --out"
        )

    def clear_away(self) -> None:
        """Leave nothing where nothing was done."""
        if not self._begun():
            shutil.rmtree(self.path, ignore_errors=True)

    def _begun(self) -> bool:
        return any(self.path.glob("*-*.json"))

    def has(self, shard: Shard) -> bool:
        """Whether this part is done."""
        return (self.path / shard.name).is_file()

    def write(self, name: str, done: ShardResult) -> None:
        """Keep what a worker made of a part."""
        write_atomic(self.path / name, str(done))

    def read(self, names: Iterable[str]) -> Iterator[ShardResult]:
        """What became of parts. Raises OutputError if a file is damaged."""
        for name in names:
            try:
                yield ShardResult.of((self.path / name).read_text(encoding="utf-8"))
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise OutputError(f"{self.path / name}: cannot be read: {error}; delete it and start again") from None


def translate_shard(config: BulkConfig, models: list[str], shard: Shard) -> ShardResult:
    """What a worker does. Raises CheckpointError if it has not the models of these hashes under their names."""
    if _hashes(config) != models:
        raise CheckpointError(f"{config.model}: is not the same model for all workers, or was replaced meanwhile")
    translator = _translator(config.model_dump_json())
    form = FORMS[config.output_format]
    tally = IssueCounts()
    texts: list[str] = []
    entries: list[str] = []
    lines = [Line.read(shard.first + place, content) for place, content in enumerate(shard.lines)]
    for translation in translator.translate(lines):
        tally.add(translation)
        texts.append(form(translation, config.search.n_best))
        if entry := receipt_entry(translation):
            entries.append(entry + "\n")
    if tally.lines != len(shard.lines):
        raise OutputError(f"{shard.span}: {tally.lines:,} lines out; a fault of nmt, please report it")
    return ShardResult("".join(texts), "".join(entries), tally)


@functools.lru_cache(maxsize=1)
def _translator(options: str) -> LineTranslator:
    """The model of a worker, loaded once."""
    config = BulkConfig.model_validate_json(options)
    tune()
    torch.set_num_threads(config.threads)
    loaded = load_ensemble(config.model, config.ensemble, compute_for_search(config.device, config.precision, 0))
    batching = Batching(config.batch_size, config.shard_size)
    return LineTranslator(loaded, config.search, batching, attention=config.output_format == "jsonl")
