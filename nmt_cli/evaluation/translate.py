"""What a model makes of the sources: their translation, and its alignment of the references."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nmt_cli.atomic import write_atomic
from nmt_cli.checkpoint.model_dir import LoadedModel, load_ensemble
from nmt_cli.config import EvaluateConfig
from nmt_cli.decoding.forced_decoding import STEPS, forced_attention, forced_links
from nmt_cli.decoding.translator import Batching, LineTranslator
from nmt_cli.errors import ConfigError
from nmt_cli.evaluation.alignment import Alignment, ErrorRate, alignment_error_rate
from nmt_cli.evaluation.inputs import Text
from nmt_cli.kernels.device import compute_for_search

TROUBLES = {
    "split": "lines were longer than the model reads and were translated in parts",
    "cut": "translations were cut at the length limit",
    "repetition": "translations repeat themselves",
    "empty": "translations are empty",
}
"""What of a translator's issues to mention with the scores."""


def load(config: EvaluateConfig, path: Path) -> LoadedModel:
    """The model, or ensemble, that is to be judged."""
    return load_ensemble(path, config.ensemble, compute_for_search(config.device, config.precision, config.threads))


def translate(
    config: EvaluateConfig, loaded: LoadedModel, sources: Text, say: Callable[[str], None]
) -> tuple[Text, dict[str, Any], list[str]]:
    """The translation of the sources, the recipe of it, and what went less than well."""
    path = loaded.path
    say(f"translating {len(sources.lines):,} lines of {sources.name} with {path} on {loaded.compute}")
    batching = Batching(config.batch_size)
    translator = LineTranslator(loaded, config.search, batching)
    lines, issues = [], Counter[str]()
    for translation in translator.translate_lines(sources.lines):
        lines.append(translation.text)
        issues.update(issue.kind for issue in translation.issues)
        if len(lines) % batching.window == 0 and len(lines) < len(sources.lines):
            say(f"{len(lines):,} of {len(sources.lines):,} lines")
    if config.save:
        write_atomic(config.save, "".join(f"{line}\n" for line in lines))
    model = {"path": str(path), **{key: loaded.metadata.get(key) for key in ("sha256", "step")}}
    recipe = {
        "model": {**model, "compute": str(loaded.compute)},
        "ensemble": [{"path": str(other.path), "sha256": other.metadata.get("sha256")} for other in loaded.ensemble],
        "search": config.search.model_dump(exclude={"n_best"}),
    }
    troubles = [f"{issues[kind]:,} {what}" for kind, what in TROUBLES.items() if issues[kind]]
    return Text(lines, f"translated by {path}"), recipe, troubles


def align(loaded: LoadedModel, sources: Text, references: Text, gold: Sequence[Alignment]) -> dict[str, ErrorRate]:
    """The error rate of the model's own alignment of the references, by the step that links a word.

    Raises ConfigError for an ensemble, or a model without attention.
    """
    if loaded.ensemble:
        raise ConfigError("--gold-alignment: measures the attention of one model; leave out --ensemble")
    sides = loaded.tokenizers.source.encode_many(sources.lines), loaded.tokenizers.target.encode_many(references.lines)
    pairs = list(zip(*sides, strict=True))
    looked = forced_attention(loaded, pairs)
    return {
        step: alignment_error_rate([set(found) for found in forced_links(loaded, pairs, looked, step)], gold)
        for step in STEPS
    }
