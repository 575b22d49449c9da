"""`nmt augment`: makes training pairs by translation, in shards, on many workers.

Back-translation (Sennrich et al. 2016, Improving neural machine translation models with monolingual data): text in the
target language is translated into the source language. Distillation (Kim and Rush 2016, sequence-level): the source
side of a corpus is translated by a teacher. In both, lines in the model's source language are given, and the model
generates the other side.
"""

import copy
import functools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from nmt_cli import __version__
from nmt_cli.api.shards import (
    Shard,
    ShardDir,
    ShardResult,
    ShardsManifest,
    manifest_for,
    split_file,
    split_lines,
    translation_options,
)
from nmt_cli.api.workers import ShardedWork, translate_shard
from nmt_cli.atomic import atomic_open, check_output_file, write_atomic
from nmt_cli.checkpoint.layout import MODEL
from nmt_cli.config import AugmentConfig
from nmt_cli.corpus.augmented import (
    AUGMENTED,
    AugmentedManifest,
    AugmentingModel,
    Side,
    augmented_files,
    manifest_path,
)
from nmt_cli.corpus.download import find_text
from nmt_cli.corpus.encodings import lookup
from nmt_cli.corpus.readers import read_pairs, reading_notes
from nmt_cli.corpus.tabular import fields_of
from nmt_cli.corpus.text_io import TextFile
from nmt_cli.decoding.issues import IssueCounts, receipt_entry
from nmt_cli.decoding.translation import Translation
from nmt_cli.errors import ConfigError
from nmt_cli.file_hashes import FileRecord
from nmt_cli.file_names import readable
from nmt_cli.paths import check_not_read
from nmt_cli.progress import Progress

COMMAND = "nmt augment"
GIVEN, GENERATED, RECEIPT = "given", "generated", "receipt"
"""Names of the texts in the result of a shard."""
LEFT_OUT = ("invalid_utf8", "cut", "repetition", "length_ratio", "empty")
"""Issues for which a pair is left out. A blank line never makes a pair."""
PAIRS_ONLY = ("format", "delimiter", "source_field", "target_field", "invalid_utf8")
"""Options of parallel text that have no meaning for text in one language."""


@dataclass
class AugmentCounts:
    """Lines translated, pairs written, and the issues of all lines."""

    issues: IssueCounts = field(default_factory=IssueCounts)
    pairs: int = 0

    def summary(self, keep_all: bool) -> Iterator[str]:
        """Yield a sentence about what was left out, and one for each kind of issue."""
        lines = self.issues.lines
        yield f"{self.pairs:,} pairs of {lines:,} lines, {lines - self.pairs:,} left out"
        left_out = self.left_out(keep_all)
        for kind, sentence in self.issues.sentences():
            yield f"left out: {sentence.replace(', left blank', '')}" if kind in left_out else sentence

    def left_out(self, keep_all: bool) -> dict[str, int]:
        """Lines left out by kind of issue; a line may have several."""
        kinds = ("blank",) if keep_all else ("blank", *LEFT_OUT)
        return {kind: self.issues.counts[kind] for kind in kinds if kind in self.issues.counts}


@dataclass(frozen=True)
class _Job:
    """Checked options: the method, the languages of the pairs, source first, and the lines to translate as shards."""

    config: AugmentConfig
    method: Literal["back-translation", "distillation"]
    languages: tuple[str, str]
    shards: Callable[[], Iterator[Shard]]
    inputs: list[Path]
    prefix: Path

    @property
    def files(self) -> dict[Side, Path]:
        """The file of each side."""
        return augmented_files(self.prefix, *self.languages)

    @property
    def texts(self) -> dict[str, Path]:
        """The file for each text in the result of a shard."""
        source, target = self.files["source"], self.files["target"]
        given, generated = (target, source) if self.method == "back-translation" else (source, target)
        texts = {GIVEN: given, GENERATED: generated}
        return texts | ({RECEIPT: self.config.receipt} if self.config.receipt else {})

    def check_outputs(self) -> None:
        """Check now, rather than after hours of work, that the output can be written."""
        for path in (*self.files.values(), manifest_path(self.prefix)):
            check_output_file(path, self.config.overwrite)
        if self.config.receipt is not None:
            check_output_file(self.config.receipt, self.config.overwrite, "--receipt")
        option = "--text" if self.method == "back-translation" else "--pairs"
        check_not_read([*self.files.values(), manifest_path(self.prefix)], self.inputs, option)


def augment(config: AugmentConfig, progress: Progress) -> AugmentCounts:
    """Translate the given side, shard by shard, and write the pairs when all shards are done.

    Raises ConfigError if an option does not fit, CheckpointError if the model is missing or damaged, CorpusError if the
    text cannot be read, OutputError if the output cannot be written or a shard kills its workers.
    """
    if config.out is None or not config.out.name:
        raise ConfigError("name with --out the prefix of the files to write")
    if (config.text is None) == (config.pairs is None):
        raise ConfigError("give either --text, to translate text in one language, or --pairs, to translate its sources")
    if config.search.n_best > 1:
        raise ConfigError(f"n_best {config.search.n_best}: a pair has one translation; leave it out")
    with tempfile.TemporaryDirectory(prefix="nmt-augment-") as folder:
        job = _locate(config, config.out, Path(folder), progress)
        job.check_outputs()
        return _write(job, progress)


def _locate(config: AugmentConfig, prefix: Path, folder: Path, progress: Progress) -> _Job:
    """Find the text to translate; URLs and pipes are copied into a folder."""
    model = MODEL.read(config.model)
    if config.text is not None:
        path, encoding = config.text, lookup(config.encoding) if config.encoding else ""
        if useless := config.changed(*PAIRS_ONLY):
            raise ConfigError(f"{useless[0]} applies to --pairs, not to --text")
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ConfigError(f"{path}: is not a file that can be read twice; give a file")
        return _Job(
            config,
            "back-translation",
            (model.target, model.source),
            lambda: split_file(TextFile(path, encoding=encoding), config.shard_size),
            [path],
            prefix,
        )
    assert config.pairs is not None
    languages = model.source, model.target
    text = find_text(config.pairs, config.format, languages, folder, progress)
    fields = fields_of(config, languages)

    notes: list[str] = []

    def shards() -> Iterator[Shard]:
        fresh = copy.deepcopy(text)  # a file counts the lines that are read
        yield from split_lines((source.encode() for source, _ in read_pairs(fresh, fields)), config.shard_size)
        if not notes:  # the first time
            notes.extend(reading_notes(fresh))
            for note in notes:
                progress.message(note)

    return _Job(config, "distillation", languages, shards, [file.path for file in text.files], prefix)


def _write(job: _Job, progress: Progress) -> AugmentCounts:
    """Translate what is not translated yet, write the files of pairs, and last their description."""
    config, prefix = job.config, job.prefix
    folder = ShardDir(prefix.with_name(prefix.name + ".shards"), COMMAND)
    shards_manifest = manifest_for(config, COMMAND, translation_options(config, "keep_all"))
    work = ShardedWork(config, job.shards, functools.partial(augment_shard, config, shards_manifest.models), folder)
    with folder.lock():
        folder.open(shards_manifest)
        counts = _merge(job, folder, work.finish(progress))
        write_atomic(manifest_path(prefix), AUGMENTED.text(_describe(job, shards_manifest, counts)))
        folder.delete()
    return counts


def _describe(job: _Job, shards: ShardsManifest, counts: AugmentCounts) -> AugmentedManifest:
    """How the pairs were made. Their files have been written."""
    config = job.config
    return AugmentedManifest(
        format=AUGMENTED.format,
        kind="augmented",
        toolkit=__version__,
        method=job.method,
        source=job.languages[0],
        target=job.languages[1],
        tag=config.tag,
        models=[
            AugmentingModel(name=readable(path.resolve().name), sha256=sha256)
            for path, sha256 in zip((config.model, *config.ensemble), shards.models, strict=True)
        ],
        options=shards.options,
        lines=counts.issues.lines,
        pairs=counts.pairs,
        left_out=counts.left_out(config.keep_all),
        files={side: FileRecord.of_file(path) for side, path in job.files.items()},
    )


def augment_shard(config: AugmentConfig, models: list[str], shard: Shard) -> ShardResult:
    """The pairs of a shard, made on a worker: its lines, and their translations."""
    counts = IssueCounts()
    texts: dict[str, list[str]] = {GIVEN: [], GENERATED: [], RECEIPT: []}
    for translation in translate_shard(config, models, shard):
        counts.add(translation)
        if not _is_left_out(translation, config.keep_all):
            texts[GIVEN].append(translation.line.text + "\n")
            texts[GENERATED].append(translation.text + "\n")
        if entry := receipt_entry(translation):
            texts[RECEIPT].append(entry + "\n")
    return ShardResult({name: "".join(parts) for name, parts in texts.items()}, counts)


def _is_left_out(translation: Translation, keep_all: bool) -> bool:
    kinds = {issue.kind for issue in translation.issues}
    return "blank" in kinds or not (keep_all or kinds.isdisjoint(LEFT_OUT))


def _merge(job: _Job, folder: ShardDir, names: Sequence[str]) -> AugmentCounts:
    """Write the files of pairs, and the receipt, from the results of all shards in order."""
    counts = AugmentCounts()
    with ExitStack() as stack:
        files = {name: stack.enter_context(atomic_open(path)) for name, path in job.texts.items()}
        for result in folder.read(names):
            counts.issues.merge(result.issue_counts)
            counts.pairs += result.texts[GIVEN].count("\n")
            for name, file in files.items():
                file.write(result.texts[name])
    return counts
