"""`nmt report`: a page about one model, or about several side by side; and the page of `nmt eval --html`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nmt_cli.checkpoint.layout import MODEL
from nmt_cli.config import DEFAULT_MODEL, EvaluateConfig, ReportConfig, SearchConfig
from nmt_cli.corpus.manifest import PREPARED
from nmt_cli.errors import ConfigError, CorpusError
from nmt_cli.evaluation.breakdown import WorstSentence
from nmt_cli.evaluation.inputs import Text, read_inputs, stored_split
from nmt_cli.evaluation.results import EvalResult, score_inputs
from nmt_cli.progress import Progress
from nmt_cli.report.html import check_page
from nmt_cli.report.page.record import ModelRecord, Report, ShownSentence, System, read_model
from nmt_cli.report.page.render import write_page


def report(config: ReportConfig, progress: Progress | None = None) -> None:
    """Translate a test set with each model, compare the results, and write the page. A model whose corpus is gone is
    shown without them.

    Raises ConfigError, CorpusError, CheckpointError or OutputError for errors that the user can fix.
    """
    progress = progress or Progress()
    check_page(config.out, "--out", config.overwrite)
    models = [read_model(path) for path in config.model]
    names = _names(config.model)
    evaluations = [_evaluation(config, model) for model in models]
    _check_same_test(names, evaluations)
    systems, notes = [], []
    first: Text | None = None
    for name, model, evaluation in zip(names, models, evaluations, strict=True):
        if evaluation is None:
            notes.append(
                f"{name} is shown without a translation of a test set: the corpus that it was trained on, "
                f"{model.manifest.prepared}, no longer exists; give --prepared, or --source-file and --reference"
            )
            systems.append(System(name, model))
            continue
        inputs = read_inputs(evaluation, progress)
        inputs = replace(inputs, baseline=first)
        first = first or Text(inputs.hypotheses, name)
        with progress.step(f"scoring {name}", announce=False):
            result = score_inputs(inputs, num_worst=config.worst)
        systems.append(_system(name, model, result))
    for note in notes:
        progress.warning(note)
    write_page(Report(systems, notes), config.out)


def report_evaluation(config: EvaluateConfig, result: EvalResult) -> None:
    """Write the page of `nmt eval --html`: about the evaluation, and the model if one translated."""
    assert config.html, "called only if a page is to be written"
    if config.hypotheses is None:
        path = config.model or DEFAULT_MODEL
        system = _system(path.resolve().name, read_model(path), result)
    else:
        system = _system(config.hypotheses.name, None, result)
    write_page(Report([system]), config.html)


def _names(paths: Sequence[Path]) -> list[str]:
    """A short name for each model: that of its folder, or its path if two have the same."""
    names = [path.resolve().name for path in paths]
    if len({path.resolve() for path in paths}) < len(paths):
        raise ConfigError(f"nmt report {' '.join(map(str, paths))}: names a model twice; give different models")
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def _evaluation(config: ReportConfig, model: ModelRecord) -> EvaluateConfig | None:
    """How to evaluate a model; None if its corpus is gone and no other text is given."""
    common = EvaluateConfig(
        model=model.path,
        reference=config.reference,
        html=config.out,
        search=SearchConfig(beam_size=config.beam_size),
        device=config.device,
        threads=config.threads,
    )
    if config.source_file:
        return common.model_copy(update={"source_file": config.source_file})
    folder = config.prepared or Path(model.manifest.prepared)
    if config.prepared is None and not folder.exists():
        return None
    split = config.split or ("test" if PREPARED.read(folder).counts.get("test") else "dev")
    return common.model_copy(update={"split": split, "prepared": config.prepared})


def _check_same_test(names: Sequence[str], evaluations: Sequence[EvaluateConfig | None]) -> None:
    """Raise CorpusError unless all models would translate the same sentences, with the same references."""
    tests = [
        (name, stored_split(each.model, MODEL.read(each.model), each.prepared, each.split))
        for name, each in zip(names, evaluations, strict=True)
        if each and each.model and not each.source_file
    ]
    for name, test in tests[1:]:
        first_name, first = tests[0]
        for what in ("sources", "references"):
            if getattr(test, what).lines != getattr(first, what).lines:
                raise CorpusError(
                    f"{name}: its {what} ({test.name}) are not those of {first_name} ({first.name}), so that they "
                    "cannot be compared; give --prepared FOLDER, or --source-file and --reference"
                )


def _system(name: str, model: ModelRecord | None, result: EvalResult) -> System:
    return System(
        name=name,
        model=model,
        result=result,
        worst=[_shown(result, sentence) for sentence in result.worst],
        least_confident=[_shown(result, sentence) for sentence in result.least_confident],
    )


def _shown(result: EvalResult, sentence: WorstSentence) -> ShownSentence:
    """A sentence, with the model's confidence and attention if a model translated it."""
    if result.translations is None:
        return ShownSentence(sentence, None, None)
    from nmt_cli.api.translate import attention_map  # imports torch

    translation = result.translations[sentence.line - 1]
    best = translation.candidates[0]
    has_attention = best.attention_blocks is not None and bool(translation.source_tokens)
    return ShownSentence(sentence, best.confidence, attention_map(translation) if has_attention else None)
