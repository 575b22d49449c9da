"""Tensor files: safetensors with JSON metadata and a hash, written atomically and verified when read."""

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
from nmt_cli.checkpoint.header import header_metadata, read_header
from nmt_cli.errors import CheckpointError
from nmt_cli.system_errors import explain

DTYPES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16", torch.int64: "I64", torch.uint8: "U8"}
"""Names of the supported dtypes in safetensors."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> str:
    """Write tensors and JSON-serializable metadata to one file atomically. Returns the hash of the tensors.

    safetensors' own `save_file` (0.8) writes a temporary file that only its owner can read, and that stays behind if
    the process is killed; older versions copy all tensors first.
    """
    contiguous = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    digest = _hash(contiguous)
    header: dict[str, Any] = {"__metadata__": header_metadata({**metadata, "sha256": digest})}
    # the largest element size first, so that every tensor is aligned to its element size
    order = sorted(contiguous, key=lambda name: (-contiguous[name].element_size(), name))
    end = 0
    for name in order:
        tensor = contiguous[name]
        begin, end = end, end + tensor.nbytes
        header[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    head = json.dumps(header, ensure_ascii=False).encode()
    head += b" " * (-len(head) % 8)
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for name in order:
            file.write(_memory(contiguous[name]))
    return digest


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors and metadata. Raises CheckpointError if the file is missing, damaged or not written by nmt."""
    metadata = read_header(path).metadata
    try:
        tensors = load_file(path)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {explain(error)}") from None
    except SafetensorError as error:
        raise CheckpointError(f"{path}: damaged: {error}; restore it, or train again") from None
    if _hash(tensors) != metadata.get("sha256"):
        raise CheckpointError(f"{path}: damaged: its content does not match its hash; restore it, or train again")
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
