"""Files with both sides: TSV, CSV and JSON Lines."""

import csv
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from nmt_cli.config import ParallelTextConfig
from nmt_cli.corpus.columns import USUAL_NAMES, Columns, choose_columns
from nmt_cli.corpus.encodings import lookup
from nmt_cli.corpus.text_io import MAX_LINE_BYTES, OnInvalid, TextFile, read_lines
from nmt_cli.errors import CorpusError
from nmt_cli.languages import same_language

Delimiter = Literal["auto", "tab", "comma", "semicolon", "pipe"]

_DELIMITERS: dict[Delimiter, str] = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
_SAMPLE_ROWS = 300
"""First rows, from which separator and columns are recognised."""
_SAMPLE_CHARACTERS = 1 << 20
_MISSING = object()
_SEPARATOR_LINE = re.compile('"?sep=(.)"?', re.IGNORECASE)
"""First line of a file that Excel separates by another character."""

T = TypeVar("T")
Row = tuple[int, list[str]]
"""The line number on which a row ends, and its cells."""


@dataclass(frozen=True)
class Fields:
    """How to find the two sides: languages, and column names, column numbers (from 1) or JSON keys if given."""

    languages: tuple[str, str]
    names: tuple[str | None, str | None] = (None, None)
    invalid: OnInvalid = "error"
    delimiter: Delimiter = "auto"
    encoding: str = ""


def fields_of(config: ParallelTextConfig, languages: tuple[str, str]) -> Fields:
    """How to find the two sides by these options."""
    return Fields(
        languages=languages,
        names=(config.source_field, config.target_field),
        invalid=config.invalid_utf8,
        delimiter=config.delimiter,
        encoding=lookup(config.encoding) if config.encoding else "",
    )


def read_tsv(file: TextFile, fields: Fields) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a tab-separated file, without quoting. Raises CorpusError if a row is too short."""
    separator = _DELIMITERS.get(fields.delimiter, "\t")
    rows = ((n, line.split(separator)) for n, line in enumerate(read_lines(file, fields.invalid), 1))
    return _pick(file, fields, rows)


def read_csv(file: TextFile, fields: Fields) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a file as spreadsheets write it; quoted cells may contain line breaks. Without an option the
    separator is recognised from the first lines."""
    return _pick(file, fields, _csv_rows(file, fields))


def _csv_rows(file: TextFile, fields: Fields) -> Iterator[Row]:
    csv.field_size_limit(MAX_LINE_BYTES)
    lines = read_lines(file, fields.invalid)
    sample = _take(lines, len)
    named = _SEPARATOR_LINE.fullmatch(sample[0]) if sample else None
    first_line = 1
    if named:
        del sample[0]
        file.header, first_line = 1, 2
    delimiter = _DELIMITERS.get(fields.delimiter) or (named[1] if named else _recognise(sample))
    reader = csv.reader((line + "\n" for line in itertools.chain(sample, lines)), strict=True, delimiter=delimiter)
    skipped = file.header
    try:
        for cells in reader:
            yield reader.line_num + skipped, cells
            first_line = reader.line_num + skipped + 1
    except csv.Error as error:
        raise CorpusError(f"{file.name}:{first_line}: not valid CSV ({error}); is a quotation mark unclosed?") from None


def _recognise(lines: list[str]) -> str:
    """The separator that divides most of the lines into the same number of cells, two or more; else a comma.

    Of separators that divide equally well it is the one that leaves fewer quotation marks in the cells, one that text
    hardly contains, or the one with more cells.
    """

    def fit(delimiter: str) -> tuple[float, int, bool, int]:
        reader = csv.reader((f"{line}\n" for line in lines), strict=True, delimiter=delimiter)
        counts: Counter[int] = Counter()
        quotes = 0
        with suppress(csv.Error):  # another separator, or a cell that the end of the sample cuts
            for row in reader:
                counts[len(row)] += bool(row)
                quotes += any('"' in cell for cell in row)
        rows, width = max(((rows, width) for width, rows in counts.items() if width > 1), default=(0, 0))
        share = rows / max(1, counts.total()) * reader.line_num / max(1, len(lines))
        return share, -quotes, bool(rows) and delimiter in "\t|", width

    return max(_DELIMITERS.values(), key=fit)


def _take(items: Iterator[T], size: Callable[[T], int]) -> list[T]:
    """The first items, as many as a sample may hold."""
    taken: list[T] = []
    characters = 0
    while len(taken) < _SAMPLE_ROWS and characters < _SAMPLE_CHARACTERS:
        try:
            taken.append(next(items))
        except StopIteration:
            break
        characters += size(taken[-1])
    return taken


def _pick(file: TextFile, fields: Fields, rows: Iterator[Row]) -> Iterator[tuple[str, str]]:
    """Yield the two chosen columns, without the header if there is one, and without the rows of another width."""
    sample = _take(rows, lambda row: sum(map(len, row[1])))
    if not sample:
        return
    first = sample[0]
    columns = choose_columns(file.name, fields.languages, fields.names, [cells for _, cells in sample])
    file.chosen = columns.describe(first[1])
    if columns.has_header:
        del sample[0]
        file.header = first[0]
    pairs = 0
    for row in itertools.chain(sample, rows):
        if _is_ragged(row[1], columns):
            file.leave_out(f"rows with {len(row[1])} columns instead of {columns.width}", row[0])
            file.gaps.append(pairs)
        else:
            pairs += 1
            yield _cells(file, columns, row)


def _is_ragged(cells: list[str], columns: Columns) -> bool:
    """Whether a row has more cells than usual, or fewer, so that its cells may stand in other columns."""
    if not any(cells) or len(cells) == columns.width or len(cells) <= max(columns.source, columns.target):
        return False
    return len(cells) < columns.width or any(cells[columns.width :])


def _cells(file: TextFile, columns: Columns, row: Row) -> tuple[str, str]:
    line, cells = row
    if not any(cells):
        return "", ""
    try:
        return cells[columns.source], cells[columns.target]
    except IndexError:
        raise CorpusError(
            f"{file.name}:{line}: {len(cells)} columns, but column {max(columns.source, columns.target) + 1} is "
            "needed; fix the line or choose other columns with --source-field and --target-field"
        ) from None


def read_jsonl(file: TextFile, fields: Fields) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a JSON Lines file: one object per line, each side under its key (a.b for nested objects).

    Default keys are the language codes, at the top level or under "translation". A blank line is a blank pair.
    """
    for number, line in enumerate(read_lines(file, fields.invalid), 1):
        if not line.strip():
            yield "", ""
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CorpusError(f"{file.name}:{number}: not valid JSON ({error})") from None
        place = f"{file.name}:{number}"
        (source_key, source), (target_key, target) = (_value(record, side, fields, place) for side in (0, 1))
        file.chosen = file.chosen or f"keys {source_key} and {target_key}"
        yield source, target


def _value(record: Any, side: int, fields: Fields, place: str) -> tuple[str, str]:
    """The key and the text of one side; null is a blank text."""
    for path in _paths(record, side, fields):
        value = record
        for key in [path] if isinstance(record, dict) and path in record else path.split("."):
            value = value.get(key, _MISSING) if isinstance(value, dict) else _MISSING
        if value is None or isinstance(value, str):
            return path, value or ""
        if value is not _MISSING:
            raise CorpusError(f"{place}: {path} is {type(value).__name__}, not text")
    keys = f"keys: {', '.join(record)}" if isinstance(record, dict) else f"the line is {type(record).__name__}"
    option = ("--source-field", "--target-field")[side]
    raise CorpusError(f"{place}: no key {fields.names[side] or fields.languages[side]}; {keys}; name it with {option}")


def _paths(record: Any, side: int, fields: Fields) -> Iterator[str]:
    """The keys under which the text of a side may be, in the order of preference."""
    name, language = fields.names[side], fields.languages[side]
    if name:
        yield name
        return
    yield language
    yield f"translation.{language}"
    yield from sorted(USUAL_NAMES[side], reverse=True)
    if isinstance(record, dict):
        nested = record.get("translation")
        yield from (key for key in record if same_language(key, language))
        yield from (
            f"translation.{k}" for k in (nested if isinstance(nested, dict) else ()) if same_language(k, language)
        )
