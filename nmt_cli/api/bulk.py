"""`nmt bulk`: translates a file in shards, on many workers."""

import functools
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from nmt_cli.api.shards import (
    Shard,
    ShardDir,
    ShardResult,
    ShardsManifest,
    manifest_for,
    split_file,
    translation_options,
)
from nmt_cli.api.workers import ShardedWork, translate_shard
from nmt_cli.atomic import atomic_open, check_output_file
from nmt_cli.checkpoint.layout import MODEL
from nmt_cli.config import BulkConfig
from nmt_cli.corpus.tags import check_tag
from nmt_cli.corpus.text_io import TextFile
from nmt_cli.decoding.issues import IssueCounts, receipt_entry
from nmt_cli.decoding.output import FORMATTERS
from nmt_cli.errors import ConfigError
from nmt_cli.progress import Progress

COMMAND = "nmt bulk"
TEXT, RECEIPT = "text", "receipt"
"""Names of the texts in the result of a shard."""


def translate_file(config: BulkConfig, progress: Progress) -> IssueCounts:
    """Translate a file, shard by shard, and write the output when all are done; returns the counts of issues.

    Raises ConfigError if an option does not fit, CheckpointError if the model is missing or damaged, CorpusError if the
    file cannot be read, OutputError if the output cannot be written or a shard kills its workers.
    """
    source, out = _files(config)
    folder = ShardDir(out.with_name(out.name + ".shards"), COMMAND)
    manifest = bulk_manifest(config)
    work = ShardedWork(
        config,
        lambda: split_file(TextFile(source), config.shard_size),
        functools.partial(bulk_shard, config, manifest.models),
        folder,
    )
    with folder.lock():
        folder.open(manifest)
        counts = _merge(config, folder, work.finish(progress), out)
        folder.delete()
    return counts


def bulk_manifest(config: BulkConfig) -> ShardsManifest:
    """The models and options that the output depends on. Raises CheckpointError if there is no model, ConfigError if
    one does not have the tag."""
    for path in (config.model, *config.ensemble):
        if config.tag is not None:
            check_tag(config.tag, MODEL.read(path).tags, str(path))
    return manifest_for(config, COMMAND, translation_options(config, "output_format", "tag"))


def _files(config: BulkConfig) -> tuple[Path, Path]:
    """The input and output files, checked now rather than after hours of work."""
    if config.source_file is None or config.out is None:
        raise ConfigError("name the file to translate, and with --out the file to write")
    if config.source_file.exists() and not (config.source_file.is_file() or config.source_file.is_dir()):
        raise ConfigError(f"{config.source_file}: is not a file that can be read twice; nmt translate reads pipes")
    check_output_file(config.out, config.overwrite)
    if config.receipt is not None:
        check_output_file(config.receipt, config.overwrite, "--receipt")
    return config.source_file, config.out


def bulk_shard(config: BulkConfig, models: list[str], shard: Shard) -> ShardResult:
    """Translate a shard into the output format, on a worker."""
    format_ = FORMATTERS[config.output_format]
    counts = IssueCounts()
    texts: list[str] = []
    entries: list[str] = []
    for translation in translate_shard(config, models, shard, config.output_format == "jsonl", config.tag):
        counts.add(translation)
        texts.append(format_(translation, config.search.n_best))
        if entry := receipt_entry(translation):
            entries.append(entry + "\n")
    return ShardResult({TEXT: "".join(texts), RECEIPT: "".join(entries)}, counts)


def _merge(config: BulkConfig, folder: ShardDir, names: Sequence[str], out: Path) -> IssueCounts:
    """Write the output, and the receipt, from the results of all shards in order."""
    counts = IssueCounts()
    with ExitStack() as stack:
        text = stack.enter_context(atomic_open(out))
        receipt = stack.enter_context(atomic_open(config.receipt)) if config.receipt else None
        for result in folder.read(names):
            counts.merge(result.issue_counts)
            text.write(result.texts[TEXT])
            if receipt:
                receipt.write(result.texts[RECEIPT])
    return counts
