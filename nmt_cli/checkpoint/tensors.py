"""Tensors in a file: safetensors with a JSON header and a hash, written in one step, verified when read."""

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from nmt_cli.atomic import write_atomic
from nmt_cli.errors import CheckpointError

_HEADER = "nmt"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> str:
    """Write tensors and JSON-able facts as one file, in one step. Returns the hash of the tensors."""
    plain = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    digest = _hash(plain)
    header = {_HEADER: json.dumps({**facts, "sha256": digest}, ensure_ascii=False)}
    write_atomic(path, save_safetensors(plain, header))
    return digest


def read_facts(path: Path) -> dict[str, Any]:
    """The facts in a tensor file, without its tensors. Raises CheckpointError if it is missing or foreign."""
    try:
        with open(path, "rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(size, 1 << 26)))
        facts: dict[str, Any] = json.loads(header["__metadata__"][_HEADER])
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; has nmt train saved a model here?") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    except (struct.error, ValueError, KeyError, TypeError):
        raise CheckpointError(f"{path}: damaged, or not written by nmt") from None
    return facts


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts. Raises CheckpointError if the file is missing, damaged or foreign."""
    facts = read_facts(path)
    try:
        tensors = load_safetensors(path.read_bytes())
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: damaged: {error}") from None
    if _hash(tensors) != facts.get("sha256"):
        raise CheckpointError(f"{path}: damaged: its content does not match its hash")
    return tensors, facts


def _hash(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
