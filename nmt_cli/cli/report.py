"""`nmt report`."""

from nmt_cli.cli.messages import terminal_progress
from nmt_cli.cli.options import command
from nmt_cli.config import ReportConfig
from nmt_cli.terminal import say_error


@command(ReportConfig)
def run(config: ReportConfig) -> None:
    """Write a page about one model, or about several side by side.

    It translates the test set and shows training curves, the dev sentences as they improved, scores with intervals,
    BLEU by length, the worst and the least confident sentences with attention, what was found in the corpus, and the
    options; of several models also whether they differ significantly, and where most. The page is one file that needs
    no network.
    """
    from nmt_cli.api.report import report

    report(config, terminal_progress())
    say_error(f"{config.out}: {', '.join(map(str, config.model))}")
