"""Writing safetensors shards tensor by tensor: at most one tensor is held, whatever the size of a shard."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from evomerge.errors import InvalidInput
from merging.checkpoints import DTYPES, INDEX, SINGLE

_SIZE = re.compile(r"(\d+)\s*(KB|MB|GB)", re.IGNORECASE)
_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
_CODES = {dtype: code for code, dtype in DTYPES.items()}


@dataclass(frozen=True)
class TensorSpec:
    """What a tensor will be."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def numel(self) -> int:
        """Number of elements."""
        return int(torch.Size(self.shape).numel())

    @property
    def nbytes(self) -> int:
        """Size of the data in bytes."""
        return self.numel * self.dtype.itemsize


def parse_size(text: str) -> int:
    """Return bytes of a size such as ``5GB`` (decimal units).

    Raises:
        InvalidInput: the text has another form.
    """
    match = _SIZE.fullmatch(text.strip())
    if not match or int(match[1]) == 0:
        raise InvalidInput("max_shard_size", f"found {text!r}", "write a number with KB, MB or GB, such as '5GB'")
    return int(match[1]) * _UNITS[match[2].upper()]


def plan_shards(specs: Mapping[str, TensorSpec], limit: int) -> list[dict[str, TensorSpec]]:
    """Cut tensors, in order, into shards of at most ``limit`` bytes; a single larger tensor has its own."""
    shards: list[dict[str, TensorSpec]] = [{}]
    used = 0
    for name, spec in specs.items():
        if used and used + spec.nbytes > limit:
            shards.append({})
            used = 0
        shards[-1][name] = spec
        used += spec.nbytes
    return shards


def write_weights(
    out: Path, specs: Mapping[str, TensorSpec], tensors: Iterable[tuple[str, Tensor]], max_shard_bytes: int
) -> dict[str, str]:
    """Write ``model.safetensors``, or shards and their index.

    Args:
        out: directory that exists.
        specs: every tensor, in the order in which they come.
        tensors: name and value, of the announced shapes and dtypes.
        max_shard_bytes: largest size of one file's data.

    Returns:
        SHA-256 of the files that were written from front to back, which are all whose tensors have one dtype.
    """
    shards = plan_shards(specs, max_shard_bytes)
    count = len(shards)
    files = [f"model-{i:05d}-of-{count:05d}.safetensors" if count > 1 else SINGLE for i in range(1, count + 1)]
    stream = iter(tensors)
    digests: dict[str, str] = {}
    for file, shard in zip(files, shards, strict=True):
        with (out / file).open("wb") as handle:
            digest = _write_shard(handle, shard, stream)
        if digest is not None:
            digests[file] = digest
    if next(stream, None) is not None:
        raise ValueError("there are more tensors than were announced")
    if count > 1:
        index = {
            "metadata": {
                "total_parameters": sum(spec.numel for spec in specs.values()),
                "total_size": sum(spec.nbytes for spec in specs.values()),
            },
            "weight_map": {name: file for file, shard in zip(files, shards, strict=True) for name in shard},
        }
        (out / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return digests


def _write_shard(handle: BinaryIO, shard: Mapping[str, TensorSpec], stream: Iterable[tuple[str, Tensor]]) -> str | None:
    offsets, header = _layout(shard)
    head = len(header).to_bytes(8, "little") + header
    handle.write(head)
    # Hashed in passing, while other threads merge: afterwards there would be nothing else to do.
    digest, hashed = hashlib.sha256(head), 0
    start = len(head)
    for (name, spec), (given, tensor) in zip(shard.items(), stream, strict=False):
        if (given, tuple(tensor.shape), tensor.dtype) != (name, spec.shape, spec.dtype):
            raise ValueError(f"{name} {spec} was announced, {given} {tuple(tensor.shape)} {tensor.dtype} came")
        offset, data = offsets.pop(name), tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data
        handle.seek(start + offset)
        handle.write(data)
        if offset == hashed:
            digest.update(data)
            hashed += len(data)
    if offsets:
        raise ValueError(f"{next(iter(offsets))} never came")
    return digest.hexdigest() if hashed == sum(spec.nbytes for spec in shard.values()) else None


def _layout(shard: Mapping[str, TensorSpec]) -> tuple[dict[str, int], bytes]:
    """Return where each tensor's data begins, and the header; wide types first, so that each is aligned."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offsets: dict[str, int] = {}
    end = 0
    for name, spec in sorted(shard.items(), key=lambda item: -item[1].dtype.itemsize):
        offsets[name] = end
        end += spec.nbytes
        header[name] = {
            "dtype": _CODES[spec.dtype], "shape": list(spec.shape), "data_offsets": [offsets[name], end]
        }  # fmt: skip
    text = json.dumps(header, separators=(",", ":")).encode()
    return offsets, text + b" " * (-len(text) % 8)
