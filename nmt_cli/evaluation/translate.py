"""Translates the sources of an evaluation with a model, and aligns the references by its attention."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nmt_cli.atomic import write_atomic
from nmt_cli.checkpoint.model_dir import LoadedModel, load_ensemble
from nmt_cli.config import EvaluateConfig
from nmt_cli.decoding.forced_decoding import STEPS, forced_attention, forced_links
from nmt_cli.decoding.source_tag import source_tag
from nmt_cli.decoding.translator import Batching, LineTranslator
from nmt_cli.errors import ConfigError
from nmt_cli.evaluation.alignment import Alignment, ErrorRate, alignment_error_rate
from nmt_cli.evaluation.inputs import Text
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.progress import Progress

ISSUE_NOTES = {
    "split": "lines were longer than the model's limit and were translated in segments",
    "cut": "translations were cut at the length limit",
    "repetition": "translations repeat themselves",
    "searched_again": "translations repeated themselves, were far too long or made more of a word: searched again",
    "empty": "translations are empty",
}
"""Issues of the translator that are noted with the scores."""


def load(config: EvaluateConfig, path: Path) -> LoadedModel:
    """Load the model, or ensemble, to evaluate."""
    return load_ensemble(path, config.ensemble, compute_for_search(config.device, config.precision, config.threads))


def translate(
    config: EvaluateConfig, loaded: LoadedModel, sources: Text, progress: Progress
) -> tuple[Text, dict[str, Any], list[str]]:
    """Translate the sources -> the translation, its recipe, and notes on its issues. Attention is kept only for a
    page."""
    path = loaded.path
    translations, issues = [], Counter[str]()
    attention = config.html is not None and any(model.config.attends for model in loaded.models)
    name = f"translating {sources.name} with {path} on {loaded.compute}"
    with progress.step(name, len(sources.lines)) as step:
        translator = LineTranslator(
            loaded, config.search, Batching(config.batch_size), attention, step.advance, config.tag
        )
        for translation in translator.translate_lines(sources.lines):
            translations.append(translation)
            issues.update(issue.kind for issue in translation.issues)
    lines = [translation.text for translation in translations]
    if config.save:
        write_atomic(config.save, "".join(f"{line}\n" for line in lines))
    model = {"path": str(path), **{key: loaded.metadata.get(key) for key in ("sha256", "step")}}
    recipe = {
        "model": {**model, "compute": str(loaded.compute)},
        "ensemble": [{"path": str(other.path), "sha256": other.metadata.get("sha256")} for other in loaded.ensemble],
        "search": config.search.model_dump(exclude={"n_best"}),
        "tag": config.tag,
    }
    notes = [f"{issues[kind]:,} {note}" for kind, note in ISSUE_NOTES.items() if issues[kind]]
    return Text(lines, f"translated by {path}", translations), recipe, notes


def align(
    loaded: LoadedModel, sources: Text, references: Text, gold: Sequence[Alignment], tag: str | None = None
) -> dict[str, ErrorRate]:
    """Alignment error rate of the model's attention on the references, for each of STEPS. With a tag, nothing is
    aligned with it.

    Raises ConfigError for an ensemble, or a model without attention.
    """
    if loaded.ensemble:
        raise ConfigError("--gold-alignment: measures the attention of one model; leave out --ensemble")
    sides = loaded.tokenizers.source.encode_many(sources.lines), loaded.tokenizers.target.encode_many(references.lines)
    pairs = list(zip(*sides, strict=True))
    before = source_tag(loaded, tag)
    tagged = forced_attention(loaded, [([*before, *source], target) for source, target in pairs])
    attention = [weights[:, len(before) :] for weights in tagged]
    return {
        step: alignment_error_rate([set(links) for links in forced_links(loaded, pairs, attention, step)], gold)
        for step in STEPS
    }
