"""Published systems by name, as option values.

A preset sets the architecture that the paper describes, at the paper's size. `docs/systems.md` has the equations, the
code that implements them, and the differences between a preset and its paper.
"""

from collections.abc import Mapping
from typing import Any

SCALED_OPTIONS = ("embedding_size", "hidden_size")
"""Options that --scale multiplies."""
SIZE_MULTIPLE = 8
"""Scaled sizes are rounded to multiples of this."""

_STATE: dict[str, Any] = {
    # Sutskever, Vinyals and Le 2014, section 3.4: four layers of 1,000 cells; the decoder starts from their states
    "cell": "lstm",
    "embedding_size": 1000,
    "hidden_size": 1000,
    "encoder_layers": 4,
    "decoder_layers": 4,
    "bidirectional": False,
    "attention": "none",
    "embedded_values": False,
    "residual_from": 3,
    "tied_embeddings": "none",
    "dropout": 0.0,
    "embedding_dropout": 0.0,
}

_LUONG: dict[str, Any] = {
    # Luong, Pham and Manning 2015, sections 3.1 and 4.1: the same size, reversed source, dropout 0.2
    **_STATE,
    "source_order": "reversed",
    "attention": "luong",
    "dropout": 0.2,
}

_LUONG_ATTENTION: dict[str, dict[str, Any]] = {
    "dot": {"score": "dot"},
    "general": {"score": "general"},
    "concat": {"score": "concat"},
    "location": {"score": "location"},
    # the monotonic window moves forward with the target, so the source must not be reversed
    "local-m": {"score": "general", "local_attention": "monotonic", "source_order": "forward"},
    "local-p": {"score": "general", "local_attention": "predictive"},
}

PRESETS: dict[str, dict[str, Any]] = {
    # the tutorials' first model: one layer, the encoder's final state is the input of every decoder step
    "simple-seq2seq": {
        **_STATE,
        "embedding_size": 512,
        "hidden_size": 512,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "attention": "none-repeat",
    },
    "sutskever2014": {**_STATE, "source_order": "reversed"},
    "sutskever2014-forward": _STATE,
    # Bahdanau, Cho and Bengio 2014, appendix A: GRU, attention before the recurrence, maxout
    "bahdanau2014": {
        "cell": "gru",
        "embedding_size": 620,
        "hidden_size": 1000,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "attention": "bahdanau",
        "embedded_values": False,
        "residual_from": 3,
        "score": "concat",
        "readout": "maxout",
        "tied_embeddings": "none",
        "dropout": 0.0,
        "embedding_dropout": 0.0,
    },
    **{f"luong2015-{name}": {**_LUONG, **options} for name, options in _LUONG_ATTENTION.items()},
    **{
        f"luong2015-{name}-feed": {**_LUONG, **options, "input_feeding": True}
        for name, options in _LUONG_ATTENTION.items()
    },
    # Wu et al. 2016, section 3: eight layers of 1,024 cells, the bottom decoder layer computes the query
    "gnmt2016": {
        "cell": "lstm",
        "embedding_size": 1024,
        "hidden_size": 1024,
        "encoder_layers": 8,
        "decoder_layers": 8,
        "attention": "gnmt",
        "embedded_values": False,
        "residual_from": 3,
        "score": "concat",
        "dropout": 0.2,
        "embedding_dropout": 0.0,
    },
}


def scaled(preset: Mapping[str, Any], scale: float) -> dict[str, Any]:
    """A preset with its sizes multiplied by `scale`; the number of layers is unchanged."""
    sizes = {
        name: max(SIZE_MULTIPLE, round(preset[name] * scale / SIZE_MULTIPLE) * SIZE_MULTIPLE) for name in SCALED_OPTIONS
    }
    return {**preset, **sizes}
