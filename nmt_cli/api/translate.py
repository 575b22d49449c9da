"""`nmt translate`: translates a stream of lines to a stream of translations, and writes files of alignments, receipt
and attention."""

import io
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from nmt_cli.atomic import atomic_open, check_output_file, errors_name
from nmt_cli.checkpoint.model_dir import LoadedModel, load_ensemble
from nmt_cli.config import TranslateConfig
from nmt_cli.corpus.text_io import TextFile, read_lines
from nmt_cli.decoding.alignment import format_pharaoh
from nmt_cli.decoding.issues import IssueCounts, receipt_entry
from nmt_cli.decoding.output import FORMATTERS
from nmt_cli.decoding.text_stream import FileStream, Line, LineReader, count_lines
from nmt_cli.decoding.translation import Translation
from nmt_cli.decoding.translator import WINDOW, Batching, LineTranslator
from nmt_cli.errors import ConfigError, CorpusError, OutputError
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.progress import Progress, logger

if TYPE_CHECKING:
    from nmt_cli.report.attention import AttentionFile, AttentionMap, ModelLabel


MAX_DRAWN = 4_000_000
"""Attention weights of a line, source by target subwords, at most, that are drawn."""
FIRST_WINDOW = 32
"""Lines that are translated first, so that output starts within a second or two."""


def translate(config: TranslateConfig, progress: Progress | None = None) -> IssueCounts:
    """What `nmt translate` does: translate the files of the config, or standard input, to its output file, or to
    standard output.

    Raises CorpusError if a file cannot be read, OutputError if the output exists, and what `translate_stream` raises.
    """
    for path in config.source_files:
        if str(path) != "-" and not path.exists():
            raise CorpusError(f"{path}: no such file")
    source = FileStream(config.source_files, sys.stdin.buffer) if config.source_files else sys.stdin.buffer
    if config.out is None:
        return translate_stream(config, source, sys.stdout.buffer, progress)
    check_output_file(config.out, config.overwrite)
    with LateFile(config.out) as target:
        return translate_stream(config, source, target, progress)


class LateFile(io.RawIOBase):
    """A file that is created when something is first written to it, or closed without an error: what fails before that
    leaves an older file as it was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def _open(self) -> BinaryIO:
        if self._file is None:
            self._file = open(self._path, "wb")  # noqa: SIM115  # closed by __exit__
        return self._file

    def write(self, content: Any) -> int:
        with errors_name(self._path):
            return self._open().write(content)

    def flush(self) -> None:
        if self._file is not None:
            with errors_name(self._path):
                self._file.flush()

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None:
            self._open()
        if self._file is not None:
            self._file.close()


def translate_stream(
    config: TranslateConfig,
    source: BinaryIO | FileStream,
    target: BinaryIO | LateFile,
    progress: Progress | None = None,
) -> IssueCounts:
    """Translate every line of `source` to `target`, window by window; returns the counts of issues. An interrupt leaves
    the windows written so far.

    The config's output files appear, complete, when all lines are done. Raises OutputError if a line was lost,
    ConfigError if an option does not fit the model or the input, CheckpointError if the model is missing or damaged.
    """
    attention = bool(config.alignment or config.attention or config.output_format == "jsonl")
    with ExitStack() as stack:
        outputs = Outputs(config, target, stack)
        prefixes = None if config.target_prefix is None else Prefixes(config.target_prefix)
        compute = compute_for_search(config.device, config.precision, config.threads)
        loaded = load_ensemble(config.model, config.ensemble, compute)
        if not any(model.config.attends for model in loaded.models):
            for name in ("alignment", "attention"):
                if getattr(config, name):
                    raise ConfigError(f"--{name}: {config.model} has no attention to compute it from; leave it out")
        translator = LineTranslator(loaded, config.search, Batching(config.batch_size), attention, tag=config.tag)
        progress = progress or Progress()
        reader = LineReader(source, WINDOW, FIRST_WINDOW)
        if reader.interactive:
            progress.message(f"{config.model} is ready: type a line to translate; Ctrl-D ends")
        try:
            with progress.step("translating", count_lines(source), announce=False) as step:
                translator.on_lines = step.advance
                for window in reader.windows():
                    for translation in translator.translate(prefixes.add_to(window) if prefixes else window):
                        outputs.write(translation)
                    target.flush()
        except KeyboardInterrupt:
            target.flush()
            progress.message(f"lines written: {outputs.issue_counts.lines:,}")
            raise
        outputs.finish(reader.count, loaded)
        if prefixes:
            prefixes.check_end(reader.count)
    return outputs.issue_counts


class Prefixes:
    """The prefixes that translations must begin with, one line of a file for each input line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: Iterator[str] = read_lines(TextFile(path))

    def add_to(self, window: list[Line]) -> list[Line]:
        """Add the prefixes to lines. Raises ConfigError if there are too few prefixes."""
        return [replace(line, prefix=self._next(line)) for line in window]

    def _next(self, line: Line) -> str:
        prefix = next(self._lines, None)
        if prefix is None:
            raise ConfigError(
                f"--target-prefix {self._path}: ends before line {line.number:,} of the input; "
                "give it one line for each input line, empty where there is no prefix"
            )
        return prefix

    def check_end(self, lines: int) -> None:
        """Raise ConfigError if there are prefixes left."""
        if next(self._lines, None) is not None:
            raise ConfigError(f"--target-prefix {self._path}: has more lines than the {lines:,} of the input")


class Outputs:
    """The outputs of a translation: the target stream, and the files of alignments, receipt and attention."""

    def __init__(self, config: TranslateConfig, target: BinaryIO | LateFile, stack: ExitStack) -> None:
        self.issue_counts = IssueCounts()
        self._target = target
        self._format = FORMATTERS[config.output_format]
        self._n_best = config.search.n_best
        for name in ("alignment", "receipt"):
            if (path := getattr(config, name)) is not None:
                check_output_file(path, config.overwrite, f"--{name}")
        self._attention = None if config.attention is None else _attention_file(config.attention, config.overwrite)
        self._alignment = _open(config.alignment, stack)
        self._receipt = _open(config.receipt, stack)

    def write(self, translation: Translation) -> None:
        """Write a line's translation to all outputs."""
        self._target.write(self._format(translation, self._n_best).encode())
        self.issue_counts.add(translation)
        if self._alignment:
            self._alignment.write(format_pharaoh(translation.alignment(translation.candidates[0])) + "\n")
        if self._receipt and (entry := receipt_entry(translation)):
            self._receipt.write(entry + "\n")
        if self._attention and _is_too_long_to_draw(translation):
            logger.warning(f"{self._attention.path}: line {translation.line.number} is left out, too long to draw")
        elif self._attention and translation.source_tokens:
            self._attention.add(None if self._attention.full else attention_map(translation))

    def finish(self, lines: int, loaded: LoadedModel) -> None:
        """Write the attention file, which names the model. Raises OutputError unless `lines` lines were written."""
        if self.issue_counts.lines != lines:
            raise OutputError(
                f"{self.issue_counts.lines:,} lines out for {lines:,} lines in: this is a bug in nmt; please report it"
            )
        if self._attention:
            self._attention.write(model_label(loaded))


def _is_too_long_to_draw(translation: Translation) -> bool:
    return len(translation.source_tokens) * len(translation.candidates[0].tokens) > MAX_DRAWN


def attention_map(translation: Translation) -> "AttentionMap":
    """The attention map of the best translation, which must have attention."""
    from nmt_cli.report.attention import AttentionMap, Subwords

    best = translation.candidates[0]
    assert best.attention is not None, "a model without attention was refused at the start"
    subwords = Subwords(translation.source_tokens, best.tokens, best.attention)
    words, texts = (translation.source_words, best.words), (translation.line.text, best.text)
    return AttentionMap.from_subwords(subwords, words, texts, best.score, translation.line.number, best.confidence)


def model_label(loaded: LoadedModel) -> "ModelLabel":
    """The name of a model, or the names of the models of an ensemble, with hash and languages."""
    from nmt_cli.report.attention import ModelLabel

    names = " + ".join(model.path.resolve().name for model in (loaded, *loaded.ensemble))
    return ModelLabel(names, loaded.hash, loaded.manifest.source, loaded.manifest.target)


def _attention_file(path: Path, overwrite: bool) -> "AttentionFile":
    from nmt_cli.report.attention import AttentionFile  # imports the drawing code, which takes a second
    from nmt_cli.report.html import is_page

    file = AttentionFile(path)
    check_output_file(path, overwrite or (path.is_file() and is_page(path)), "--attention")
    return file


def _open(path: Path | None, stack: ExitStack) -> IO[str] | None:
    return None if path is None else stack.enter_context(atomic_open(path))
