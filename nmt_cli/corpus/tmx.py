"""Streaming reader of translation memories (TMX): entities are not expanded and nothing is fetched."""

from collections.abc import Iterator
from xml.parsers import expat

from nmt_cli.corpus.text_io import TextFile, read_blocks
from nmt_cli.errors import CorpusError

_NATIVE_CODE = frozenset({"bpt", "ept", "it", "ph", "ut", "sub"})
"""Elements inside a segment that contain formatting codes rather than text."""

NO_PAIR = "translation units without both languages"


def read_tmx(file: TextFile, source: str, target: str) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a TMX file in document order; units without both languages are counted in `file.left_out`.

    A language matches with or without its region (en matches en-US). Raises CorpusError naming the line if the document
    is not well-formed or declares entities.
    """
    units = _Units(file, source, target)
    try:
        for block in read_blocks(file):
            units.parser.Parse(block, False)
            yield from units.take()
        units.parser.Parse(b"", True)
    except expat.ExpatError as error:
        reason = expat.errors.messages[error.code]
        raise CorpusError(
            f"{file.name}:{error.lineno}: not well-formed XML ({reason}); fix it or export it again"
        ) from None
    yield from units.take()


class _Units:
    """Expat handlers that collect the segments of translation units."""

    def __init__(self, file: TextFile, source: str, target: str) -> None:
        self._file = file
        self._languages = (source.lower(), target.lower())
        self._ready: list[tuple[str, str]] = []
        self._unit: dict[int, str] = {}
        self._side: int | None = None
        self._text: list[str] | None = None
        self._native = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.EntityDeclHandler = self._refuse_entity

    def take(self) -> list[tuple[str, str]]:
        """Return the pairs completed since the last call."""
        ready, self._ready = self._ready, []
        return ready

    def _refuse_entity(self, name: str, *_: object) -> None:
        raise CorpusError(
            f"{self._file.name}:{self.parser.CurrentLineNumber}: declares the entity {name}; "
            "entities are not expanded; export the file without them"
        )

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        if element == "tu":
            self._unit = {}
        elif element == "tuv":
            self._side = self._side_of(attributes.get("xml:lang") or attributes.get("lang") or "")
        elif element == "seg" and self._side is not None and self._side not in self._unit:
            self._text = []
        elif element in _NATIVE_CODE:
            self._native += 1

    def _end(self, element: str) -> None:
        if element == "seg" and self._text is not None and self._side is not None:
            self._unit[self._side] = "".join(self._text)
            self._text = None
        elif element in _NATIVE_CODE:
            self._native -= 1
        elif element == "tu":
            if len(self._unit) == 2:
                self._ready.append((self._unit[0], self._unit[1]))
            else:
                self._file.leave_out(NO_PAIR, self.parser.CurrentLineNumber)

    def _characters(self, text: str) -> None:
        if self._text is not None and not self._native:
            self._text.append(text)

    def _side_of(self, language: str) -> int | None:
        language = language.lower().replace("_", "-")
        exact = [side for side, code in enumerate(self._languages) if language == code]
        close = [side for side, code in enumerate(self._languages) if language.split("-")[0] == code.split("-")[0]]
        sides = exact or close
        return sides[0] if sides else None
