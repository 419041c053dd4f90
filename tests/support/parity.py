"""The experts, configurations and stored references that parity with mergekit is shown on."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from merging.adapters import Adapter
from merging.checkpoints import Checkpoint
from merging.weights import TensorSpec, write_weights

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "tests" / "parity" / "configs"
REFERENCES = ROOT / "tests" / "parity" / "references.json"
SAMPLES = ROOT / "tests" / "parity" / "references.safetensors"
BASE = ROOT / "models" / "smollm2-135m-instruct"
EXPERTS = ("arithmetic", "json")
SAMPLED = 512
"""Elements kept of each tensor."""
CANCELLED = 1e-7
"""Where terms cancel, a result of this size is the rounding error of fp32 and has no bits to compare."""


def make_models(root: Path, only: Collection[str] | None = None) -> None:
    """Write the base and both experts into ``root`` as full bf16 checkpoints, the same bits on every machine.

    The adapter's product is formed in fp64, so that no processor's order of summation can move a rounding.

    Args:
        root: directory to create.
        only: names of the tensors to merge; the others stay the base's. None merges all.
    """
    root.mkdir(parents=True, exist_ok=True)
    (root / "base").symlink_to(BASE)
    base = Checkpoint("base", BASE)
    for name in EXPERTS:
        out = root / name
        out.mkdir()
        adapter = Adapter(name, ROOT / "examples" / "experts" / name, base.infos, True)
        specs = {tensor: TensorSpec(info.shape, info.dtype) for tensor, info in base.infos.items()}
        write_weights(out, specs, _merged(base, adapter, only), 10**12)
        for file in BASE.iterdir():
            if file.suffix != ".safetensors":
                shutil.copy(file, out / file.name)


def _merged(base: Checkpoint, adapter: Adapter, only: Collection[str] | None) -> Iterator[tuple[str, Tensor]]:
    for name in base.infos:
        tensor = base.tensor(name)
        factors = adapter.factors(name) if only is None or name in only else None
        if factors is not None:
            tensor = (tensor.double() + factors.b.double() @ factors.a.double()).to(tensor.dtype)
        yield name, tensor


def compared(names: list[str]) -> list[str]:
    """Return a few tensors of every kind: of early, middle and late blocks, the final norm, the embedding."""
    blocks = sorted({int(name.split(".")[2]) for name in names if ".layers." in name})
    chosen = {blocks[0], blocks[len(blocks) // 2], blocks[-1]}
    kinds = ("q_proj", "o_proj", "up_proj", "down_proj", "input_layernorm")
    picked = [
        name
        for name in names
        if ".layers." in name and int(name.split(".")[2]) in chosen and any(kind in name for kind in kinds)
    ]
    return sorted([*picked, "model.norm.weight"])


def places(name: str, numel: int) -> Tensor:
    """Return which elements of a tensor are kept: spread by a fixed rule that no pattern of rows meets."""
    if numel <= SAMPLED:
        return torch.arange(numel)
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little") % numel
    step = int(numel * 0.6180339887) | 1
    return (start + torch.arange(SAMPLED, dtype=torch.int64) * step) % numel


def digest(tensor: Tensor) -> str:
    """Return 16 hex digits of the SHA-256 of a tensor's bytes."""
    return hashlib.sha256(tensor.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()[:16]


def ulps(first: Tensor, second: Tensor) -> Tensor:
    """Return how many bf16 numbers lie between each pair of values."""

    def ordered(tensor: Tensor) -> Tensor:
        bits = tensor.view(torch.int16).to(torch.int32)
        return torch.where(bits < 0, -32768 - bits, bits)

    return (ordered(first) - ordered(second)).abs()


def load_references() -> dict[str, Any]:
    """Return what the script wrote about every configuration."""
    references: dict[str, Any] = json.loads(REFERENCES.read_text(encoding="utf-8"))
    return references
