"""`nmt eval`: an evaluation, and its page."""

from nmt_cli.config import EvaluateConfig
from nmt_cli.evaluation.results import EvalResult
from nmt_cli.evaluation.results import evaluate as score
from nmt_cli.paths import check_paths
from nmt_cli.progress import Progress


def evaluate(config: EvaluateConfig, progress: Progress | None = None) -> EvalResult:
    """What `nmt eval` does: translate a test set, or take the translation of another system, score it, and write the
    page of `html`. Without a `progress` messages are logged.

    Raises ConfigError, CorpusError, CheckpointError or OutputError for errors that the user can fix.
    """
    check_paths(config)
    if config.html is None:
        return score(config, progress)
    from nmt_cli.api.report import report_evaluation  # what draws the page is imported only for it
    from nmt_cli.report.html import check_page

    check_page(config.html, "--html", config.overwrite)
    result = score(config, progress)
    report_evaluation(config, result)
    return result
