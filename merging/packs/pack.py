"""Packing an expert: its task vector, tensor by tensor, in the codec of each module's kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from evomerge import __version__
from evomerge.errors import InvalidInput, ModelError
from merging.blocks import is_finite
from merging.layout import layout_of
from merging.models import ModelSet
from merging.names import module_kind
from merging.operators.inputs import Factors
from merging.packs.codecs import (
    GROUP,
    Codes,
    decode_raw,
    decode_sign,
    decode_sparse,
    decode_svd,
    encode_raw,
    encode_sign,
    encode_sparse,
    encode_svd,
    parse_bits,
)
from merging.packs.read import CODES, FORMAT, MANIFEST, VERSION, code_name, weights_digest
from merging.staging import check_free, directory_size, staged, write_json
from merging.threads import Threads

# GraftLLM's ranks, 1000 and 1400 where the hidden size is 4096, as shares of a matrix' smaller side.
ATTENTION_SHARE = 0.25
MLP_SHARE = 0.35


@dataclass(frozen=True)
class PackSettings:
    """What each kind of tensor is packed with.

    Args:
        matrices: codec of linear weights, ``svd`` or ``sign``.
        attention_rank: components of an attention weight and of any other that is no mlp weight; None takes a
            quarter of its smaller side.
        mlp_rank: components of an mlp weight; None takes 35 % of its smaller side.
        embedding_density: share of the embedding's and head's task vector that is kept, in (0, 1].
        bits: bits of the singular vectors by singular order, see :func:`parse_bits`; the default is the paper's.

    Raises:
        InvalidInput: a value outside its range.
    """

    matrices: str = "svd"
    attention_rank: int | None = None
    mlp_rank: int | None = None
    embedding_density: float = 0.1
    bits: str = "8x20,4x180,2"

    def __post_init__(self) -> None:
        """Check every field."""
        parse_bits(self.bits)
        if self.matrices not in ("svd", "sign"):
            raise InvalidInput("matrices", f"found {self.matrices!r}", "use svd or sign")
        for field in ("attention_rank", "mlp_rank"):
            rank = getattr(self, field)
            if rank is not None and rank < 1:
                raise InvalidInput(field, f"found {rank}, expected 1 or more", "use a rank of at least 1")
        if not 0.0 < self.embedding_density <= 1.0:
            raise InvalidInput("embedding_density", f"found {self.embedding_density}", "use a share in (0, 1]")

    def rank(self, name: str, shape: tuple[int, ...]) -> int:
        """Return the most components of a matrix."""
        mlp = module_kind(name) == "mlp"
        asked = self.mlp_rank if mlp else self.attention_rank
        smaller = min(shape)
        return min(smaller, asked or max(1, round((MLP_SHARE if mlp else ATTENTION_SHARE) * smaller)))


@dataclass(frozen=True)
class PackedTensor:
    """One tensor of a pack: its codec, its codes' bytes, and its Frobenius error over its task vector's norm."""

    codec: str
    bytes: int
    error: float


@dataclass(frozen=True)
class PackResult:
    """A pack that was written.

    Args:
        path: its directory.
        tensors: what was made of every changed tensor.
        bytes: size of the directory.
        expert_bytes: size of the expert's weight files.
        error: Frobenius norm of what was lost over that of the task vector, over all tensors.
    """

    path: Path
    tensors: dict[str, PackedTensor]
    bytes: int
    expert_bytes: int
    error: float


def pack_expert(
    models: ModelSet,
    expert: str,
    out: Path,
    settings: PackSettings,
    *,
    progress: Callable[[str], None] = lambda name: None,
) -> PackResult:
    """Write an expert's task vector as a delta pack; only the codes are held in memory.

    Args:
        models: the base with the expert.
        expert: its name.
        out: directory to create; may exist if it is empty.
        settings: codecs and their sizes.
        progress: told the name of each tensor that is done.

    Raises:
        StateConflict: ``out`` exists and is not empty.
        ModelError: there is no such expert, it equals its base, or a value is not finite.
    """
    check_free(out)
    codes: Codes = {}
    entries: dict[str, Any] = {}
    tensors: dict[str, PackedTensor] = {}
    lost: list[float] = []
    norms: list[float] = []

    def packed(name: str) -> tuple[str, _Packed | None]:
        delta = models.delta(name, expert)
        if delta is None:
            return name, None
        if not is_finite(delta):
            raise ModelError(f"model {expert}", f"its change to {name} is not finite", "use another revision of it")
        return name, _packed(models, name, expert, delta, settings)

    for name, one in Threads().map(packed, models.tensor_names()):
        if one is not None:
            codes |= one.codes
            size = sum(code.nbytes for code in one.codes.values())
            norms.append(one.norm)
            lost.append(one.lost)
            error = one.lost / one.norm if one.norm else 0.0
            tensors[name] = PackedTensor(one.entry["codec"], size, error)
            entries[name] = one.entry | {"bytes": size, "error": error}
        progress(name)
    if not entries:
        raise ModelError(f"model {expert}", "it equals the base", "give an expert that differs from its base")
    error = math.hypot(*lost) / (math.hypot(*norms) or 1.0)
    with staged(out) as directory:
        save_file(codes, directory / CODES)
        write_json(directory / MANIFEST, _manifest(models, expert, settings, entries, error))
    expert_bytes = sum(file.stat().st_size for file in models.weight_files()[expert])
    return PackResult(out, tensors, directory_size(out), expert_bytes, error)


@dataclass(frozen=True)
class _Packed:
    """Codes of one tensor, its manifest entry, and the Frobenius norms of what is lost and of the task vector."""

    codes: Codes
    entry: dict[str, Any]
    lost: float
    norm: float


def _packed(models: ModelSet, name: str, expert: str, delta: Tensor, settings: PackSettings) -> _Packed:
    layout = layout_of(name, tuple(delta.shape), models.config)
    if layout.role == "matrix":
        factors = models.factors(name, expert)
        parts = layout.split(delta)
        changes: Sequence[Tensor | Factors] = [factors] if factors is not None and parts[0] is delta else parts
        made = [_matrix(name, change, part, settings) for change, part in zip(changes, parts, strict=True)]
        codec, decoded = settings.matrices, layout.fuse([part for _, part in made])
        kept, labels = [(codes, list(part.shape)) for (codes, part) in made], list(layout.labels)
    elif layout.role in ("embedding", "head"):
        sparse = encode_sparse(delta, settings.embedding_density)
        codec, decoded, labels = "sparse", decode_sparse(sparse, delta.shape), [""]
        kept = [(sparse, list(delta.shape))]
    else:
        raw = encode_raw(delta)
        codec, decoded, labels, kept = "raw", decode_raw(raw), [""], [(raw, list(delta.shape))]
    entry = {
        "codec": codec,
        "shape": list(delta.shape),
        "labels": labels,
        "parts": [{"shape": shape, "codes": sorted(codes)} for codes, shape in kept],
    }
    named = {code_name(name, index, key): code for index, (codes, _) in enumerate(kept) for key, code in codes.items()}
    return _Packed(named, entry, _norm(decoded.reshape(delta.shape) - delta), _norm(delta))


def _matrix(name: str, change: Tensor | Factors, part: Tensor, settings: PackSettings) -> tuple[Codes, Tensor]:
    """Return the codes of one (out, in) task vector and what they decode to."""
    if settings.matrices == "sign":
        signs = encode_sign(part)
        return signs, decode_sign(signs, part.shape)
    bands = parse_bits(settings.bits)
    codes = encode_svd(change, settings.rank(name, tuple(part.shape)), bands)
    return codes, decode_svd(codes, part.shape, bands)


def _manifest(
    models: ModelSet, expert: str, settings: PackSettings, entries: dict[str, Any], error: float
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "evomerge": __version__,
        "base": {
            "path": models.base.path,
            "revision": models.base.revision,
            "sha256": weights_digest(models.tensor_names(), models.base_tensor),
        },
        "expert": next(ref.path for ref in models.experts if ref.name == expert),
        "matrices": settings.matrices,
        "bits": settings.bits,
        "group_size": GROUP,
        "embedding_density": settings.embedding_density,
        "codes_bytes": sum(entry["bytes"] for entry in entries.values()),
        "error": error,
        "tensors": entries,
    }


def _norm(tensor: Tensor) -> float:
    return float(torch.linalg.vector_norm(tensor, dtype=torch.float64))
