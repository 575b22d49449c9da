"""Tensors in a file: safetensors with a JSON header and a hash, written in one step, verified when read."""

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from nmt_cli.atomic import atomic_path
from nmt_cli.checkpoint.layout import HEADER, read_metadata
from nmt_cli.errors import CheckpointError

DTYPES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16", torch.int64: "I64", torch.uint8: "U8"}
"""What safetensors calls the kinds of numbers that are kept."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> str:
    """Write tensors and JSON-able facts as one file, in one step. Returns the hash of the tensors.

    Each tensor goes to the file from where it lies. The library would first make bytes of each, and then of the whole
    file; or write a file of its own that it renames, and leaves behind where it is killed.
    """
    plain = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    digest = _hash(plain)
    header: dict[str, Any] = {"__metadata__": {HEADER: json.dumps({**metadata, "sha256": digest}, ensure_ascii=False)}}
    # the widest numbers first, so that each tensor begins at a multiple of its own width
    order = sorted(plain, key=lambda name: (-plain[name].element_size(), name))
    end = 0
    for name in order:
        tensor = plain[name]
        begin, end = end, end + tensor.nbytes
        header[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    head = json.dumps(header, ensure_ascii=False).encode()
    head += b" " * (-len(head) % 8)
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for name in order:
            file.write(_memory(plain[name]))
    return digest


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts. Raises CheckpointError if the file is missing, damaged or foreign."""
    metadata = read_metadata(path)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: damaged: {error}") from None
    if _hash(tensors) != metadata.get("sha256"):
        raise CheckpointError(f"{path}: damaged: its content does not match its hash")
    return tensors, metadata


def _hash(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(_memory(tensor))
    return digest.hexdigest()


def _memory(tensor: Tensor) -> memoryview:
    memory: memoryview = tensor.reshape(-1).view(torch.uint8).numpy().data
    return memory
