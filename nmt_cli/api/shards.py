"""Splits lines into shards of a few thousand each, and keeps the result of each shard until all are done.

    file.de.shards/  manifest.json              models and options that the results depend on
                     0000000-8c736521.json      result of a shard, named by its number and the hash of its lines

A result is reused only for the same lines at the same place in the file, and the folder only for the same models and
options of one command, so the work can be interrupted at any time, any number of times.
"""

import functools
import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from nmt_cli.atomic import dir_lock, target_of_partial, write_atomic
from nmt_cli.checkpoint.layout import MODEL, read_weights_metadata
from nmt_cli.config import ScoreConfig, WorkersConfig
from nmt_cli.corpus.text_io import TextFile, whole_lines
from nmt_cli.decoding.issues import IssueCounts
from nmt_cli.documents import parse_json, read_file
from nmt_cli.errors import OutputError
from nmt_cli.manifest import MANIFEST, FolderType, ManifestBase, read_kind
from nmt_cli.system_errors import explain

MAX_RESULT = 1 << 30
"""Bytes of the result of a shard."""
_RESULT = re.compile(r"[0-9]{7,}-[0-9a-f]+\.json")
"""Names of the results of shards."""
CONTENT_OPTIONS = ("precision", "batch_size", "shard_size")
"""Options that a translation depends on, besides those of search. The sizes are among them, since rounding depends on
the batch."""


@dataclass(frozen=True)
class Shard:
    """Consecutive lines of the input that one worker translates. `number` counts shards from 0; `first` is the number
    of the first line, from 1."""

    number: int
    first: int
    lines: list[bytes]

    @functools.cached_property
    def name(self) -> str:
        """Name of the file that holds its result."""
        content = b"\n".join(self.lines)
        return f"{self.number:07d}-{hashlib.sha256(content).hexdigest()[:16]}.json"

    @property
    def span(self) -> str:
        """Its line numbers, for messages."""
        return f"lines {self.first:,} to {self.first + len(self.lines) - 1:,}"


@dataclass(frozen=True)
class ShardResult:
    """The result of a shard: the text for each output, by name, and the counts of issues."""

    texts: dict[str, str]
    issue_counts: IssueCounts

    @classmethod
    def from_json(cls, content: bytes | str) -> "ShardResult":
        """Parse the JSON that `str` returns. Raises ValueError, KeyError or TypeError if it is damaged."""
        fields = parse_json(content)
        if fields.pop("sha256") != _hash(fields):
            raise ValueError("it does not match its hash")
        return cls(fields["texts"], IssueCounts(**fields["issue_counts"]))

    def __str__(self) -> str:
        fields = asdict(self)
        return json.dumps({**fields, "sha256": _hash(fields)}, ensure_ascii=False)


def _hash(fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def split_file(file: TextFile, size: int) -> Iterator[Shard]:
    """Split a file into shards of `size` lines. Raises CorpusError if it cannot be read."""
    return split_lines(itertools.chain.from_iterable(map(_lines, whole_lines(file))), size)


def _lines(block: bytes) -> list[bytes]:
    return block.removesuffix(b"\n").split(b"\n")


def split_lines(lines: Iterable[bytes], size: int) -> Iterator[Shard]:
    """Split lines into shards of `size` lines."""
    remaining = iter(lines)
    for number in itertools.count():
        content = list(itertools.islice(remaining, size))
        if not content:
            return
        yield Shard(number, number * size + 1, content)


class ShardsManifest(ManifestBase):
    """`manifest.json` of the finished shards."""

    format: int
    kind: Literal["shards"]
    command: str
    """The command that does the work, such as nmt bulk."""
    models: list[str]
    """Hashes of the weights."""
    options: dict[str, Any]


SHARDS = FolderType("shards", "unfinished work", "the same command", 3, ShardsManifest, OutputError)
"""The folder of unfinished work."""


def manifest_for(config: WorkersConfig | ScoreConfig, command: str, options: dict[str, Any]) -> ShardsManifest:
    """The models and options that the results of a command depend on. Raises CheckpointError if there is no model."""
    return ShardsManifest(
        format=SHARDS.format, kind="shards", command=command, models=weight_hashes(config), options=options
    )


def translation_options(config: WorkersConfig, *more_options: str) -> dict[str, Any]:
    """The options that a translation depends on, and others by name."""
    options = {name: getattr(config, name) for name in (*more_options, *CONTENT_OPTIONS)}
    return options | config.search.model_dump(mode="json")


def weight_hashes(config: WorkersConfig | ScoreConfig) -> list[str]:
    """The hashes of the weights of the models. Raises CheckpointError if there is no model."""
    return [read_weights_metadata(path, MODEL.read(path))["sha256"] for path in (config.model, *config.ensemble)]


@dataclass(frozen=True)
class ShardDir:
    """The folder beside the output that holds the results of shards of a command until all are done."""

    path: Path
    command: str

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Create the folder if needed, and lock it for this run; after the block, delete it if it holds no results.

        Raises OutputError, and changes nothing, if another run holds the lock, or if there is something else.
        """
        if self.path.exists() and not (self.path.is_dir() and self._is_ours()):
            raise OutputError(
                f"{self.path}: exists and was not written by {self.command}, which keeps finished shards there; "
                "move it, or choose another --out"
            )
        self.path.mkdir(parents=True, exist_ok=True)
        with dir_lock(self.path) as locked:
            if locked is False:
                raise OutputError(f"{self.path}: another {self.command} is running here; wait for it")
            try:
                yield
            finally:
                if self.path.is_dir() and not self._has_results():
                    self.delete()

    def _is_ours(self) -> bool:
        """Whether the folder holds shards; if the program was killed at once, it had not written the manifest yet."""
        return (
            read_kind(self.path) == SHARDS.name
            or not any(self.path.iterdir())
            or {target_of_partial(entry.name) for entry in self.path.iterdir()} == {MANIFEST}
        )

    def open(self, manifest: ShardsManifest) -> None:
        """Write the manifest, or resume from the results. Raises OutputError if they are of other models or options.

        The caller must hold the lock.
        """
        if not self._has_results():  # without results the options may still change
            SHARDS.write(self.path, manifest)
        existing = SHARDS.read(self.path)
        if existing == manifest:
            return
        if existing.command != manifest.command:
            raise OutputError(f"{self.path}: holds finished shards of {existing.command}; name another --out")
        options = existing.options
        changed = next((name for name in manifest.options if options.get(name) != manifest.options[name]), None)
        what = "another model" if changed is None else f"{changed} {options.get(changed)}"
        raise OutputError(
            f"{self.path}: was started with {what}; use the same again, delete that folder, or name another --out"
        )

    def delete(self) -> None:
        """Delete the files that were written here, the manifest last, and then the folder if it is empty."""
        for entry in list(self.path.iterdir()):
            name = target_of_partial(entry.name) or entry.name
            if _RESULT.fullmatch(name) or (name == MANIFEST and entry.name != MANIFEST):
                entry.unlink()
        (self.path / MANIFEST).unlink(missing_ok=True)
        with suppress(OSError):  # it holds something else
            self.path.rmdir()

    def _has_results(self) -> bool:
        return any(_RESULT.fullmatch(entry.name) for entry in self.path.iterdir())

    def has(self, shard: Shard) -> bool:
        """Whether this shard is done."""
        return (self.path / shard.name).is_file()

    def write(self, name: str, result: ShardResult) -> None:
        """Write the result of the shard of this name. Raises OutputError if it is too large to be read again."""
        content = str(result).encode()
        if len(content) > MAX_RESULT:
            raise OutputError(f"{self.path / name}: more than {MAX_RESULT >> 20:,} MiB; use a smaller --shard-size")
        write_atomic(self.path / name, content)

    def read(self, names: Iterable[str]) -> Iterator[ShardResult]:
        """Read the results of shards. Raises OutputError if a file is damaged."""
        for name in names:
            try:
                yield ShardResult.from_json(read_file(self.path / name, MAX_RESULT, self.path))
            except OSError as error:
                why = explain(error, "delete it and start again")
                raise OutputError(f"{self.path / name}: cannot be read: {why}") from None
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise OutputError(f"{self.path / name}: cannot be read: {error}; delete it and start again") from None
