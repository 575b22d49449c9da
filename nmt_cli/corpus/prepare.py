"""Preprocessing: read and check parallel text, select the splits, train subwords, encode, write the prepared folder.

The text is read once into a scratch file on disk; later passes read the scratch file chunk by chunk. Memory holds a few
chunks, the sample that a vocabulary is trained on, and 18 bytes per pair (see `cleaning.check_split`).
"""

from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nmt_cli import __version__
from nmt_cli.config import PreprocessConfig
from nmt_cli.corpus import sample
from nmt_cli.corpus.cleaning import ReadOptions, check_split, dropped_bits
from nmt_cli.corpus.cleaning_report import CleaningReport, SplitReport, report_split
from nmt_cli.corpus.corpus_encoder import EncodedSplit, LengthLimits, open_encoder
from nmt_cli.corpus.dataset import Split, split_file
from nmt_cli.corpus.download import find_text
from nmt_cli.corpus.ibm1 import train_lexicon
from nmt_cli.corpus.lexicon import write_lexicon
from nmt_cli.corpus.like import Like
from nmt_cli.corpus.manifest import (
    FORMAT,
    PREPARED,
    REPORT,
    InputFile,
    PreparedManifest,
    TokenizerSettings,
    TrainCorpus,
)
from nmt_cli.corpus.output_dir import check_output_dir, corpus_directory, verify
from nmt_cli.corpus.provenance import Texts, command_line, content_options, fingerprint, hash_inputs
from nmt_cli.corpus.readers import ParallelText
from nmt_cli.corpus.score_filter import check_scores, read_scores, set_scores
from nmt_cli.corpus.splits import Selection, select
from nmt_cli.corpus.tabular import fields_of
from nmt_cli.corpus.tags import check_slots
from nmt_cli.corpus.tokenizer import Tokenizers
from nmt_cli.corpus.train_text import TrainText, tag_names, train_texts
from nmt_cli.corpus.train_tokenizer import given_tokenizers, train_tokenizers
from nmt_cli.corpus.writing_systems import Script
from nmt_cli.errors import ConfigError, CorpusError
from nmt_cli.file_hashes import FileRecord
from nmt_cli.file_names import readable
from nmt_cli.languages import main_code
from nmt_cli.parallel import available_cores
from nmt_cli.paths import check_paths
from nmt_cli.progress import Progress


@dataclass(frozen=True)
class PrepareResult:
    """The result of preprocessing: the manifest, and the cleaning report (None if the folder was up to date)."""

    manifest: PreparedManifest
    report: CleaningReport | None


@dataclass(frozen=True)
class _Job:
    config: PreprocessConfig
    languages: tuple[str, str]
    train: list[TrainText]
    tags: list[str]
    """Names of the tags, by slot."""
    like: Like | None
    progress: Progress
    fresh: Path
    """The folder to fill."""
    work: Path
    """The folder for temporary files."""

    @property
    def processors(self) -> int:
        return self.config.threads or available_cores()

    @property
    def options(self) -> dict[str, Any]:
        """The options that determine the content."""
        return content_options(self.config, self.train)


def preprocess(config: PreprocessConfig, progress: Progress | None = None) -> PrepareResult:
    """Write the prepared folder `config.out` atomically. Without a `progress`, messages are logged.

    Raises CorpusError for text that cannot be used, or if something at `out` must not be replaced; ConfigError for
    options that contradict each other; OutputError if the folder cannot be written.
    """
    check_paths(config)
    like = None if config.like is None else Like.read(config.like)
    config = config if like is None else like.applied_to(config)
    languages = _languages(config)
    check_scores(config)
    existing = check_output_dir(config.out, config.overwrite)
    with corpus_directory(config.out) as (fresh, work):
        train = train_texts(config, languages)
        tags = tag_names(train, [] if like is None else like.tags)
        job = _Job(config, languages, train, tags, like, progress or Progress(), fresh, work)
        texts = _locate_inputs(job)
        inputs = hash_inputs(texts, config.tokenizer_model if like is None else like.files, config.scores)
        key = fingerprint(inputs, languages, job.options)
        if existing and existing.fingerprint == key and not config.overwrite and verify(config.out, existing):
            return PrepareResult(existing, None)
        if existing and existing.fingerprint != key and not config.overwrite:
            raise CorpusError(
                f"{config.out}: contains a corpus prepared from other inputs or options; "
                "--overwrite replaces it, --out chooses another folder"
            )
        written = _write_corpus(job, texts)
        manifest = _describe(job, written, inputs, key)
        PREPARED.write(fresh, manifest)
    return PrepareResult(manifest, written.report)


def _languages(config: PreprocessConfig) -> tuple[str, str]:
    if config.train:
        if not config.source or not config.target:
            raise ConfigError("--train needs the language codes too, such as --source en --target de")
        return config.source, config.target
    if config.dev or config.test:
        raise ConfigError("--dev and --test need --train; without all three the bundled sample is used")
    given = config.source or sample.LANGUAGES[0], config.target or sample.LANGUAGES[1]
    languages = main_code(given[0]), main_code(given[1])
    if sorted(languages) != sorted(sample.LANGUAGES):
        raise ConfigError(
            f"the bundled sample is in {' and '.join(sample.LANGUAGES)}, not in {' and '.join(given)}; "
            "give other text with --train"
        )
    return languages


def _locate_inputs(job: _Job) -> Texts:
    """Find the files of every split; URLs and pipes are copied into the working folder."""
    config = job.config
    if not config.train:
        return {name: [text] for name, text in sample.texts(job.languages).items()}
    for text in job.train:
        _describe_augmented(job, text)
    given: dict[str, list[str | None]] = {
        "train": [text.name for text in job.train],
        "dev": [config.dev],
        "test": [config.test],
    }
    return {name: [_find(job, text) for text in texts if text] for name, texts in given.items() if any(texts)}


def _describe_augmented(job: _Job, text: TrainText) -> None:
    """Say how the pairs were made, if nmt augment made them."""
    made = text.augmented
    if made:
        models = " + ".join(model.name for model in made.models)
        tag = f", tag {text.tag}" if text.tag else ""
        job.progress.message(f"{text.name}: {made.pairs:,} pairs made by {made.method} with {models}{tag}")


def _find(job: _Job, given: str) -> ParallelText:
    return find_text(given, job.config.format, job.languages, job.work, job.progress)


@dataclass(frozen=True)
class _Written:
    """What was written, for the manifest."""

    report: CleaningReport
    tokenizer: TokenizerSettings
    corpora: list[TrainCorpus]


def _write_corpus(job: _Job, texts: Texts) -> _Written:
    """Write everything except the manifest."""
    config = job.config
    reading = ReadOptions(fields_of(config, job.languages), config.unicode, job.progress)
    given = job.like.tokenizers if job.like else given_tokenizers(config)
    if given:
        check_slots(job.tags, given.source, str(config.like or config.tokenizer_model[0]))
    scores = read_scores(config)
    examined = {name: check_split(name, parts, reading, job.work / name) for name, parts in texts.items()}
    set_scores(examined["train"], scores)
    splits = select(examined, config, job.progress)
    tokenizers, sentences = (
        (given, 0) if given else train_tokenizers(splits["train"], config, job.work, job.processors, job.progress)
    )
    tokenizers.save(job.fresh)
    encoded, corpora = _encode(job, splits, tokenizers)
    with job.progress.step("training the lexicon"):
        write_lexicon(job.fresh, train_lexicon(Split(job.fresh / split_file("train"), tokenizers), tokenizers))
    report = CleaningReport(
        splits=encoded,
        unchecked_scripts=[language for language in job.languages if not Script(language).known],
    )
    report.write(job.fresh / REPORT)
    settings = TokenizerSettings(
        type="given" if given else config.tokenizer,
        vocabulary="joint" if tokenizers.joint else "separate",
        source_size=tokenizers.source.size,
        target_size=tokenizers.target.size,
        sentences=sentences,
    )
    return _Written(report, settings, corpora)


def _encode(
    job: _Job, splits: dict[str, Selection], tokenizers: Tokenizers
) -> tuple[dict[str, SplitReport], list[TrainCorpus]]:
    """Write the Arrow file of each split; returns a report on each, and the corpora of train."""
    reports = {}
    corpora: list[TrainCorpus] = []
    pairs = sum(int(split.rows.sum()) for split in splits.values())
    with (
        job.progress.step("encoding", pairs, "pairs") as step,
        open_encoder(tokenizers, job.processors, pairs, step) as encode,
    ):
        for name, split in splits.items():
            is_train = name == "train"
            limits = LengthLimits(job.config.max_length, job.config.max_ratio, drop=is_train)
            tags = _tags(job, split, tokenizers) if is_train else ()
            chunks = split.text.scratch.chunks
            written = encode.write_split(job.fresh / split_file(name), chunks, split.rows, limits, tags)
            if not written.pairs:
                raise CorpusError(
                    f"{split.text.texts[0].name}: every pair has a side with more than {limits.length} subwords, "
                    f"or more than {limits.ratio:g} times as many as the other; raise --max-length or --max-ratio"
                )
            rows = np.ones(len(split.text), np.bool_) if is_train else split.rows
            dropped = dropped_bits(job.config) if is_train else 0
            reports[name] = report_split(split, rows, dropped, written)
            corpora += _corpora(job, split, written) if is_train else []
    train = reports["train"]
    dropped_pairs = train.read - train.held_out - train.kept
    job.progress.message(
        f"train: {train.read:,} pairs read, {train.kept:,} kept, {dropped_pairs:,} dropped (see {REPORT})"
    )
    return reports, corpora


def _tags(job: _Job, train: Selection, tokenizers: Tokenizers) -> list[int | None]:
    """For each chunk of train the id of its tag; a chunk is of one text."""
    slots = tokenizers.source.tags
    ids = dict(zip(job.tags, slots, strict=False))
    texts = (bisect_right(train.text.firsts, chunk.first) - 1 for chunk in train.text.scratch.chunks)
    return [ids.get(job.train[text].tag or "") for text in texts]


def _corpora(job: _Job, train: Selection, written: EncodedSplit) -> list[TrainCorpus]:
    """The training texts, each with the pairs that were kept of it."""
    kept = train.rows & (written.findings == 0)
    pairs = np.add.reduceat(kept, train.text.firsts, dtype=np.int64).tolist()
    return [
        TrainCorpus(name=readable(text.name), weight=text.weight, tag=text.tag, pairs=count)
        for text, count in zip(job.train, pairs, strict=True)
    ]


def _describe(job: _Job, written: _Written, inputs: dict[str, list[InputFile]], key: str) -> PreparedManifest:
    splits = written.report.splits
    return PreparedManifest(
        format=FORMAT,
        kind="prepared",
        toolkit=__version__,
        command=command_line(job.config),
        source=job.languages[0],
        target=job.languages[1],
        unicode=job.config.unicode,
        max_length=job.config.max_length,
        counts={name: split.kept for name, split in splits.items()},
        subwords={name: (split.source.subwords, split.target.subwords) for name, split in splits.items()},
        corpora=written.corpora,
        tags=job.tags,
        tokenizer=written.tokenizer,
        inputs=inputs,
        files={path.name: FileRecord.of_file(path) for path in sorted(job.fresh.iterdir())},
        options=job.options,
        fingerprint=key,
    )
