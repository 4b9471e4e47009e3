"""Files of tensors with a checksum inside, by which a single flipped bit is found."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

_SEAL, _SEALED = "sha256", "sealed"


def save(
    tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]
) -> None:
    """Write a file of tensors, with a checksum among its metadata, onto the disk.

    Args:
        tensors: Of any layout, wherever they are.
        path: Of the file.
        metadata: Of the file, without a checksum.

    Raises:
        OSError: The disk does not take it.
    """
    at_rest = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    seal = _checksum(at_rest, metadata)
    try:
        # One text: the library puts several in another order each time.
        sealed = json.dumps({**metadata, _SEAL: seal}, sort_keys=True)
        save_file(at_rest, path, metadata={_SEALED: sealed})
    except SafetensorError as error:
        if (match := re.search(r"os error (\d+)", str(error))) is None:
            raise
        raise OSError(int(match[1]), os.strerror(int(match[1]))) from error
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a file of tensors: they, and its metadata without the checksum.

    Files from before there were checksums have none, and are taken as they are.

    Raises:
        ValueError: It does not hold what was written to it.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            metadata = dict(file.metadata() or {})
        if _SEALED in metadata:
            metadata = json.loads(metadata[_SEALED])
    except (SafetensorError, RecursionError) as error:
        raise ValueError(str(error)) from error
    if not isinstance(metadata, dict):
        raise ValueError("its metadata are none")
    seal = metadata.pop(_SEAL, None)
    if seal is not None and seal != _checksum(tensors, metadata):
        raise ValueError("its checksum is not that of its content")
    return tensors, metadata


def _checksum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), *tensor.shape]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
