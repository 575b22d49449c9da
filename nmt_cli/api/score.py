"""`nmt score`: the log-probability of each pair of a parallel text, one line per pair, in order."""

import copy
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nmt_cli.api.shards import Shard, ShardDir, ShardResult, manifest_for, split_lines
from nmt_cli.atomic import atomic_open, check_output_file, is_special
from nmt_cli.checkpoint.layout import MODEL
from nmt_cli.checkpoint.model_dir import LoadedModel, load_ensemble
from nmt_cli.config import ScoreConfig
from nmt_cli.corpus.download import find_text
from nmt_cli.corpus.readers import ParallelText, read_pairs, reading_notes
from nmt_cli.corpus.tabular import Fields, fields_of
from nmt_cli.decoding.issues import IssueCounts, json_line
from nmt_cli.decoding.output import DIGITS
from nmt_cli.decoding.pair_scores import PairScore, score_pairs
from nmt_cli.decoding.translator import WINDOW
from nmt_cli.errors import ConfigError
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.paths import check_not_read
from nmt_cli.progress import Progress

COMMAND = "nmt score"
SCORES = "scores"
"""Name of the text in the result of a shard."""
CONTENT_OPTIONS = ("tag", "per_subword", "output_format", "precision", "batch_size")
"""Options that the scores depend on."""
MEANINGS = {"blank": "have a blank side", "too long": "have a side that is too long for the model"}
"""Why a pair has no score."""


def score(config: ScoreConfig, progress: Progress | None = None) -> list[str]:
    """Write the score of each pair of `config.pairs` to `config.out`, or to standard output.

    The pairs are read twice, first to check and count them. With `config.out`, finished shards are kept beside it until
    all are done, so that a killed run can be resumed. Returns a sentence for each reason why pairs have no score.

    Raises ConfigError if there are none to score, CorpusError if they cannot be read, CheckpointError if the model is
    missing or damaged, OutputError if the output exists.
    """
    if config.pairs is None:
        raise ConfigError("name the pairs to score with --pairs")
    if config.out is not None:
        check_output_file(config.out, config.overwrite)
    manifest = MODEL.read(config.model)
    languages = manifest.source, manifest.target
    fields = fields_of(config, languages)
    progress = progress or Progress()
    with tempfile.TemporaryDirectory(prefix="nmt-score-") as folder:
        text = find_text(config.pairs, config.format, languages, Path(folder), progress)
        if config.out is not None:
            check_not_read([config.out], [file.path for file in text.files], "--pairs")
        total = _count(text, fields, progress)
        shards = split_lines(_lines(read_pairs(text, fields)), 2 * WINDOW)
        with _shard_dir(config) as done, _output(config.out) as write:
            counts = IssueCounts()
            for result in _results(config, shards, done, total, progress):
                write(result.texts[SCORES])
                counts.merge(result.issue_counts)
        return [f"{n:,} of {total:,} pairs {MEANINGS[kind]}; their score is nan" for kind, n in counts.counts.items()]


def _count(text: ParallelText, fields: Fields, progress: Progress) -> int:
    """The number of pairs, found by reading them all, so that an error in the last line is known before the work."""
    text = copy.deepcopy(text)  # a file counts the lines that are read
    with progress.step(f"reading {text.name}", unit="pairs", announce=False) as step:
        for _ in read_pairs(text, fields):
            step.advance()
    for note in reading_notes(text):
        progress.message(note)
    return step.done


def _lines(pairs: Iterable[tuple[str, str]]) -> Iterator[bytes]:
    """The two sides of each pair, one after the other."""
    return (side.encode() for pair in pairs for side in pair)


@contextmanager
def _shard_dir(config: ScoreConfig) -> Iterator[ShardDir | None]:
    """Yield the folder of finished shards beside the output, and delete it if the block succeeds; None if the output is
    not a file."""
    if config.out is None or is_special(config.out):
        yield None
        return
    folder = ShardDir(config.out.with_name(config.out.name + ".shards"), COMMAND)
    with folder.lock():
        options = {name: getattr(config, name) for name in CONTENT_OPTIONS}
        folder.open(manifest_for(config, COMMAND, options))
        yield folder
        folder.delete()


@contextmanager
def _output(path: Path | None) -> Iterator[Callable[[str], object]]:
    """Yield the function that writes to the file, which appears when it is complete, or to standard output."""
    if path is None:
        yield lambda text: sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
        return
    with atomic_open(path) as file:
        yield file.write


def _results(
    config: ScoreConfig, shards: Iterable[Shard], folder: ShardDir | None, total: int, progress: Progress
) -> Iterator[ShardResult]:
    """Yield the result of each shard, those that are done from the folder."""
    loaded = load_ensemble(
        config.model, config.ensemble, compute_for_search(config.device, config.precision, config.threads)
    )
    resumed = 0
    with progress.step("scoring", total, "pairs") as step:
        for shard in shards:
            if folder is not None and folder.has(shard):
                (result,) = folder.read([shard.name])
                resumed += result.issue_counts.lines
            else:
                result = _score(config, loaded, shard)
                if folder is not None:
                    folder.write(shard.name, result)
            yield result
            step.advance(result.issue_counts.lines)
    if resumed:
        progress.message(f"{resumed:,} of {total:,} pairs had been scored before the run was interrupted")


def _score(config: ScoreConfig, loaded: LoadedModel, shard: Shard) -> ShardResult:
    """The scores of the pairs of a shard, and how many have none."""
    sides = [line.decode() for line in shard.lines]
    pairs = list(zip(sides[::2], sides[1::2], strict=True))
    scores = score_pairs(loaded, pairs, config.batch_size, config.tag)
    counts = IssueCounts(len(pairs))
    for number, each in enumerate(scores, shard.first // 2 + 1):
        if each.issue:
            counts.count(each.issue, 1, number)
    return ShardResult({SCORES: "".join(_format(config, each) + "\n" for each in scores)}, counts)


def _format(config: ScoreConfig, score: PairScore) -> str:
    """A score as one line."""
    if config.output_format == "text":
        value = score.per_subword if config.per_subword else score.log_prob
        return "nan" if value is None else f"{value:.{DIGITS}f}"
    return json_line(
        {
            "log_prob": None if score.log_prob is None else round(score.log_prob, DIGITS),
            "per_subword": None if score.per_subword is None else round(score.per_subword, DIGITS),
            "source_subwords": score.source_subwords,
            "target_subwords": score.target_subwords,
        }
    )
