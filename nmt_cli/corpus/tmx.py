"""Streaming reader of translation memories (TMX) by expat: entities are not declared or expanded, except the characters
that HTML names, and nothing is fetched."""

import re
from collections.abc import Iterator
from html.entities import html5
from itertools import chain
from xml.parsers import expat

from nmt_cli.corpus.columns import shorten
from nmt_cli.corpus.encodings import decode_blocks, lookup
from nmt_cli.corpus.text_io import MAX_LINE_BYTES, OnInvalid, TextFile, read_blocks
from nmt_cli.errors import CorpusError
from nmt_cli.languages import main_code

_NATIVE_CODE = frozenset({"bpt", "ept", "it", "ph", "ut", "sub"})
"""Elements inside a segment that contain formatting codes rather than text."""

NO_PAIR = "translation units without both languages"
NO_SEGMENT = "translations without a <seg>"

_DECLARATION = re.compile(rb"""\s*<\?xml[^>]*?encoding\s*=\s*["']([^"']*)""")
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_UNSEEN = MAX_LINE_BYTES
"""Bytes without an element or text at which a document is refused: one attribute or comment of that size."""
_DEEPEST = 256
"""Elements within each other at most."""
_NAMED = 8
"""Languages that a message names at most."""


def read_tmx(file: TextFile, source: str, target: str, invalid: OnInvalid = "error") -> Iterator[tuple[str, str]]:
    """Yield the pairs of a TMX file in document order; units without both languages are counted in `file.left_out`.

    A language matches in any form of its code (en matches en-US and eng). Raises CorpusError naming the line if the
    document is not well-formed, declares entities or cannot be decoded, and CorpusError naming what the document holds
    instead if it has no pair.
    """
    units = _Units(file, source, target)
    pairs = 0
    try:
        for block in _text(file, invalid):
            units.feed(block)
            pairs += len(units.ready)
            yield from units.take()
        units.parser.Parse("", True)
    except expat.ExpatError as error:
        reason = expat.errors.messages[error.code]
        raise CorpusError(
            f"{file.name}:{error.lineno}: not well-formed XML ({reason}); fix it or export it again"
        ) from None
    pairs += len(units.ready)
    yield from units.take()
    if not pairs:
        raise CorpusError(f"{file.name}: contains no pair of {source} and {target}{units.explain()}")


def _text(file: TextFile, invalid: OnInvalid) -> Iterator[str]:
    """The document, decoded: by `file.encoding`, a byte order mark, or its declaration, else as UTF-8."""
    blocks = read_blocks(file)
    first = next(blocks, b"")
    encoding = file.encoding or next((name for mark, name in _MARKS.items() if first.startswith(mark)), "")
    if not encoding:
        declared = _DECLARATION.match(first)
        encoding = declared[1].decode("ascii", "backslashreplace") if declared else "utf-8"
        try:
            encoding = lookup(encoding)
        except (LookupError, ValueError):
            raise CorpusError(
                f"{file.name}:1: declares the encoding {shorten(encoding)}, which is not known; name the "
                "one that it is in with --encoding, or convert it to UTF-8 and declare that"
            ) from None
        if encoding.startswith(("utf-16", "utf-32")):  # the declaration could be read, so it is not that
            encoding = "utf-8"
    for text in decode_blocks(file.name, chain([first], blocks), encoding, invalid == "replace"):
        file.invalid_bytes += text.count("\ufffd") if invalid == "replace" else 0
        yield text


class _Units:
    """Expat handlers that collect the segments of translation units."""

    def __init__(self, file: TextFile, source: str, target: str) -> None:
        self._file = file
        self._languages = (source.lower(), target.lower())
        self.ready: list[tuple[str, str]] = []
        self._unit: dict[int, str] = {}
        self._side: int | None = None
        self._text: list[str] | None = None
        self._size = 0
        self._native = 0
        self._depth = 0
        self._seen: dict[str, None] = {}
        self._in_translation = False
        self._unseen = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.UseForeignDTD(True)  # so that an unknown entity is told to us, with or without a DTD
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.EntityDeclHandler = self._refuse_entity
        self.parser.SkippedEntityHandler = self._named_character

    def feed(self, block: str) -> None:
        """Parse a part of the document. Raises CorpusError if there is no end to one element, comment or attribute."""
        self._unseen += len(block)
        self.parser.Parse(block, False)
        if self._unseen > _UNSEEN:
            raise self._error(f"more than {_UNSEEN >> 20} MiB without text; it is not a translation memory")

    def take(self) -> list[tuple[str, str]]:
        """Return the pairs completed since the last call."""
        ready, self.ready = self.ready, []
        return ready

    def explain(self) -> str:
        """What a document without a pair holds."""
        if NO_SEGMENT in self._file.left_out:
            return "; its translations have no <seg>, which holds the text; export it again"
        if not self._seen:
            return "; it has no translations (<tuv>)"
        return f"; its languages are {', '.join(map(shorten, list(self._seen)[:_NAMED]))}"

    def _error(self, reason: str) -> CorpusError:
        return CorpusError(f"{self._file.name}:{self.parser.CurrentLineNumber}: {reason}")

    def _refuse_entity(self, name: str, *_: object) -> None:
        raise self._error(f"declares the entity {name}; entities are not expanded; export the file without them")

    def _named_character(self, name: str, is_parameter: bool) -> None:
        """A character that HTML names, such as &eacute;, is that character; any other entity is refused."""
        if is_parameter:
            return
        character = html5.get(f"{name};")
        if character is None:
            raise self._error(f"the entity &{name}; is not known; write the character itself")
        self._characters(character)

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        self._unseen = 0
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error(f"more than {_DEEPEST} elements within each other; it is not a translation memory")
        element = element.rpartition(":")[2]
        if element == "tu":
            self._unit = {}
        elif element == "tuv":
            language = attributes.get("xml:lang") or attributes.get("lang") or ""
            self._side = self._side_of(language)
            self._in_translation = True
            if len(self._seen) <= _NAMED:
                self._seen[language] = None
        elif element == "seg":
            self._in_translation = False
            if self._side is not None and self._side not in self._unit:
                self._text, self._size = [], 0
        elif element in _NATIVE_CODE:
            self._native += 1

    def _end(self, element: str) -> None:
        self._unseen = 0
        self._depth -= 1
        element = element.rpartition(":")[2]
        if element == "seg" and self._text is not None and self._side is not None:
            self._unit[self._side] = "".join(self._text)
            self._text = None
        elif element in _NATIVE_CODE:
            self._native -= 1
        elif element == "tuv" and self._in_translation:
            self._file.leave_out(NO_SEGMENT, self.parser.CurrentLineNumber)
        elif element == "tu":
            if len(self._unit) == 2:
                self.ready.append((self._unit[0], self._unit[1]))
            else:
                self._file.leave_out(NO_PAIR, self.parser.CurrentLineNumber)

    def _characters(self, text: str) -> None:
        self._unseen = 0
        if self._text is None or self._native:
            return
        self._text.append(text)
        self._size += len(text)
        if self._size > MAX_LINE_BYTES:
            raise self._error(f"a segment of more than {MAX_LINE_BYTES >> 20} MiB; it is not a file of sentences")

    def _side_of(self, language: str) -> int | None:
        language = language.lower().replace("_", "-")
        exact = [side for side, code in enumerate(self._languages) if language == code.replace("_", "-")]
        close = [side for side, code in enumerate(self._languages) if main_code(language) == main_code(code)]
        sides = exact or close
        return sides[0] if sides else None
