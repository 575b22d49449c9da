"""`nmt eval`, also `nmt evaluate`."""

import json

from nmt_cli.cli.messages import terminal_progress
from nmt_cli.cli.options import command
from nmt_cli.config import EvaluateConfig
from nmt_cli.terminal import say


@command(EvaluateConfig)
def run(config: EvaluateConfig) -> None:
    """Score a translation: BLEU, chrF and TER with signatures, confidence intervals and scores by sentence length.

    Without options it scores the model in folder model on the test split of the corpus that it was trained on.
    """
    from nmt_cli.api.evaluate import evaluate
    from nmt_cli.report.tables import show_result

    result = evaluate(config, terminal_progress())
    if config.json_:
        say(json.dumps(result.as_json(), ensure_ascii=False, indent=2))
    else:
        show_result(result)
