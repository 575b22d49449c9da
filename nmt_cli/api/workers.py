"""Translates shards on the workers of a Dask cluster. Shards may finish in any order."""

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from nmt_cli import signals
from nmt_cli.api.shards import Shard, ShardDir, ShardResult, weight_hashes
from nmt_cli.checkpoint.model_dir import load_ensemble
from nmt_cli.config import WorkersConfig
from nmt_cli.decoding.text_stream import Line
from nmt_cli.decoding.translation import Translation
from nmt_cli.decoding.translator import Batching, LineTranslator
from nmt_cli.errors import CheckpointError, ConfigError, OutputError
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.kernels.malloc import tune
from nmt_cli.parallel import available_cores, explain_start
from nmt_cli.progress import Progress

SHARDS_PER_WORKER = 2
"""Shards submitted at a time for each worker, so that no worker waits for its next one."""
CONNECT_TIMEOUT = 60
"""Seconds to wait for the scheduler and the first worker."""


@dataclass(frozen=True)
class ShardedWork:
    """Work on all shards of an input, whose results are kept in a folder.

    shards: returns the shards, read anew each time.
    work: what a worker does with a shard.
    """

    config: WorkersConfig
    shards: Callable[[], Iterator[Shard]]
    work: Callable[[Shard], ShardResult]
    folder: ShardDir

    def finish(self, progress: Progress) -> list[str]:
        """Do the shards that are not done yet; returns the names of all shards in order."""
        names = []
        total = done = 0
        for shard in self.shards():
            names.append(shard.name)
            total += len(shard.lines)
            done += len(shard.lines) if self.folder.has(shard) else 0
        if done:
            progress.message(f"{done:,} of {total:,} lines are already translated")
        if done < total:
            missing = (shard for shard in self.shards() if not self.folder.has(shard))
            with _workers(self.config) as client, progress.step("translating", total - done) as step:
                for lines in _dispatch(self.work, client, missing, self.folder):
                    step.advance(lines)
        return names


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
def _workers(config: WorkersConfig) -> Iterator[Any]:
    """Yield a Dask client, connected to new workers on this machine or to those of the scheduler."""
    try:
        from distributed import Client
    except ImportError:
        raise ConfigError("translating with many processes needs Dask; pip install 'nmt-cli[bulk]'") from None
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


def _local_cluster(config: WorkersConfig) -> Any:
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


def translate_shard(
    config: WorkersConfig, models: list[str], shard: Shard, attention: bool = False, tag: str | None = None
) -> list[Translation]:
    """The translation of each line of a shard with this tag, on a worker. Raises CheckpointError unless `models` are
    the hashes of its models."""
    if weight_hashes(config) != models:
        raise CheckpointError(f"{config.model}: is not the same model for all workers, or was replaced meanwhile")
    translator = _translator(type(config), config.model_dump_json(), attention, tag)
    translations = translator.translate(
        [Line.read(number, content) for number, content in enumerate(shard.lines, shard.first)]
    )
    if len(translations) != len(shard.lines):
        raise OutputError(f"{shard.span}: {len(translations):,} lines out; this is a bug in nmt, please report it")
    return translations


@functools.lru_cache(maxsize=1)
def _translator(config_class: type[WorkersConfig], options: str, attention: bool, tag: str | None) -> LineTranslator:
    """The translator of a worker, loaded once; `options` is the config as JSON."""
    config = config_class.model_validate_json(options)
    tune()
    torch.set_num_threads(config.threads)
    loaded = load_ensemble(config.model, config.ensemble, compute_for_search(config.device, config.precision, 0))
    batching = Batching(config.batch_size, config.shard_size)
    return LineTranslator(loaded, config.search, batching, attention, tag=tag)
