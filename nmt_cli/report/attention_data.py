"""Attention as compact JSON, from which a page draws it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nmt_cli.report.attention_map import AttentionMap, numbered
from nmt_cli.report.heatmap import FAINT, printable

_CHARACTERS = map(chr, [*range(32, 127), *range(0xC0, 0xCB)])
LEVELS = "".join(character for character in _CHARACTERS if character not in '"&<>\\')
"""The character for each weight from 0.00 to 1.00, in hundredths. None is escaped in JSON or HTML, most are ASCII."""


def attention_data(maps: Sequence[AttentionMap]) -> dict[str, Any]:
    """What the page draws: the sentences, and what decodes their weights."""
    return {"levels": LEVELS, "faint": FAINT, "sentences": [_sentence(*pair) for pair in numbered(maps)]}


def _sentence(number: int, attention: AttentionMap) -> dict[str, Any]:
    """Words and weights. A text is stored only if it is not its words joined by spaces."""
    content = {
        "number": number,
        "score": _rounded(attention.score),
        "confidence": _rounded(attention.confidence),
        **_matrix(attention.source_words, attention.target_words, attention.weights),
    }
    texts = {"sourceText": attention.source_text, "targetText": attention.target_text}
    for (name, text), words in zip(texts.items(), (attention.source_words, attention.target_words), strict=True):
        if text != " ".join(words):
            content[name] = printable(text)
    if attention.subwords and 0 not in attention.shape:
        subwords = attention.subwords
        content["subwords"] = _matrix(subwords.source, subwords.target, subwords.weights)
    return content


def _matrix(source: Sequence[str], target: Sequence[str], weights: npt.ArrayLike) -> dict[str, Any]:
    return {
        "source": [printable(word) for word in source],
        "target": [printable(word) for word in target],
        "weights": encode_weights(np.asarray(weights, dtype=np.float64).reshape(len(target), len(source))),
    }


def encode_weights(weights: npt.NDArray[np.float64]) -> str:
    """A (T, S) matrix, row by row, with one character of LEVELS for each weight."""
    hundredths = np.floor(np.clip(np.nan_to_num(weights), 0, 1) * 100 + 0.5).astype(int)
    return "".join(LEVELS[level] for level in hundredths.ravel().tolist())


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
