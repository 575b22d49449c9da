"""The header of a tensor file: safetensors with JSON metadata of nmt, checked without reading the tensors."""

import hashlib
import json
import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from nmt_cli.documents import MAX_HEADER, open_file, parse_json
from nmt_cli.errors import CheckpointError
from nmt_cli.system_errors import explain

METADATA_KEY = "nmt"
"""Key of nmt's metadata in the header."""
METADATA_HASH_KEY = "nmt.sha256"
"""Key of the SHA-256 of that metadata."""
ITEM_SIZES = {"F32": 4, "BF16": 2, "F16": 2, "I64": 8, "U8": 1}
"""Bytes of an element, by safetensors' name of the dtype."""

Offset = Annotated[int, Field(ge=0, le=2**48)]


class _Entry(BaseModel):
    """What a header says about a tensor."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    dtype: str
    shape: Annotated[list[Offset], Field(max_length=8)]
    data_offsets: tuple[Offset, Offset]


_ENTRIES = TypeAdapter(dict[str, _Entry])
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class TensorHeader:
    """nmt's metadata, and the shape of each tensor."""

    metadata: dict[str, Any]
    shapes: Shapes


def header_metadata(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The entries of a header for nmt's metadata: its JSON, and the hash of that."""
    text = json.dumps(metadata, ensure_ascii=False)
    return {METADATA_KEY: text, METADATA_HASH_KEY: _hash(text)}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def read_header(path: Path) -> TensorHeader:
    """Read the header of a tensor file. Raises CheckpointError if the file is missing, or damaged: if its metadata does
    not match its hash, or its tensors do not fill it exactly."""
    try:
        with open_file(path, path.parent) as file:
            return _parse(file)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; has nmt train saved a model here?") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {explain(error)}") from None
    except (struct.error, ValueError, KeyError, TypeError, AttributeError):
        raise CheckpointError(f"{path}: damaged, or not written by nmt; restore it, or train again") from None


def _parse(file: IO[bytes]) -> TensorHeader:
    (size,) = struct.unpack("<Q", file.read(8))
    if size > MAX_HEADER:
        raise ValueError("the header is too long")
    header = parse_json(file.read(size))
    own = header.pop("__metadata__")
    if _hash(own[METADATA_KEY]) != own[METADATA_HASH_KEY]:
        raise ValueError("the metadata does not match its hash")
    metadata = parse_json(own[METADATA_KEY])
    if not isinstance(metadata, dict) or not isinstance(metadata.get("sha256"), str):
        raise ValueError("the metadata holds no hash of the tensors")
    try:
        entries = _ENTRIES.validate_json(json.dumps(header))
    except ValidationError:
        raise ValueError("the header describes something that is not a tensor") from None
    end = 0
    for entry in sorted(entries.values(), key=lambda entry: entry.data_offsets):
        if entry.data_offsets != (end, end + math.prod(entry.shape) * ITEM_SIZES[entry.dtype]):
            raise ValueError("the tensors do not lie one after the other")
        end = entry.data_offsets[1]
    if 8 + size + end != os.fstat(file.fileno()).st_size:
        raise ValueError("the tensors do not fill the file")
    return TensorHeader(metadata, {name: tuple(entry.shape) for name, entry in entries.items()})
