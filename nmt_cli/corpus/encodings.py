"""Text that is not UTF-8: read it in a named encoding, or name the likely one."""

import codecs
import re
from collections.abc import Iterable, Iterator

from nmt_cli.errors import CorpusError

SUPERSETS = {"euc_kr": "cp949", "shift_jis": "cp932", "gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "cp1252"}
"""Encodings by whose name files are usually labelled, and what programs write under that name."""

_CANDIDATES = [
    "cp949",
    "cp932",
    "euc_jp",
    "gb18030",
    "big5",
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
]
_CANDIDATES += ["cp1255", "cp1256", "koi8_r", "tis_620", "utf_16_le", "utf_16_be"]
_SINGLE_BYTE = re.compile("cp125.|koi8_r|tis_620")
_SAMPLE = 1 << 15
"""Bytes from which the encoding is told."""


def lookup(name: str) -> str:
    """Python's name of a text encoding, or of its superset. Raises LookupError if there is none of this name."""
    "".encode(name)  # not every codec is of text
    main = codecs.lookup(name).name
    return SUPERSETS.get(main, main)


def decode_blocks(name: str, blocks: Iterable[bytes], encoding: str, replace: bool = False) -> Iterator[str]:
    """Decode blocks of a file in this encoding; `replace` puts U+FFFD for what is not in it, else CorpusError names
    the line."""
    decoder = codecs.getincrementaldecoder(encoding)("replace" if replace else "strict")
    lines = 0
    try:
        for block in blocks:
            text = decoder.decode(block)
            lines += text.count("\n")
            yield text
        yield decoder.decode(b"", True)
    except UnicodeDecodeError as error:
        lines += error.object[: error.start].count(b"\n")
        rest = error.object[error.start :]
        likely = likely_encodings(rest) if is_mostly_invalid(rest) else []
        looks = f"it looks like {' or '.join(likely)}; " if likely else ""
        raise CorpusError(
            f"{name}:{lines + 1}: byte 0x{rest[0]:02X} is not {encoding}; {looks}give another --encoding, or let "
            "nmt preprocess replace such bytes with --invalid-utf8 replace"
        ) from None


def likely_encodings(content: bytes) -> list[str]:
    """The encodings that a text which is not UTF-8 may be in, the likeliest first, at most two."""
    from charset_normalizer import from_bytes

    found = from_bytes(content[:_SAMPLE], cp_isolation=_CANDIDATES)
    best = found.best()
    if best is None:
        return []
    others = [match.encoding for match in found if match.encoding == "cp1252" != best.encoding]
    return [best.encoding, *(others if _SINGLE_BYTE.fullmatch(best.encoding) else [])]


def is_mostly_invalid(content: bytes) -> bool:
    """Whether most of what is not ASCII in these bytes is not UTF-8 either."""
    sample = content[:_SAMPLE]
    text = sample.decode(errors="replace")
    invalid = text.count("\ufffd") - sample.count("\ufffd".encode())
    return 2 * invalid > len(text) - sum(map(str.isascii, text))
