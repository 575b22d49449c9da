"""The model card: README.md of a model folder."""

from pathlib import Path
from typing import Any

from nmt_cli.atomic import write_atomic
from nmt_cli.checkpoint.layout import MODEL_CARD
from nmt_cli.checkpoint.model_dir import LoadedModel
from nmt_cli.settings import to_toml

TEMPLATE = """# {source} -> {target} translator

An encoder-decoder of {cell} layers with {attention}, {parameters:,} parameters,
trained with nmt {toolkit} on {pairs:,} sentence pairs.

    nmt translate --model {folder} < in.{source} > out.{target}

| on dev | |
|---|---|
| BLEU (greedy) | {bleu:.2f} |
| chrF++ (greedy) | {chrf:.2f} |
| perplexity per subword | {perplexity:.2f} |
| update, epoch | {step:,}, {epoch:.1f} |
| weights | {sha256} |

Trained on: {compute}; {environment}. Corpus: `{prepared}`, identity `{corpus}`.

Intended for text like its training text; it has not been checked for anything else. Licence and terms are those
of the training text; state them here before you pass the model on.

## Options in force

```toml
{options}```
"""


def write_card(loaded: LoadedModel, metadata: dict[str, Any]) -> None:
    """Write the card of a trained model; `metadata` is that of its weights."""
    manifest, config = loaded.manifest, loaded.config
    text = TEMPLATE.format(
        source=manifest.source,
        target=manifest.target,
        cell=config.model.cell.upper(),
        attention=f"{config.model.attention} attention ({config.model.score} score)"
        if config.model.attends
        else "no attention",
        parameters=loaded.model.num_parameters,
        toolkit=manifest.toolkit,
        pairs=manifest.train_pairs,
        folder=loaded.path,
        bleu=metadata["dev_bleu"],
        chrf=metadata["dev_chrf"],
        perplexity=metadata["dev_perplexity"],
        step=metadata["step"],
        epoch=metadata["epoch"],
        sha256=metadata["sha256"],
        compute=loaded.compute,
        environment="; ".join(
            f"{part.processor}, torch {part.torch}, sentencepiece {part.sentencepiece}, Python {part.python}, "
            f"from {part.date[:10]}"
            for part in manifest.environments
        ),
        prepared=manifest.prepared,
        corpus=manifest.corpus[:12],
        options=to_toml(config),
    )
    write_atomic(Path(loaded.path) / MODEL_CARD, text)
