"""Parts of a model that keep their weights: `nmt train --freeze`."""

from collections.abc import Iterator, Sequence

from torch import nn

from nmt_cli.config import FrozenPart
from nmt_cli.model.seq2seq import Seq2Seq


def freeze(model: Seq2Seq, parts: Sequence[FrozenPart]) -> None:
    """Exclude the weights of these parts from training."""
    for part in parts:
        for module in _modules(model, part):
            module.requires_grad_(False)


def _modules(model: Seq2Seq, part: FrozenPart) -> Iterator[nn.Module]:
    if part == "encoder":
        yield model.encoder
    else:
        yield from (model.source_embedding, model.target_embedding)


def describe_frozen(model: Seq2Seq, parts: Sequence[FrozenPart]) -> str:
    """Which parts are frozen, and how many parameters are trained."""
    names = ["the encoder"] if "encoder" in parts else []
    if "embeddings" in parts:
        tied = model.output.weight is model.target_embedding.weight
        names.append("the source and target embeddings" + (", which the output layer shares" if tied else ""))
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    return f"frozen: {' and '.join(names)}; {trained:,} of {model.num_parameters:,} parameters are trained"
