"""`nmt bulk`: translates a file in shards on the workers of a Dask cluster. Shards may finish in any order."""

import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from nmt_cli import signals
from nmt_cli.api.shards import Shard, ShardDir, ShardResult, manifest_for, split_file, translate_shard
from nmt_cli.atomic import atomic_open, check_output_file
from nmt_cli.config import BulkConfig
from nmt_cli.corpus.text_io import TextFile
from nmt_cli.decoding.issues import IssueCounts
from nmt_cli.errors import ConfigError, OutputError
from nmt_cli.parallel import available_cores, explain_start
from nmt_cli.progress import Progress

SHARDS_PER_WORKER = 2
"""Shards submitted at a time for each worker, so that no worker waits for its next one."""
CONNECT_TIMEOUT = 60
"""Seconds to wait for the scheduler and the first worker."""


def translate_file(config: BulkConfig, progress: Progress) -> IssueCounts:
    """Translate a file, shard by shard, and write the output when all are done; returns the counts of issues.

    Raises ConfigError if an option does not fit, CheckpointError if the model is missing or damaged, CorpusError if the
    file cannot be read, OutputError if the output cannot be written or a shard kills its workers.
    """
    source, out = _files(config)
    folder = ShardDir(out.with_name(out.name + ".shards"))
    manifest = manifest_for(config)
    work = functools.partial(translate_shard, config, manifest.models)
    with folder.lock():
        folder.open(manifest)
        counts = _merge(config, folder, _translate(config, work, folder, source, progress), out)
        folder.delete()
    return counts


def _translate(
    config: BulkConfig, work: Callable[[Shard], ShardResult], folder: ShardDir, source: Path, progress: Progress
) -> list[str]:
    """Translate the shards that are not done yet; returns the names of all shards in order."""
    names = []
    total = done = 0
    for shard in split_file(TextFile(source), config.shard_size):
        names.append(shard.name)
        total += len(shard.lines)
        done += len(shard.lines) if folder.has(shard) else 0
    if done:
        progress.message(f"{done:,} of {total:,} lines are already translated")
    if done < total:
        missing = (shard for shard in split_file(TextFile(source), config.shard_size) if not folder.has(shard))
        with _workers(config) as client, progress.step("translating", total - done) as step:
            for lines in _dispatch(work, client, missing, folder):
                step.advance(lines)
    return names


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


def _dispatch(
    work: Callable[[Shard], ShardResult], client: Any, shards: Iterator[Shard], folder: ShardDir
) -> Iterator[int]:
    """Submit shards, a few for each worker at a time, and write their results to the folder; yields the number of lines
    of each shard that is done."""
    from distributed import KilledWorker, as_completed

    pending: dict[str, Shard] = {}

    def submit(shard: Shard) -> Any:
        pending[shard.name] = shard
        return client.submit(work, shard, key=shard.name, pure=False)

    count = SHARDS_PER_WORKER * sum(client.nthreads().values())
    completed = as_completed([submit(shard) for shard in islice(shards, count)])
    for future in completed:
        shard = pending.pop(future.key)
        try:
            folder.write(shard.name, future.result())
        except KilledWorker:
            raise OutputError(
                f"{shard.span}: every worker that translated this shard died, most likely out of memory; "
                "use fewer --workers or a smaller --batch-size, and start again: finished shards are kept"
            ) from None
        yield len(shard.lines)
        for next_shard in islice(shards, 1):
            completed.add(submit(next_shard))


@contextmanager
def _workers(config: BulkConfig) -> Iterator[Any]:
    """Yield a Dask client, connected to new workers on this machine or to those of the scheduler."""
    try:
        from distributed import Client
    except ImportError:
        raise ConfigError("nmt bulk: needs Dask; pip install 'nmt-cli[bulk]'") from None
    with ExitStack() as stack:
        address = config.scheduler or stack.enter_context(_local_cluster(config))
        try:
            client = stack.enter_context(Client(address, timeout=CONNECT_TIMEOUT))
            client.wait_for_workers(1, timeout=CONNECT_TIMEOUT)
        except (OSError, ValueError) as error:
            if config.scheduler is None:
                raise OutputError(f"no worker answers within {CONNECT_TIMEOUT} seconds: {error}") from None
            raise ConfigError(f"--scheduler {address}: no Dask scheduler with a worker answers: {error}") from None
        yield client


def _local_cluster(config: BulkConfig) -> Any:
    """Start workers on this machine. Raises OutputError if the system does not let them start."""
    from distributed import LocalCluster

    number = config.workers or max(1, available_cores() // config.threads)
    try:
        with signals.ignored_sigint():
            return LocalCluster(
                n_workers=number,
                threads_per_worker=1,
                memory_limit=0,  # none: _dispatch reports workers that die for lack of memory
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )
    except (OSError, RuntimeError) as error:  # Dask wraps what a worker raised
        raise OutputError(
            f"no worker process can be started: {explain_start(error)}; or translate with nmt translate"
        ) from None


def _merge(config: BulkConfig, folder: ShardDir, names: Sequence[str], out: Path) -> IssueCounts:
    """Write the output, and the receipt, from the results of all shards in order."""
    counts = IssueCounts()
    with ExitStack() as stack:
        text = stack.enter_context(atomic_open(out))
        receipt = stack.enter_context(atomic_open(config.receipt)) if config.receipt else None
        for result in folder.read(names):
            counts.merge(result.issue_counts)
            text.write(result.text)
            if receipt:
                receipt.write(result.receipt)
    return counts
