"""Files with the attention of many sentences.

The suffix decides the format: .html (a self-contained page to search and sort; it loads nothing), .svg, .png, or .json
with the numbers.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from nmt_cli.atomic import write_atomic
from nmt_cli.errors import OutputError
from nmt_cli.progress import logger
from nmt_cli.report.attention_map import AttentionMap, ModelLabel, Subwords
from nmt_cli.report.html import attention_html, attention_svg

__all__ = ["FORMATS", "AttentionFile", "AttentionMap", "ModelLabel", "Subwords", "attention_svg", "write_attention"]


@dataclass(frozen=True)
class FileFormat:
    """A file format: the largest number of sentences in a file, and the function that renders them, the number of
    sentences left out, and the model."""

    limit: int
    render: Callable[[Sequence[AttentionMap], int, ModelLabel | None], str | bytes]


def _json(maps: Sequence[AttentionMap], left_out: int, model: ModelLabel | None) -> str:
    content = {
        "model": None if model is None else asdict(model),
        "sentences": [attention.as_json() for attention in maps],
        "left_out": left_out,
    }
    return json.dumps(content, ensure_ascii=False) + "\n"


def _png(maps: Sequence[AttentionMap], left_out: int, model: ModelLabel | None) -> bytes:
    from nmt_cli.report.png import attention_png  # imports matplotlib, which the other formats do not need

    return attention_png(maps)


FORMATS = {
    ".html": FileFormat(10_000, attention_html),
    ".svg": FileFormat(50, lambda maps, *_: attention_svg(*maps)),
    ".png": FileFormat(10, _png),
    ".json": FileFormat(10_000, _json),
}
"""Suffix of the file -> its format."""


class AttentionFile:
    """Collects attention maps during translation, up to the limit of the file's format, and writes them.

    Raises OutputError at once if the suffix is not in FORMATS; `write` raises OSError.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() not in FORMATS:
            raise OutputError(f"{path}: attention is written as {', '.join(FORMATS)}; use one of these suffixes")
        self.path = path
        self.form = FORMATS[path.suffix.lower()]
        self.maps: list[AttentionMap] = []
        self.left_out = 0

    @property
    def full(self) -> bool:
        """Whether the limit is reached: further maps are only counted, so they need not be computed."""
        return len(self.maps) >= self.form.limit

    def add(self, attention: AttentionMap | None) -> None:
        """Add the map of a sentence. Once the file is full, sentences are only counted: `attention` may be None."""
        if self.full:
            self.left_out += 1
        elif attention is not None:
            self.maps.append(attention)

    def write(self, model: ModelLabel | None = None) -> None:
        """Write the file atomically, and log a warning if sentences were left out."""
        write_atomic(self.path, self.form.render(self.maps, self.left_out, model))
        if self.left_out:
            logger.warning(
                f"{self.path}: shows the first {len(self.maps):,} sentences; {self.left_out:,} more were left out"
            )


def write_attention(maps: Iterable[AttentionMap], path: Path) -> None:
    """Write attention maps to a file in the format of its suffix. Raises OutputError for any other suffix."""
    file = AttentionFile(path)
    for attention in maps:
        file.add(attention)
    file.write()
