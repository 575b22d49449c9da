"""Files with both sides: TSV, CSV and JSON Lines."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nmt_cli.corpus.text_io import OnInvalid, TextFile, read_lines
from nmt_cli.errors import CorpusError

_USUAL_NAMES = ({"source", "src"}, {"target", "tgt", "trg"})

Row = tuple[int, list[str]]
"""The line number on which a row ends, and its cells."""


@dataclass(frozen=True)
class Fields:
    """How to find the two sides: languages, and column names, column numbers (from 1) or JSON keys if given."""

    languages: tuple[str, str]
    names: tuple[str | None, str | None] = (None, None)
    invalid: OnInvalid = "error"


def read_tsv(file: TextFile, fields: Fields) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a tab-separated file, without quoting. Raises CorpusError if a row is too short."""
    return _pick(file, fields, ((n, line.split("\t")) for n, line in enumerate(read_lines(file, fields.invalid), 1)))


def read_csv(file: TextFile, fields: Fields) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a comma-separated file as spreadsheets write it; quoted cells may contain line breaks."""
    return _pick(file, fields, _csv_rows(file, fields))


def _csv_rows(file: TextFile, fields: Fields) -> Iterator[Row]:
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader((line + "\n" for line in read_lines(file, fields.invalid)), strict=True)
    first_line = 1
    try:
        for cells in reader:
            yield reader.line_num, cells
            first_line = reader.line_num + 1
    except csv.Error as error:
        raise CorpusError(f"{file.name}:{first_line}: not valid CSV ({error}); is a quotation mark unclosed?") from None


def _pick(file: TextFile, fields: Fields, rows: Iterator[Row]) -> Iterator[tuple[str, str]]:
    """Yield the two selected columns, without the header if there is one."""
    first = next(rows, None)
    if first is None:
        return
    columns, is_header = _columns(file, fields, first[1])
    if is_header:
        file.header = first[0]
    else:
        yield _cells(file, columns, first)
    for row in rows:
        yield _cells(file, columns, row)


def _cells(file: TextFile, columns: tuple[int, int], row: Row) -> tuple[str, str]:
    line, cells = row
    if not any(cells):
        return "", ""
    try:
        return cells[columns[0]], cells[columns[1]]
    except IndexError:
        raise CorpusError(
            f"{file.name}:{line}: {len(cells)} columns, but column {max(columns) + 1} is needed; "
            "fix the line or choose other columns with --source-field and --target-field"
        ) from None


def _columns(file: TextFile, fields: Fields, first: Sequence[str]) -> tuple[tuple[int, int], bool]:
    """Indices of the two columns, and whether the first row is a header."""
    header = [cell.strip().lower() for cell in first]
    usual = [{language.lower()} | names for language, names in zip(fields.languages, _USUAL_NAMES, strict=True)]
    indices: list[int] = []  # -1: not found in the header
    for side, name in enumerate(fields.names):
        if name is None:
            indices.append(next((i for i, cell in enumerate(header) if cell in usual[side]), -1))
        elif name.isdecimal():
            indices.append(int(name) - 1)
        elif name.strip().lower() in header:
            indices.append(header.index(name.strip().lower()))
        else:
            raise CorpusError(f"{file.name}:1: no column {name}; columns: {', '.join(first)}")
    source, target = indices
    is_header = any(name is not None and not name.isdecimal() for name in fields.names) or all(
        0 <= i < len(header) and header[i] in usual[0] | usual[1] for i in indices
    )
    if not is_header:
        source, target = (i if fields.names[side] is not None else side for side, i in enumerate(indices))
    if min(source, target) < 0 or source == target:
        raise CorpusError(
            f"{file.name}: cannot identify source and target column; name them with --source-field and --target-field"
        )
    return (source, target), is_header


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
        source, target = (_value(record, side, fields, f"{file.name}:{number}") for side in (0, 1))
        yield source, target


def _value(record: Any, side: int, fields: Fields, place: str) -> str:
    name = fields.names[side]
    language = fields.languages[side]
    paths = [name] if name else [language, f"translation.{language}", *sorted(_USUAL_NAMES[side], reverse=True)]
    for path in paths:
        value = record
        for key in [path] if isinstance(record, dict) and path in record else path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str):
            return value
        if value is not None:
            raise CorpusError(f"{place}: {path} is {type(value).__name__}, not text")
    keys = f"keys: {', '.join(record)}" if isinstance(record, dict) else f"the line is {type(record).__name__}"
    option = ("--source-field", "--target-field")[side]
    raise CorpusError(f"{place}: no key {paths[0]}; {keys}; name it with {option}")
