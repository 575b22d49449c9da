"""The products that a model multiplies, counted from its sizes."""

from torch import nn

from nmt_cli.model.rnn import RNNLayer
from nmt_cli.model.seq2seq import Seq2Seq


def multiplications(
    model: Seq2Seq, source_per_target: float, source_length: float, hypotheses: int = 1
) -> dict[str, float]:
    """Products for each target token, by phase, of reading forwards or of a search with so many hypotheses a sentence;
    learning takes three times as many."""
    attention, hidden = model.decoder.attention, model.config.hidden_size
    once = looked = 0.0
    if attention is not None:
        score = attention.score
        keys = [attention.key, *(getattr(score, name) for name in ("projection", "key") if hasattr(score, name))]
        pairs = [getattr(score, name) for name in ("vector", "second") if hasattr(score, name)]
        by_key, by_pair = sum(map(weights, keys)), attention.heads * sum(map(weights, pairs)) + 2 * hidden
        once = source_per_target * by_key
        looked = source_length * by_pair
        looked += weights(attention) - by_key - sum(map(weights, pairs))  # what is left is there for each query
    return {
        "encoder": source_per_target * weights(model.encoder) + once,
        "decoder recurrence": hypotheses * sum(map(weights, model.decoder.layers)),
        "attention": hypotheses * looked,
        "readout": hypotheses * weights(model.decoder.readout),
        "output layer": hypotheses * model.output.weight.numel(),
    }


def weights(module: nn.Module) -> int:
    """Products of one vector with the matrices of a module."""
    parts = [part for part in module.modules() if isinstance(part, nn.Linear | RNNLayer)]
    return sum(p.numel() for part in parts for p in part.parameters() if p.dim() > 1)
