"""What is judged, wherever it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nmt_cli.corpus.normalise import Form
from nmt_cli.evaluation.alignment import ErrorRate


@dataclass(frozen=True)
class Text:
    """Lines, and what to call the place that they come from."""

    lines: Sequence[str]
    name: str


@dataclass(frozen=True)
class Material:
    """A translation and what it is judged by; `sources` are None where they are not known.

    `languages` are those of source and target, `recipe` tells where everything comes from and how it was made,
    `notes` what the user should know about it, and `alignment` how well the model aligned the reference, by the step
    whose attention links a word, if there was a gold alignment.
    """

    hypotheses: Sequence[str]
    references: Sequence[Sequence[str]]
    sources: Sequence[str] | None
    baseline: Text | None
    languages: tuple[str | None, str | None]
    unicode: Form
    recipe: dict[str, Any]
    notes: list[str]
    alignment: dict[str, ErrorRate] | None = None
