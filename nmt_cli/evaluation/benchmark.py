"""Measures the speed of translation for each precision, batch size and number of threads, and its cost in BLEU."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from nmt_cli.checkpoint.layout import MODEL, ModelManifest
from nmt_cli.checkpoint.model_dir import LoadedModel, load_model
from nmt_cli.config import BenchConfig, SearchPrecision
from nmt_cli.decoding.translator import Batching, LineTranslator
from nmt_cli.errors import ConfigError
from nmt_cli.evaluation.inputs import Text, check_lines, read_text, stored_split
from nmt_cli.evaluation.metrics import Scorer
from nmt_cli.kernels.device import compute_for_search, describe_machine
from nmt_cli.model.inference import weight_bytes
from nmt_cli.progress import Progress

LATENCY_LINES = 40
"""Lines that are translated one by one, to measure the latency of a single line."""
PRECISIONS: tuple[SearchPrecision, ...] = ("fp32", "bf16", "int8")
"""Precisions measured by default; the others are compared with the first."""


@dataclass
class Row:
    """One configuration, and its seconds in each round. With batch_size 1 lines are translated one by one, and
    `latencies` holds the seconds of each."""

    precision: SearchPrecision
    threads: int
    batch_size: int
    translator: LineTranslator
    seconds: list[float] = field(default_factory=list)
    tokens: int = 0
    latencies: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Speed:
    """Sentences and target subwords (EOS included) per second, by the median over the rounds; with batch_size 1
    also the median and the 95th percentile of the milliseconds per line."""

    precision: SearchPrecision
    threads: int
    batch_size: int
    sentences_per_second: float
    tokens_per_second: float
    p50: float | None = None
    p95: float | None = None


@dataclass(frozen=True)
class Quality:
    """Quality with a precision or shortlist: BLEU (None without a reference), the share of lines translated as in the
    first row, and the size in MiB of the weights that search uses."""

    precision: SearchPrecision
    shortlist: int
    bleu: float | None
    same: float
    mebibytes: float


@dataclass(frozen=True)
class Bench:
    """The result of `nmt bench`."""

    model: str
    text: str
    machine: str
    search: dict[str, Any]
    quality: list[Quality]
    speeds: list[Speed]

    def as_json(self) -> dict[str, Any]:
        """All fields, as one object."""
        return asdict(self)


def bench(config: BenchConfig, progress: Progress) -> Bench:
    """Measure every configuration in turn, `repeats` times, so that a slower phase of the machine affects all.

    Raises ConfigError, CheckpointError or CorpusError for errors that the user can fix.
    """
    manifest = MODEL.read(config.model)
    text, references = _texts(config, manifest, progress)
    sources = text.lines
    timed = [sources[i] for i in _spread(len(sources), config.lines)]
    max_threads = torch.get_num_threads()
    loaded = _load(config, progress)
    first = next(iter(loaded.values()))
    threads = config.threads or sorted({1, max_threads})
    if first.compute.device.type != "cpu":
        if config.threads:
            progress.warning("threads is ignored: the model runs on a GPU")
        threads = [max_threads]
    if config.search.n_best > 1:
        progress.warning("n_best is ignored: the best translation of each line is scored")
    try:
        scorer = Scorer([references.lines], manifest.target, manifest.unicode) if references else None
        quality = _qualities(config, loaded, text, scorer, progress)
        speeds = _measure(config, loaded, threads, timed, progress)
    finally:
        torch.set_num_threads(max_threads)
    return Bench(
        model=f"{config.model} {first.hash}",
        text=f"{len(sources):,} lines of {text.name}, "
        f"{len(timed):,} timed (one by one {min(LATENCY_LINES, len(timed))})",
        machine=describe_machine(),
        search=config.search.model_dump(exclude={"n_best"}),
        quality=quality,
        speeds=speeds,
    )


def _texts(config: BenchConfig, manifest: ModelManifest, progress: Progress) -> tuple[Text, Text | None]:
    """The text to translate, and its reference if there is one. Raises ConfigError for options that contradict each
    other."""
    if config.source_file is None:
        if config.reference is not None:
            raise ConfigError(f"--reference {config.reference}: name the file that it translates: nmt bench MODEL FILE")
        stored = stored_split(config.model, manifest, config.prepared, config.split)
        return stored.sources, stored.references
    if config.prepared is not None or "split" in config.model_fields_set:
        raise ConfigError(f"{config.source_file}: replaces --prepared and --split; leave them out")
    notes: list[str] = []
    sources = read_text(config.source_file, notes)
    references = read_text(config.reference, notes) if config.reference else None
    check_lines([text for text in (sources, references) if text])
    for note in notes:
        progress.message(note)
    return sources, references


def _spread(count: int, wanted: int) -> list[int]:
    """`wanted` of `count` indices, evenly spaced."""
    wanted = min(count, wanted)
    return [i * count // wanted for i in range(wanted)]


def _load(config: BenchConfig, progress: Progress) -> dict[SearchPrecision, LoadedModel]:
    """The model in each precision. Precisions that this machine does not support are skipped, unless the config names
    them."""
    loaded: dict[SearchPrecision, LoadedModel] = {}
    for precision in dict.fromkeys(config.precision or PRECISIONS):
        try:
            loaded[precision] = load_model(config.model, compute_for_search(config.device, precision, 0))
        except ConfigError as error:
            if config.precision or precision == "fp32":  # which every device has: then there is no such device
                raise
            progress.warning(f"{precision} is skipped: {error}")
    return loaded


def _qualities(
    config: BenchConfig,
    loaded: dict[SearchPrecision, LoadedModel],
    text: Text,
    scorer: Scorer | None,
    progress: Progress,
) -> list[Quality]:
    qualities: list[Quality] = []
    first: list[str] = []
    settings = [(precision, model, config.search) for precision, model in loaded.items()]
    if config.search.shortlist:  # the whole vocabulary first, for comparison
        precision, model, search = settings[0]
        settings.insert(0, (precision, model, search.model_copy(update={"shortlist": 0})))
    for precision, model, search in settings:
        with progress.step(f"translating {text.name} in {precision}", len(text.lines)) as step:
            translator = LineTranslator(model, search, Batching(max(config.batch_size)), on_lines=step.advance)
            outputs = [translation.text for translation in translator.translate_lines(text.lines)]
        first = first or outputs
        same = sum(a == b for a, b in zip(outputs, first, strict=True)) / len(outputs)
        qualities.append(
            Quality(
                precision,
                search.shortlist,
                scorer.statistics("bleu", outputs).corpus() if scorer else None,
                same,
                weight_bytes(model.model) / 2**20,
            )
        )
    return qualities


def _measure(
    config: BenchConfig,
    loaded: dict[SearchPrecision, LoadedModel],
    threads: Sequence[int],
    sources: Sequence[str],
    progress: Progress,
) -> list[Speed]:
    rows = [
        Row(precision, count, size, LineTranslator(model, config.search, Batching(size)))
        for precision, model in loaded.items()
        for count in threads
        for size in dict.fromkeys([1, *config.batch_size])
    ]
    alone = [sources[i] for i in _spread(len(sources), LATENCY_LINES)]
    for row in rows:  # warm-up, not timed
        torch.set_num_threads(row.threads)
        list(row.translator.translate_lines(alone))
    rounds = [row for _ in range(config.repeats) for row in rows]
    name = f"timing {len(rows)} configurations {config.repeats} times, {len(sources)} lines each"
    with progress.step(name, len(rounds), "measurements") as step:
        for row in rounds:
            torch.set_num_threads(row.threads)
            row.tokens = 0
            row.seconds.append(0.0)
            for lines in [[line] for line in alone] if row.batch_size == 1 else [sources]:
                started = time.perf_counter()
                for translation in row.translator.translate_lines(lines):
                    row.tokens += len(translation.candidates[0].tokens) + 1
                seconds = time.perf_counter() - started
                row.seconds[-1] += seconds
                if row.batch_size == 1:
                    row.latencies.append(seconds)
            step.advance()
    return [_speed(row, len(alone) if row.batch_size == 1 else len(sources)) for row in rows]


def _speed(row: Row, lines: int) -> Speed:
    seconds = statistics.median(row.seconds)
    speeds = (lines / seconds, row.tokens / seconds)
    if row.batch_size > 1:
        return Speed(row.precision, row.threads, row.batch_size, *speeds)
    ms = sorted(1000 * seconds for seconds in row.latencies)
    return Speed(row.precision, row.threads, 1, *speeds, statistics.median(ms), ms[int(0.95 * len(ms))])
