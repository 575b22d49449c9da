"""Find the files of an input (prefix, two files, or one file with both sides) and read pairs of segments."""

import itertools
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from nmt_cli.corpus.misalignment import first_suspicious_line
from nmt_cli.corpus.normalization import is_blank
from nmt_cli.corpus.tabular import Fields, read_csv, read_jsonl, read_tsv
from nmt_cli.corpus.text_io import OPENERS, TextFile, read_lines
from nmt_cli.corpus.tmx import read_tmx
from nmt_cli.errors import CorpusError
from nmt_cli.system_errors import explain

Format = Literal["text", "tsv", "csv", "jsonl", "tmx"]

_ENDINGS: dict[str, Format] = {
    ".tsv": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".tmx": "tmx",
}

EXTRA_BLANK = "blank lines at the end, which the other side does not have"


@dataclass(frozen=True)
class ParallelText:
    """Parallel text to read: its format, and one file with both sides or one file for each side."""

    format: Format
    files: tuple[TextFile, ...]

    @property
    def name(self) -> str:
        """The names of the files as given by the user."""
        return " + ".join(file.name for file in self.files)


def locate(given: str, format: Format | Literal["auto"], languages: tuple[str, str]) -> ParallelText:
    """Find the files of an input. Raises CorpusError naming the expected files and similar ones that exist."""
    resolved = detect_format(given) if format == "auto" else format
    if resolved != "text":
        return ParallelText(resolved, (_existing(given),))
    by_prefix = [_with_suffix(given, language) for language in languages]
    if by_prefix[0] and by_prefix[1]:
        return ParallelText("text", (by_prefix[0], by_prefix[1]))
    parts = given.split(",")
    if len(parts) == 2 and all(parts) and not any(by_prefix):
        return ParallelText("text", (_existing(parts[0]), _existing(parts[1])))
    raise CorpusError(_explain_missing(given, languages, [file is not None for file in by_prefix]))


def exists(given: str, languages: tuple[str, str]) -> bool:
    """Whether an input names a file, as it is or as a prefix, or two files."""
    names = given.split(",")
    if any(_with_suffix(given, language) for language in languages) or Path(given).exists():
        return True
    return len(names) == 2 and all(name and Path(name).exists() for name in names)


def reading_notes(text: ParallelText) -> list[str]:
    """What a user should know once a text has been read: which columns were chosen, and which records were skipped."""
    notes = [f"{file.name}: {file.chosen}" for file in text.files if file.chosen]
    return notes + [
        f"{file.name}: {count:,} {reason}, skipped, the first at line {file.first_left_out[reason]:,}"
        for file in text.files
        for reason, count in file.left_out.items()
    ]


def read_pairs(text: ParallelText, fields: Fields) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a parallel text in order, each segment on one line.

    Raises CorpusError if a file cannot be read or decoded, if a row lacks a side, or if two files have different
    numbers of lines; the message then names the first suspicious line.
    """
    for file in text.files:
        file.encoding = fields.encoding
    if text.format == "text":
        return _read_two_files(text, fields)
    file = text.files[0]
    if text.format == "tmx":
        pairs = read_tmx(file, *fields.languages, fields.invalid)
    else:
        reader = {"tsv": read_tsv, "csv": read_csv, "jsonl": read_jsonl}[text.format]
        pairs = reader(file, fields)
    return ((_clean_segment(source, file, fields), _clean_segment(target, file, fields)) for source, target in pairs)


def _clean_segment(segment: str, file: TextFile, fields: Fields) -> str:
    """Replace line breaks and lone surrogates, which escapes and quoted cells allow inside a segment."""
    if "\n" in segment:
        file.joined_lines += 1
        segment = segment.replace("\r\n", "\n").replace("\n", " ")
    try:
        segment.encode()
    except UnicodeEncodeError as error:
        if fields.invalid == "error":
            raise CorpusError(
                f"{file.name}:{file.lines}: escape of half a surrogate pair, U+{ord(segment[error.start]):04X}, "
                "which is not a character; fix it, or replace such escapes with --invalid-utf8 replace"
            ) from None
        file.invalid_bytes += 1
        return segment.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return segment


def _read_two_files(text: ParallelText, fields: Fields) -> Iterator[tuple[str, str]]:
    sides = [read_lines(file, fields.invalid) for file in text.files]
    for number, (source, target) in enumerate(itertools.zip_longest(*sides), 1):
        if source is None or target is None:
            _leave_out_blank_rest(text, fields, [source, target], sides, number)
            return
        yield source, target


def _leave_out_blank_rest(
    text: ParallelText, fields: Fields, first: list[str | None], sides: list[Iterator[str]], number: int
) -> None:
    """Skip the rest of the longer side from line `number` on if it is blank; raise CorpusError if it is not."""
    side = 0 if first[1] is None else 1
    rest = itertools.chain([first[side] or ""], sides[side])
    blank = [is_blank(line) for line in rest]  # read to the end, so that all lines are counted
    if not all(blank):
        raise CorpusError(_explain_misalignment(text, fields))
    file = text.files[side]
    file.left_out[EXTRA_BLANK], file.first_left_out[EXTRA_BLANK] = len(blank), number


def _explain_misalignment(text: ParallelText, fields: Fields) -> str:
    source, target = text.files
    fresh = [replace(file, lines=0) for file in text.files]
    suspicion = first_suspicious_line(*(read_lines(file, fields.invalid) for file in fresh))
    message = (
        f"{source.name} has {source.lines} lines but {target.name} has {target.lines}; line i must translate line i"
    )
    if suspicion is None:
        return message
    return f"{message}; look at {text.files[suspicion.side].name}:{suspicion.line}: {suspicion.reason}"


def detect_format(given: str) -> Format:
    """The format of a file, by its name."""
    path = Path(given)
    if path.suffix in OPENERS and path.suffix:
        path = path.with_suffix("")
    return _ENDINGS.get(path.suffix.lower(), "text")


def _existing(given: str) -> TextFile:
    file = TextFile(Path(given), given)
    try:
        mode = os.stat(file.path).st_mode
    except FileNotFoundError:
        raise CorpusError(f"{file.name}: no such file or directory") from None
    except OSError as error:
        raise CorpusError(f"{file.name}: cannot be read: {explain(error)}") from None
    if stat.S_ISDIR(mode):
        raise CorpusError(f"{file.name}: is a folder; give a file or a prefix of files in it")
    return file


def _with_suffix(prefix: str, language: str) -> TextFile | None:
    for ending in OPENERS:
        file = TextFile(Path(f"{prefix}.{language}{ending}"))
        try:
            if stat.S_ISREG(os.stat(file.path).st_mode):
                return file
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise CorpusError(f"{file.name}: cannot be read: {explain(error)}") from None
    return None


def _explain_missing(given: str, languages: tuple[str, str], exists: list[bool]) -> str:
    if os.path.isfile(given):
        return f"{given}: {_explain_file(given, languages)}"
    missing = [f"{given}.{language}" for language, found in zip(languages, exists, strict=True) if not found]
    path = Path(given)
    folder, stem = (path, "") if path.is_dir() else (path.parent, path.name)
    names = sorted(path.name for path in folder.glob("*") if os.path.isfile(path))
    near = [name for name in names if set(languages) & set(name.split("."))]
    near = ([name for name in near if stem and name.startswith(stem)] or near)[:6]
    message = f"{' and '.join(missing)}: no such file (nor with {', '.join(e for e in OPENERS if e)})"
    if path.is_dir():
        message += f"; {given} is a folder, give a prefix of files in it"
    return f"{message}; files in {folder}: {', '.join(near)}" if near else message


def _explain_file(given: str, languages: tuple[str, str]) -> str:
    """What to give instead of one file: the prefix of both, if it is one of the two sides, else both."""
    for language in languages:
        for ending in OPENERS:
            prefix = given.removesuffix(f".{language}{ending}")
            if prefix != given:
                other = languages[0] if language == languages[1] else languages[1]
                rest = "" if _with_suffix(prefix, other) else f"; {prefix}.{other} is missing"
                return f"is the {language} side only; give the prefix of both sides, {prefix}{rest}"
    return (
        "is one file of text; give both sides as SOURCE,TARGET or by their prefix, or with --format the format of a "
        "file that holds both"
    )
