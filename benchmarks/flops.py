"""Multiplications of a model, counted from its sizes."""

from torch import nn

from nmt_cli.model.rnn import RNNLayer
from nmt_cli.model.seq2seq import Seq2Seq


def multiplications_per_token(
    model: Seq2Seq, source_per_target: float, source_length: float, hypotheses: int = 1
) -> dict[str, float]:
    """Multiplications per target token, by phase, of a forward pass or of a search with `hypotheses` per sentence.
    Training takes three times as many, with the backward pass."""
    attention, hidden = model.decoder.attention, model.config.hidden_size
    per_source = attended = 0.0
    if attention is not None:
        score = attention.score
        names = ("projection", "key") if score.uses_keys else ()
        keys = [attention.key, *(getattr(score, name) for name in names if hasattr(score, name))]
        pairs = [getattr(score, name) for name in ("vector", "second") if hasattr(score, name)]
        by_key, by_pair = sum(map(weights, keys)), attention.heads * sum(map(weights, pairs)) + 2 * hidden
        per_source = source_per_target * by_key
        attended = source_length * by_pair
        attended += weights(attention) - by_key - sum(map(weights, pairs))  # the other weights apply to each query
    return {
        "encoder": source_per_target * weights(model.encoder) + per_source,
        "decoder recurrence": hypotheses * sum(map(weights, model.decoder.layers)),
        "attention": hypotheses * attended,
        "readout": hypotheses * weights(model.decoder.readout),
        "output layer": hypotheses * model.output.weight.numel(),
    }


def weights(module: nn.Module) -> int:
    """Multiplications of one vector by the matrices of a module."""
    parts = [part for part in module.modules() if isinstance(part, nn.Linear | RNNLayer)]
    return sum(p.numel() for part in parts for p in part.parameters() if p.dim() > 1)
