"""Output formats of translations: plain lines, n-best lists, JSON Lines."""

from typing import Any

from nmt_cli.decoding.issues import json_line
from nmt_cli.decoding.translation import Candidate, Translation

DIGITS = 6
"""Decimal places of scores and probabilities."""


def as_text(translation: Translation, n_best: int) -> str:
    """Format a translation as one line of text.

    With n_best above 1 it is Moses' n-best format: a line `index ||| translation ||| score` for each candidate.
    The index is that of the input line, counted from 0.
    """
    if n_best == 1:
        return translation.text + "\n"
    index = translation.line.number - 1
    return "".join(f"{index} ||| {each.text} ||| {each.score:.{DIGITS}f}\n" for each in translation.candidates)


def as_json(translation: Translation, n_best: int) -> str:
    """Format a translation as one line of JSON: the source, the best translation with its scores, tokens and alignment,
    the issues, and with n_best above 1 the n-best list."""
    source = translation.line.text
    content: dict[str, Any] = {"source": source, **_fields(translation, translation.candidates[0])}
    content["issues"] = [issue.kind for issue in translation.issues]
    if n_best > 1:
        content["n_best"] = [_fields(translation, candidate) for candidate in translation.candidates]
    return json_line(content) + "\n"


FORMATTERS = {"text": as_text, "jsonl": as_json}
"""`output_format` -> the function that formats a translation."""


def _fields(translation: Translation, candidate: Candidate) -> dict[str, Any]:
    poor = candidate.poor_probability
    return {
        "translation": candidate.text,
        "score": round(candidate.score, DIGITS),
        "log_prob": round(candidate.log_prob, DIGITS),
        "confidence": round(candidate.confidence, DIGITS),
        "poor_probability": None if poor is None else round(poor, DIGITS),
        "finished": candidate.finished,
        "tokens": candidate.tokens,
        "probabilities": [round(value, DIGITS) for value in candidate.probabilities],
        "alignment": None if candidate.attention_blocks is None else translation.alignment(candidate),
    }
