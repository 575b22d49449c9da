"""Published systems by name, as option values.

A preset says what the paper says of the architecture, at the paper's size; options given beside it make it smaller.
"""

from typing import Any

_LUONG: dict[str, Any] = {
    # Luong, Pham and Manning 2015, sections 3.1 and 4.1: four layers of 1,000 cells, one direction, dropout 0.2
    "cell": "lstm",
    "embedding_size": 1000,
    "hidden_size": 1000,
    "encoder_layers": 4,
    "decoder_layers": 4,
    "bidirectional": False,
    "attention": "after",
    "dropout": 0.2,
    "embedding_dropout": 0.0,
}

PRESETS: dict[str, dict[str, Any]] = {
    "luong2015-dot": {**_LUONG, "score": "dot"},
    "luong2015-general": {**_LUONG, "score": "general"},
    "luong2015-concat": {**_LUONG, "score": "concat"},
    "luong2015-dot-feed": {**_LUONG, "score": "dot", "input_feeding": True},
    "luong2015-general-feed": {**_LUONG, "score": "general", "input_feeding": True},
    "luong2015-concat-feed": {**_LUONG, "score": "concat", "input_feeding": True},
    # Wu et al. 2016, section 3: eight layers of 1,024 cells, attention asked by the bottom decoder layer
    "gnmt2016": {
        "cell": "lstm",
        "embedding_size": 1024,
        "hidden_size": 1024,
        "encoder_layers": 8,
        "decoder_layers": 8,
        "attention": "bottom",
        "score": "concat",
        "dropout": 0.2,
        "embedding_dropout": 0.0,
    },
}
