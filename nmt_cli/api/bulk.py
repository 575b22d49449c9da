"""What `nmt bulk` does: parts of a file go to the workers of an engine, Dask, and come back in any order."""

import functools
import logging
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

from nmt_cli.api.shards import Shard, ShardDir, ShardResult, cut, manifest_for, translate_shard
from nmt_cli.atomic import atomic_open, check_writable, dir_lock
from nmt_cli.config import BulkConfig
from nmt_cli.corpus.text_io import TextFile
from nmt_cli.decoding.issues import IssueCounts
from nmt_cli.errors import ConfigError, OutputError
from nmt_cli.parallel import processors
from nmt_cli.progress import ProgressLog, Say

AHEAD = 2
"""Parts given out for each worker, so that none waits for the next."""
PATIENCE = 60
"""Seconds to wait for the first worker."""


def translate_file(config: BulkConfig, say: Say) -> IssueCounts:
    """Translate a file, part by part, and write the output when all are done; gives what was odd.

    Raises ConfigError if an option does not fit, CheckpointError if there is no sound model, CorpusError if the file
    cannot be read, OutputError if the output cannot be written or workers die of what they are given.
    """
    source, out = _files(config)
    folder = ShardDir(out.with_name(out.name + ".shards"))
    manifest = manifest_for(config)
    folder.open(manifest)
    work = functools.partial(translate_shard, config, manifest.models)
    with dir_lock(folder.path) as alone:
        if alone is False:
            raise OutputError(f"{folder.path}: another nmt bulk is at work here")
        try:
            tally = _assemble(config, folder, _translate(config, work, folder, source, say), out)
            shutil.rmtree(folder.path)
        finally:
            folder.clear_away()
    return tally


def _translate(
    config: BulkConfig, work: Callable[[Shard], ShardResult], folder: ShardDir, source: Path, say: Say
) -> list[str]:
    """See to it that every part is done; gives their names in order."""
    names = []
    total = ready = 0
    for shard in cut(TextFile(source), config.shard_size):
        names.append(shard.name)
        total += len(shard.lines)
        ready += len(shard.lines) if folder.has(shard) else 0
    if ready:
        say(f"{ready:,} of {total:,} lines were done before")
    if ready < total:
        missing = (shard for shard in cut(TextFile(source), config.shard_size) if not folder.has(shard))
        with _workers(config) as client:
            progress, started = ProgressLog(say), time.monotonic()
            for lines in accumulate(_dispatch(work, client, missing, folder)):
                progress(functools.partial(_progress_line, lines, total - ready, started))
    return names


def _progress_line(done: int, missing: int, started: float) -> str:
    speed = done / (time.monotonic() - started)
    return f"{done:,} of {missing:,} lines, {speed:,.0f} a second, {(missing - done) / speed / 60:,.1f} minutes left"


def _files(config: BulkConfig) -> tuple[Path, Path]:
    """What to read and what to write, as far as that can be known before hours of work."""
    if config.source_file is None or config.out is None:
        raise ConfigError("name the file to translate, and with --out the file to write")
    if config.source_file.exists() and not (config.source_file.is_file() or config.source_file.is_dir()):
        raise ConfigError(
            f"{config.source_file}: is no file, and would have to be read twice; nmt translate takes a pipe"
        )
    if config.out.exists() and not config.overwrite:
        raise OutputError(f"{config.out}: is there already; name another --out, or give --overwrite")
    for path in (config.out, config.receipt):
        if path is not None:
            check_writable(path)
    return config.source_file, config.out


def _dispatch(
    work: Callable[[Shard], ShardResult], client: Any, shards: Iterator[Shard], folder: ShardDir
) -> Iterator[int]:
    """Give out parts, a few for each worker at a time, and keep what comes back; gives the lines of each part done."""
    from distributed import KilledWorker, as_completed

    given: dict[str, Shard] = {}

    def submit(shard: Shard) -> Any:
        given[shard.name] = shard
        return client.submit(work, shard, key=shard.name, pure=False)

    done = as_completed([submit(shard) for shard in islice(shards, AHEAD * sum(client.nthreads().values()))])
    for future in done:
        shard = given.pop(future.key)
        try:
            folder.write(shard.name, future.result())
        except KilledWorker:
            raise OutputError(
                f"{shard.span}: every worker that was given them died, most likely for want of memory; take fewer "
                "--workers or a smaller --batch-size, and start again: what is done is kept"
            ) from None
        yield len(shard.lines)
        for following in islice(shards, 1):
            done.add(submit(following))


@contextmanager
def _workers(config: BulkConfig) -> Iterator[Any]:
    """The engine's client, to the workers of this machine or those of a cluster."""
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise ConfigError("nmt bulk: needs its extra; pip install 'nmt-cli[bulk]'") from None
    with ExitStack() as stack:
        if config.scheduler is None:
            number = config.workers or max(1, processors() // config.threads)
            with _ignore_sigint():
                cluster = LocalCluster(
                    n_workers=number,
                    threads_per_worker=1,
                    memory_limit=0,  # none: whoever has too many workers is told by their end
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL,
                )
            where: Any = stack.enter_context(cluster)
        else:
            where = config.scheduler
        try:
            client = stack.enter_context(Client(where, timeout=PATIENCE))
            client.wait_for_workers(1, timeout=PATIENCE)
        except (OSError, ValueError) as error:
            raise ConfigError(f"--scheduler {where}: no Dask scheduler with a worker answers there: {error}") from None
        yield client


@contextmanager
def _ignore_sigint() -> Iterator[None]:
    """Processes started here do not hear Ctrl-C, which a terminal sends to all: this one sees to their end."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _assemble(config: BulkConfig, folder: ShardDir, names: Sequence[str], out: Path) -> IssueCounts:
    """Write the output, and the receipt, from all parts in order."""
    tally = IssueCounts()
    with ExitStack() as stack:
        text = stack.enter_context(atomic_open(out))
        receipt = stack.enter_context(atomic_open(config.receipt)) if config.receipt else None
        for done in folder.read(names):
            tally.merge(done.tally)
            text.write(done.text)
            if receipt:
                receipt.write(done.receipt)
    return tally
