"""Tensors in a file: safetensors with a JSON header and a hash, written in one step, verified when read."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as save_safetensors
from torch import Tensor

from nmt_cli.atomic import write_atomic
from nmt_cli.checkpoint.layout import HEADER, read_facts
from nmt_cli.errors import CheckpointError


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> str:
    """Write tensors and JSON-able facts as one file, in one step. Returns the hash of the tensors."""
    plain = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    digest = _hash(plain)
    header = {HEADER: json.dumps({**facts, "sha256": digest}, ensure_ascii=False)}
    write_atomic(path, save_safetensors(plain, header))
    return digest


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts. Raises CheckpointError if the file is missing, damaged or foreign."""
    facts = read_facts(path)
    try:
        tensors = load_file(path)
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
