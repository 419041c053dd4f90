"""The mathematics of a reversible basis (RMM, 2510.14163): one small decomposition per row and column, in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from merging.operators.inputs import Factors

SIDES = ("A", "B")
KEYS = ("mean", "basis", "coefficients")
FIXES = ("A.places", "A.values", "B.places", "B.values")


def basis_of(vectors: Tensor, components: int) -> dict[str, Tensor]:
    """Return mean, basis and coefficients of vectors, position by position: ``x_i = mean + basis @ coefficients_i``.

    Args:
        vectors: fp64, shape (positions, rank, adapters).
        components: directions kept; the centred vectors have at most min(rank, adapters - 1).

    Returns:
        ``mean`` (positions, rank), ``basis`` (positions, rank, p), ``coefficients`` (positions, p, adapters).
    """
    mean = vectors.mean(dim=2, keepdim=True)
    centred = vectors - mean
    kept = min(components, vectors.shape[1], vectors.shape[2] - 1)
    u, s, vh = torch.linalg.svd(centred, full_matrices=False)
    coefficients = s[:, :kept, None] * vh[:, :kept]
    return {"mean": mean.squeeze(2), "basis": u[:, :, :kept], "coefficients": coefficients}


def compressed(
    raw: Mapping[str, Factors], names: Sequence[str], components: int, dtype: torch.dtype
) -> dict[str, dict[str, Tensor]]:
    """Return the basis of both factors of one layer; what an adapter lacks is zero."""
    rank = max(factors.a.shape[0] for factors in raw.values())
    shapes = {"A": next(iter(raw.values())).a.shape[1], "B": next(iter(raw.values())).b.shape[0]}
    sides = {}
    for side in SIDES:
        vectors = torch.zeros(shapes[side], rank, len(names), dtype=torch.float64)
        for index, name in enumerate(names):
            if name in raw:
                rows = raw[name].a.T if side == "A" else raw[name].b
                vectors[:, : rows.shape[1], index] = rows
        sides[side] = {key: tensor.to(dtype) for key, tensor in basis_of(vectors, components).items()}
    return sides


def reverted(sides: Mapping[str, Mapping[str, Tensor]], index: int, rank: int, dtype: torch.dtype) -> Factors:
    """Return one adapter's factors of one layer as they are stored, without its scale."""
    rows = {}
    for side, codes in sides.items():
        basis, coefficients = codes["basis"].double(), codes["coefficients"][:, :, index].double()
        whole = codes["mean"].double() + (basis @ coefficients.unsqueeze(2)).squeeze(2)
        rows[side] = whole[:, :rank].to(dtype)
    return Factors(rows["B"], rows["A"].T)


def fixes_of(factors: Factors, found: Factors) -> dict[str, Tensor]:
    """Return where reverting rounds the other way, and what stands there."""
    fixes: dict[str, Tensor] = {}
    for side, ours, theirs in (("A", factors.a, found.a), ("B", factors.b, found.b)):
        stored = ours.to(theirs.dtype).reshape(-1)
        places = (stored != theirs.reshape(-1)).nonzero().squeeze(1)
        if len(places):
            fixes |= {f"{side}.places": places.to(torch.int32), f"{side}.values": stored[places]}
    return fixes


def fixed(found: Factors, fixes: Mapping[str, Tensor]) -> Factors:
    """Return reverted factors with their fixes."""
    a, b = found.a.contiguous(), found.b.contiguous()
    for side, tensor in (("A", a), ("B", b)):
        if f"{side}.places" in fixes:
            tensor.view(-1)[fixes[f"{side}.places"].long()] = fixes[f"{side}.values"]
    return Factors(b, a)
