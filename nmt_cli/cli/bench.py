"""`nmt bench`."""

import json

from nmt_cli.cli.messages import terminal_progress
from nmt_cli.cli.options import command
from nmt_cli.config import BenchConfig
from nmt_cli.terminal import say


@command(BenchConfig)
def run(config: BenchConfig) -> None:
    """Measure how fast a model translates on this machine at each setting, and the cost in quality.

    Times every precision, batch size and number of threads in turn, several times, and the latency of single lines.
    """
    from nmt_cli.evaluation.benchmark import bench
    from nmt_cli.report.tables import show_bench

    result = bench(config, terminal_progress())
    if config.json_:
        say(json.dumps(result.as_json(), ensure_ascii=False, indent=2))
    else:
        show_bench(result)
