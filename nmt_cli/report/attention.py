"""What translations drew on, word by word: the attention of many sentences in one file.

Its form goes by the suffix: .html (a page that needs nothing else: no font, script or network), .svg, .png, or .json
with the figures themselves.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nmt_cli.atomic import write_atomic
from nmt_cli.errors import OutputError
from nmt_cli.report.attention_map import AttentionMap, Subwords
from nmt_cli.report.html import attention_html, attention_svg

__all__ = ["FORMS", "AttentionFile", "AttentionMap", "Subwords", "attention_page", "attention_svg"]


@dataclass(frozen=True)
class Form:
    """How many sentences a form can bear, and how they become a file, given also how many were left out."""

    limit: int
    render: Callable[[Sequence[AttentionMap], int], str | bytes]


def _json(maps: Sequence[AttentionMap], left_out: int) -> str:
    content = {"sentences": [shown.as_json() for shown in maps], "left_out": left_out}
    return json.dumps(content, ensure_ascii=False) + "\n"


def _png(maps: Sequence[AttentionMap], left_out: int) -> bytes:
    from nmt_cli.report.png import attention_png  # with matplotlib, which the other forms need not wait for

    return attention_png(maps)


FORMS = {
    ".html": Form(200, attention_html),
    ".svg": Form(50, lambda maps, _: attention_svg(*maps)),
    ".png": Form(10, _png),
    ".json": Form(10_000, _json),
}
"""Suffix of the file -> its form."""


class AttentionFile:
    """Collects attention maps while translations stream by, up to the limit of the file's form, and writes them.

    Raises OutputError at once if the suffix is none of FORMS; `write` raises OSError.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() not in FORMS:
            raise OutputError(f"{path}: attention is written as {', '.join(FORMS)}; give the file such a suffix")
        self.path = path
        self.form = FORMS[path.suffix.lower()]
        self.maps: list[AttentionMap] = []
        self.left_out = 0

    @property
    def full(self) -> bool:
        """Whether further maps would only be counted, so that they need not be made."""
        return len(self.maps) >= self.form.limit

    def add(self, attention: AttentionMap | None) -> None:
        """Take one more sentence, or, once full, count it as left out (then None will do)."""
        if self.full:
            self.left_out += 1
        elif attention is not None:
            self.maps.append(attention)

    def write(self) -> None:
        """Write the file in one step; what was left out is told on standard error."""
        write_atomic(self.path, self.form.render(self.maps, self.left_out))
        if self.left_out:
            print(
                f"nmt: {self.path}: shows the first {len(self.maps)} sentences; {self.left_out} more were left out",
                file=sys.stderr,
            )


def attention_page(maps: Iterable[AttentionMap], path: Path) -> None:
    """Write attention maps to a file in the form that its suffix asks for. Raises OutputError for another suffix."""
    file = AttentionFile(path)
    for attention in maps:
        file.add(attention)
    file.write()
