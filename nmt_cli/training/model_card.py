"""The model card: README.md of a model folder."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from nmt_cli.atomic import write_atomic
from nmt_cli.checkpoint.layout import MODEL_CARD, ModelManifest
from nmt_cli.checkpoint.model_dir import LoadedModel
from nmt_cli.evaluation.results import EvalResult
from nmt_cli.settings import to_toml

TEMPLATE = """# {source} -> {target} translator

An encoder-decoder of {cell} layers with {attention}, {parameters:,} parameters,
trained with nmt {toolkit} on {pairs:,} sentence pairs.

    nmt translate --model {name} < in.{source} > out.{target}

translates the lines of `in.{source}`, one sentence each; without files it prompts for sentences.

## Scores

{scores}

## Licence

{licence}

## Intended use

Text like its training text; it has not been checked for anything else. Longer inputs than {longest} subwords are
translated in segments.

## Training

Weights {sha256}, of update {step:,} (epoch {epoch:.1f}).
{parents}Corpus `{prepared}`, identity `{corpus}`.
{tags}{environments}

```toml
{options}```
"""

NO_LICENCE = """Not stated. The terms of the training text may apply to the model too.
`nmt pack MODEL OUT --licence TEXT` writes a copy to give away that states them."""


def write_card(loaded: LoadedModel) -> None:
    """Write the card of a trained model."""
    write_atomic(loaded.path / MODEL_CARD, card_text(loaded, str(loaded.path)))


def card_text(loaded: LoadedModel, name: str, licence: str | None = None, test: EvalResult | None = None) -> str:
    """The card of a model.

    Args:
        loaded: the model; the metadata of its weights holds the scores on dev.
        name: its folder, for the example.
        licence: what the card says about the licence.
        test: scores on a test set, if there is one.
    """
    manifest, config, metadata = loaded.manifest, loaded.config, loaded.metadata
    return TEMPLATE.format(
        source=manifest.source,
        target=manifest.target,
        cell=config.model.cell.upper(),
        attention=f"{config.model.attention} attention ({config.model.score} score)"
        if config.model.attends
        else "no attention",
        parameters=loaded.model.num_parameters,
        toolkit=manifest.toolkit,
        pairs=manifest.train_pairs,
        name=shlex.quote(name),
        scores="\n\n".join([*_test_scores(test), _dev_scores(loaded)]),
        licence=licence or NO_LICENCE,
        longest=manifest.max_source_length,
        sha256=metadata["sha256"],
        step=metadata["step"],
        epoch=metadata["epoch"],
        prepared=Path(manifest.prepared).name,
        corpus=manifest.corpus[:12],
        parents=_parents(manifest),
        tags=_tags(manifest),
        environments="\n".join(
            f"Trained from {part.date[:10]} on {part.processor}, {part.threads} threads, {part.precision}; "
            f"torch {part.torch}, sentencepiece {part.sentencepiece}, Python {part.python}."
            for part in manifest.environments
        ),
        options=to_toml(config),
    )


def _parents(manifest: ModelManifest) -> str:
    """The chain of models that it was adapted from, the last one first, each on a line."""
    lines: list[str] = []
    for parent in reversed(manifest.parents):
        verb = "which was adapted" if lines else "Adapted"
        lines.append(
            f"{verb} from `{parent.name}`, weights {parent.sha256[:12]} of update {parent.steps:,}, trained on "
            f"{parent.train_pairs:,} pairs (corpus identity `{parent.corpus[:12]}`)"
        )
    return ",\n".join(lines) + ".\n" if lines else ""


def _tags(manifest: ModelManifest) -> str:
    """The tags that parts of its corpus had, if any, as a line."""
    if not manifest.tags:
        return ""
    return (
        f"Tags of text of other kinds, for `nmt translate --tag`: {', '.join(f'`{tag}`' for tag in manifest.tags)}.\n"
    )


def _test_scores(test: EvalResult | None) -> Iterator[str]:
    """Yield the table of scores on the test set, and their signatures."""
    if test is None:
        return
    scores, search = test.scores, test.recipe["search"]
    order = [("BLEU", "BLEU", scores.bleu), ("chrF++", "chrF2++", scores.chrf)]
    yield "\n".join(
        [
            f"| test, {test.recipe['sentences']:,} sentences | score | 95 % interval |",
            "|---|---|---|",
            *(f"| {label} | {score.score:.2f} | {score.low:.2f} to {score.high:.2f} |" for label, _, score in order),
        ]
    )
    compute = test.recipe["model"]["compute"]
    yield f"Beam {search['beam_size']}, length penalty {search['length_penalty']}, on {compute}. Signatures:"
    yield "\n".join(f"    {name}|{score.signature}" for _, name, score in order)


def _dev_scores(loaded: LoadedModel) -> str:
    """The table of the scores of the last validation."""
    metadata = loaded.metadata
    return "\n".join(
        [
            f"| dev, at most {loaded.config.training.validate_sentences:,} sentences, greedy | score |",
            "|---|---|",
            f"| BLEU | {metadata['dev_bleu']:.2f} |",
            f"| chrF++ | {metadata['dev_chrf']:.2f} |",
            f"| perplexity per subword | {metadata['dev_perplexity']:.2f} |",
        ]
    )
