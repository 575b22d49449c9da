"""Which columns of a table hold the two sides: by the options, the header, the writing systems, or because no other
column holds text. Where none of these decides, the columns are named and the table is refused."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nmt_cli.corpus.writing_systems import Script
from nmt_cli.errors import CorpusError
from nmt_cli.languages import same_language

USUAL_NAMES = ({"source", "src"}, {"target", "tgt", "trg"})
"""Usual headings and JSON keys of the two sides."""

_ID = re.compile(r"(?:https?://|www\.)\S+|[!-~]*[0-9][!-~]*|[\d\s.,:;%+/-]+")
"""Addresses, words of ASCII with a digit, and numbers."""
_EVIDENCE = 3
"""Rows from which a column is judged; fewer may be chance."""
_LONGEST_ID = 200
"""Characters of a cell that are compared with ids."""
_SHOWN = 8
"""Columns that a message names at most."""


@dataclass(frozen=True)
class Columns:
    """The columns of the two sides, from 0, whether the first row is a header, and the usual number of columns."""

    source: int
    target: int
    has_header: bool
    width: int

    def describe(self, first: Sequence[str]) -> str:
        """The two columns as a person counts them, with their headings if there are any; `first` is the first row."""
        names = [
            f"{i + 1}" + (f" ({shorten(first[i])})" if self.has_header else "") for i in (self.source, self.target)
        ]
        return f"columns {names[0]} and {names[1]}" + (" below a header" if self.has_header else "")


def shorten(text: str, width: int = 40) -> str:
    """The beginning of a text, with characters that cannot be printed escaped."""
    text = text if len(text) <= width else f"{text[: width - 1]}…"
    return text if text.isprintable() else repr(text)[1:-1]


def choose_columns(
    file: str, languages: tuple[str, str], names: tuple[str | None, str | None], rows: Sequence[Sequence[str]]
) -> Columns:
    """Choose the columns of a table from its first rows. `names` are column names or numbers given by the user.

    Raises CorpusError naming the columns if they cannot be told, or if one that was given does not exist.
    """
    table = _Table(rows, languages)
    given = [None if name is None else _given(file, name, rows[0]) for name in names]
    source, target = table.choose(given)
    if source is None or target is None or source == target:
        raise CorpusError(
            f"{file}: cannot identify source and target column of {' and '.join(languages)} among {table.describe()}; "
            "name them with --source-field and --target-field"
        )
    by_name = any(name is not None and not name.isdecimal() for name in names)
    return Columns(source, target, by_name or table.has_header(source, target), table.width)


def _given(file: str, name: str, header: Sequence[str]) -> int:
    """The column of this name or number."""
    if name.isdecimal():
        return int(name) - 1
    cells = [cell.strip().lower() for cell in header]
    if name.strip().lower() not in cells:
        shown = ", ".join(shorten(cell) for cell in header[:_SHOWN])
        raise CorpusError(f"{file}:1: no column {name}; columns: {shown}")
    return cells.index(name.strip().lower())


class _Table:
    """The first rows of a table, and what each of its columns holds."""

    def __init__(self, rows: Sequence[Sequence[str]], languages: tuple[str, str]) -> None:
        self._first = rows[0]
        self._rows = rows[1:]
        self._languages = languages
        self._scripts = [Script(language) for language in languages]
        counts = Counter(len(row) for row in rows if any(row))
        self.width = max(counts, key=lambda width: (counts[width], width), default=0)
        self._columns = [[row[i] for row in self._rows if i < len(row) and row[i].strip()] for i in range(self.width)]
        self._text = [i for i in range(self.width) if self._holds_text(self._columns[i])]

    def _holds_text(self, cells: Sequence[str]) -> bool:
        if len(self._rows) >= _EVIDENCE and 2 * len(cells) < len(self._rows):
            return False
        return not _is_id(cells) and not _is_label(cells)

    def choose(self, given: Sequence[int | None]) -> list[int | None]:
        """The column of each side; None where nothing decides."""
        for rule in (self._by_language, self._by_script, self._by_usual_name):
            found = [rule(side) if column is None else column for side, column in enumerate(given)]
            if None not in found and found[0] != found[1]:
                return found
        rest = [i for i in self._text if i not in given]
        missing = [side for side, column in enumerate(given) if column is None]
        if len(rest) == len(missing) or (self.width == 2 and self._is_too_short()):
            rest = rest if len(rest) == len(missing) else [i for i in range(2) if i not in given]
            return [rest.pop(0) if column is None else column for column in given]
        return list(given)

    def _is_too_short(self) -> bool:
        """Whether there are too few rows to judge the columns, or the languages are not known."""
        return len(self._rows) < _EVIDENCE or not all(script.known for script in self._scripts)

    def _by_language(self, side: int) -> int | None:
        return self._heading(lambda cell: bool(cell) and same_language(cell, self._languages[side]))

    def _by_usual_name(self, side: int) -> int | None:
        return self._heading(lambda cell: cell in USUAL_NAMES[side])

    def _heading(self, fits: Callable[[str], bool]) -> int | None:
        return next((i for i, cell in enumerate(self._first[: self.width]) if fits(cell.strip().lower())), None)

    def _by_script(self, side: int) -> int | None:
        """The only text column in the script of this side, if the scripts of both languages have nothing in common."""
        own, other = self._scripts[side], self._scripts[1 - side]
        if not (own.known and other.known) or own.names & other.names or len(self._rows) < _EVIDENCE:
            return None
        fitting = [i for i in self._text if _share_in(own, self._columns[i]) > 0.5]
        return fitting[0] if len(fitting) == 1 else None

    def has_header(self, source: int, target: int) -> bool:
        """Whether the first row holds headings: both are usual, a column of ids has one without a digit, or one is in
        a script that its column does not use."""
        first = [cell.strip() for cell in self._first]
        if len(first) <= max(source, target) or not (first[source] and first[target]):
            return False
        usual = USUAL_NAMES[0] | USUAL_NAMES[1]
        chosen = [first[source], first[target]]
        if all(cell.lower() in usual or any(same_language(cell, code) for code in self._languages) for cell in chosen):
            return True
        if any(
            _is_id(cells) and cell.isprintable() and any(map(str.isalpha, cell)) and not _looks_like_id(cell)
            for cell, cells in zip(first, self._columns, strict=False)
        ):
            return True
        if any(len(cell.split()) > 3 or cell[-1] in ".!?。！？" for cell in chosen):
            return False
        return any(
            self._scripts[side].is_wrong(chosen[side]) and _share_in(self._scripts[side], self._columns[column]) > 0.9
            for side, column in enumerate((source, target))
        )

    def describe(self) -> str:
        """The columns, each with an example and what it holds."""
        shown = []
        for i in range(min(self.width, _SHOWN)):
            cell = self._columns[i][0] if self._columns[i] else self._first[i] if i < len(self._first) else ""
            kind = "" if i in self._text else ": ids or numbers" if _is_id(self._columns[i]) else ": labels or blanks"
            shown.append(f"{i + 1} ({shorten(cell, 24)}{kind})")
        return ", ".join(shown) + (f" and {self.width - _SHOWN} more" if self.width > _SHOWN else "")


def _is_id(cells: Sequence[str]) -> bool:
    """Whether nearly all cells of a column are numbers, ids or addresses."""
    return len(cells) >= _EVIDENCE and sum(_looks_like_id(cell) for cell in cells) > 0.9 * len(cells)


def _looks_like_id(cell: str) -> bool:
    return _ID.fullmatch(cell.strip()[:_LONGEST_ID]) is not None


def _is_label(cells: Sequence[str]) -> bool:
    """Whether a column repeats a few values."""
    return len(cells) >= 5 and len(set(cells)) <= max(1, len(cells) // 10)


def _share_in(script: Script, cells: Sequence[str]) -> float:
    """The share of the cells with letters that are in a script; 0 without enough of them."""
    with_letters = [cell for cell in cells if any(map(str.isalpha, cell))]
    if len(with_letters) < _EVIDENCE:
        return 0.0
    return sum(not script.is_wrong(cell) for cell in with_letters) / len(with_letters)
