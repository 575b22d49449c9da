"""Lines as any file may hold them: bytes at random, every category of Unicode, long runs, blank ones."""

import functools
import random
import sys
import unicodedata

from conftest import TINY_TEXT

BREAKS = "\r\x00\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\ufeff\t▁"
"""Characters that some programs end a line or a field at, or that SentencePiece takes for a space."""
DIRECTIONS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069אب"
INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufe0f\u3164 \u3000\u00a0"
LONGEST_RUN = 2000


@functools.cache
def categories() -> dict[str, str]:
    """The characters of each Unicode category, without the line feed."""
    members: dict[str, list[str]] = {}
    for character in map(chr, range(sys.maxunicode + 1)):
        if character != "\n":
            members.setdefault(unicodedata.category(character), []).append(character)
    return {name: "".join(characters) for name, characters in members.items()}


def fuzzed_lines(count: int, seed: int) -> list[bytes]:
    """So many lines, none of which holds a line feed."""
    rng = random.Random(seed)
    return [_line(rng).replace(b"\n", b"") for _ in range(count)]


def _line(rng: random.Random) -> bytes:
    line: str | bytes = rng.choice(KINDS)(rng)
    return line if isinstance(line, bytes) else line.encode("utf-8", "surrogatepass")


def _length(rng: random.Random) -> int:
    return rng.choice([1, 1, 2, 3, 3, 5, 8, 20])


def _of_one_category(rng: random.Random) -> str:
    return " ".join(_word(rng, rng.choice(list(categories().values()))) for _ in range(1 + _length(rng) // 5))


def _of_all_categories(rng: random.Random) -> str:
    return "".join(_any(rng) for _ in range(_length(rng)))


def _run(rng: random.Random) -> str:
    """A run of one character, or of two in turn."""
    length = rng.choice([40, 300, LONGEST_RUN]) if rng.random() < 0.03 else 10
    return (_any(rng) + _any(rng) * rng.randrange(2)) * length


def _with_breaks(rng: random.Random) -> str:
    return "".join(rng.choice([_sentence(rng), rng.choice(BREAKS)]) for _ in range(rng.randint(1, 3)))


def _with_directions(rng: random.Random) -> str:
    return _word(rng, DIRECTIONS) + _sentence(rng) + _word(rng, DIRECTIONS)


def _with_marks(rng: random.Random) -> str:
    return "".join(rng.choice("aé가") + _word(rng, categories()["Mn"]) for _ in range(rng.randint(1, 4)))


def _number(rng: random.Random) -> str:
    return rng.choice(["-", "", "0x", "€"]) + str(rng.random() * 10.0 ** rng.randint(-9, 40))


def _blank(rng: random.Random) -> str:
    return "".join(rng.choice(INVISIBLE) for _ in range(rng.randrange(4)))


def _cut(rng: random.Random) -> bytes:
    """A sentence that may be cut within a character, and a sequence that UTF-8 forbids."""
    return _sentence(rng).encode()[: rng.randrange(1, 60)] + rng.choice([b"\xc0\xaf", b"\xf4\x90", b"\xe2\x82", b""])


def _ordinary(rng: random.Random) -> str:
    return _sentence(rng) + rng.choice(["", "\r", " "])


def _any(rng: random.Random) -> str:
    return rng.choice(rng.choice(list(categories().values())))


def _word(rng: random.Random, characters: str) -> str:
    return "".join(rng.choice(characters) for _ in range(rng.randint(1, 6)))


def _sentence(rng: random.Random) -> str:
    words = rng.choice(TINY_TEXT).split()
    return " ".join(rng.sample(words, rng.randint(1, len(words))))


KINDS = (
    lambda rng: rng.randbytes(_length(rng)), _of_one_category, _of_all_categories, _run, _with_breaks, _with_directions,
    _with_marks, _number, _blank, _cut, _ordinary, _ordinary,
)  # fmt: skip
