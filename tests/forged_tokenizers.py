"""SentencePiece models as a stranger might forge them: their protobuf messages with other values, lengths and order."""

import io
import random
import struct
from collections.abc import Iterator
from typing import Any

import sentencepiece
from conftest import TINY_TEXT

from nmt_cli.special_tokens import BOS, EOS, PAD, UNK

PIECE, TRAINER, NORMALIZER, DENORMALIZER = 1, 2, 3, 5
"""Fields of a model; a piece has the fields 1 (text), 2 (score) and 3 (type)."""
VARINT, BYTES, FLOAT = 0, 2, 5
"""Wire types of protobuf."""

Field = tuple[int, int, Any]
"""Number, wire type, and value of a field: an int for VARINT, else bytes."""

INTEGERS = [0, 1, 2, 3, 4, 5, 6, 7, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1]
FLOATS = [struct.pack("<f", x) for x in (float("nan"), float("inf"), -float("inf"), 0.0, 3e38, -3e38, 1e-45)]
TEXTS = [
    b"", b"\0", b"\xff", b"a" * 100_000, b"<0x41>", b"<0xZZ>", b"<0x00>", b"<unk>", b"<s>", b"a\0b", b"\xed\xa0\x80",
    "▁".encode(), "\u2028".encode(), b"\x1b[31m", b"\n",
]  # fmt: skip


def tokenizers() -> dict[str, bytes]:
    """A serialised model of each kind."""
    kinds: dict[str, dict[str, Any]] = {
        "unigram": {},
        "bpe": {"model_type": "bpe"},
        "char": {"model_type": "char"},
        "word": {"model_type": "word", "vocab_size": 60, "byte_fallback": False},
        "nfkc": {"normalization_rule_name": "nmt_nfkc"},
    }
    return {name: _train(**options) for name, options in kinds.items()}


def _train(**options: Any) -> bytes:
    model = io.BytesIO()
    usual = {"vocab_size": 400, "byte_fallback": True, "normalization_rule_name": "identity"}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TINY_TEXT * 5),
        model_writer=model,
        hard_vocab_limit=False,
        minloglevel=2,
        **{**usual, "pad_id": PAD, "unk_id": UNK, "bos_id": BOS, "eos_id": EOS, **options},
    )
    return model.getvalue()


def parse(message: bytes) -> list[Field]:
    """The fields of a protobuf message, in their order. Raises ValueError or IndexError if it is not one."""
    return list(_fields(io.BytesIO(message)))


def _fields(stream: io.BytesIO) -> Iterator[Field]:
    while (key := _read_varint(stream)) is not None:
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            yield number, wire, _read_varint(stream)
        elif wire in (BYTES, FLOAT):
            yield number, wire, stream.read(4 if wire == FLOAT else _read_varint(stream) or 0)
        else:
            raise ValueError(f"wire type {wire}")


def _read_varint(stream: io.BytesIO) -> int | None:
    value = shift = 0
    while byte := stream.read(1):
        value |= (byte[0] & 127) << shift
        shift += 7
        if byte[0] < 128:
            return value
    return None


def serialise(fields: list[Field]) -> bytes:
    """The protobuf message of these fields."""
    parts = []
    for number, wire, value in fields:
        parts.append(_varint(number << 3 | wire))
        parts.append(_varint(value) if wire == VARINT else _varint(len(value)) + value if wire == BYTES else value)
    return b"".join(parts)


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _changed(field: Field, rng: random.Random) -> Field:
    number, wire, value = field
    if wire == VARINT:
        return number, wire, rng.choice(INTEGERS)
    if wire == FLOAT:
        return number, wire, rng.choice(FLOATS)
    change = rng.randrange(4)
    if change == 0:
        return number, wire, rng.choice(TEXTS)
    if change == 1 and value:
        return number, wire, flipped(value, rng)
    if change == 2:
        return number, wire, rng.randbytes(rng.choice([1, 7, 64, 5000]))
    return number, wire, value[: rng.randrange(len(value) + 1)]


def flipped(content: bytes, rng: random.Random) -> bytes:
    """Flip one or a few bits."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 3, 20])):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _with_changed_part(fields: list[Field], parts: list[int], rng: random.Random) -> list[Field]:
    """Change a field within one of the messages at these positions, or add one."""
    chosen = rng.choice(parts)
    inner = parse(fields[chosen][2])
    if inner and rng.random() < 0.8:
        index = rng.randrange(len(inner))
        inner[index] = _changed(inner[index], rng)
    else:
        wire = rng.choice([VARINT, BYTES, FLOAT])
        inner.append(_changed((rng.randrange(1, 55), wire, b"abcd"), rng))
    result = list(fields)
    result[chosen] = (fields[chosen][0], BYTES, serialise(inner))
    return result


def _with_other_order(fields: list[Field], rng: random.Random) -> list[Field]:
    index = rng.randrange(len(fields))
    return rng.choice(
        [
            fields[:index] + fields[index + 1 :],
            [*fields, fields[index]],
            rng.sample(fields, len(fields)),
            fields[:index] + fields[index:] * 3,
        ]
    )


def _with_rules(fields: list[Field], table: bytes, rng: random.Random) -> list[Field]:
    """Change the rules of normalization, or add some for what is decoded. They are a size, an automaton of that size,
    and the replacements, each with a NUL at its end."""
    size = int.from_bytes(table[:4], "little")
    automaton, replacements = table[4 : 4 + size], table[4 + size :]
    change = rng.randrange(4)
    if change == 0:
        automaton = flipped(automaton, rng)
    elif change == 1:
        automaton = rng.randbytes(4 * rng.choice([1, 2, 256, 1024]))
    elif change == 2:
        size = rng.choice([0, 3, 1024, size - 4, size + 4, 2**31, 2**32 - 1])
    else:
        replacements = bytes(rng.choice(b"\xff\xc3\xe2a") if byte else 0 for byte in replacements)
    size = size if change == 2 else len(automaton)
    rules = serialise([(1, BYTES, b"x"), (2, BYTES, size.to_bytes(4, "little") + automaton + replacements)])
    place = rng.choice([NORMALIZER, DENORMALIZER])
    return [*(field for field in fields if field[0] != place), (place, BYTES, rules)]


def rules_of(model: bytes) -> bytes:
    """The table of the normalization rules of a model."""
    normalizer = next(value for number, _, value in parse(model) if number == NORMALIZER)
    table: bytes = next(value for number, _, value in parse(normalizer) if number == 2)
    return table


def forged(model: bytes, rules: bytes, rng: random.Random) -> tuple[str, bytes]:
    """A forged copy of a model, and the kind of change."""
    kind = rng.choice(["bits", "cut", "pieces", "pieces", "options", "order", "rules"])
    if kind == "bits":
        return kind, flipped(model, rng)
    if kind == "cut":
        return kind, model[: rng.randrange(len(model))]
    fields = parse(model)
    if kind == "pieces":
        pieces = [index for index, field in enumerate(fields) if field[0] == PIECE]
        for _ in range(rng.choice([1, 1, 1, 30])):
            fields = _with_changed_part(fields, pieces, rng)
    elif kind == "options":
        places = (TRAINER, NORMALIZER, DENORMALIZER)
        fields = _with_changed_part(fields, [i for i, field in enumerate(fields) if field[0] in places], rng)
    elif kind == "order":
        fields = _with_other_order(fields, rng)
    else:
        fields = _with_rules(fields, rules, rng)
    return kind, serialise(fields)
