"""Task vectors as matrices: small coordinates for LoRA experts, truncated SVD, polar factor.

All decompositions go through the eigenvectors of the smaller Gram matrix in fp64. That halves their time
against an SVD in fp32 and is more accurate down to the numerical rank: the relative error of a singular value
``s`` is about ``1e-16 * (largest / s) ** 2``, and values below ``1e-7 * max(out, in)`` of the largest, the
rounding noise of fp32 task vectors, are never used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from evomerge.errors import ModelError
from merging.blocks import is_finite
from merging.operators.base import Factors, TensorInputs


@dataclass(frozen=True)
class Matrices:
    """The task vectors of one linear weight, ``left @ cores[i] @ right.T`` for expert ``i``.

    Args:
        shape: of the weight, (out, in).
        dense: one per expert, its fp32 task vector of that shape; None where it is zero everywhere.
        cores: one per expert, its task vector in the coordinates of ``left`` and ``right``; None where zero.
        left: orthonormal columns, shape (out, sum of ranks), where all experts are adapters and their ranks
            together are below ``min(out, in)``; None otherwise, and ``cores`` is ``dense``.
        right: the same for the inputs, shape (in, sum of ranks).
    """

    shape: tuple[int, int]
    dense: tuple[Tensor | None, ...]
    cores: tuple[Tensor | None, ...]
    left: Tensor | None = None
    right: Tensor | None = None

    @property
    def rank(self) -> int:
        """The largest rank that a matrix of this shape can have."""
        return min(self.shape)

    @property
    def tolerance(self) -> float:
        """The share of the largest singular value below which another is rounding noise."""
        return torch.finfo(torch.float32).eps * max(self.shape)

    @property
    def scale(self) -> float:
        """A lower bound of the largest singular value of any expert's task vector."""
        return max((self.scale_of(core) for core in self.cores if core is not None), default=0.0)

    def scale_of(self, core: Tensor) -> float:
        """Return a lower bound of the largest singular value of one task vector."""
        return float(core.double().norm()) / math.sqrt(self.rank)

    def total(self) -> Tensor | None:
        """Return the sum of the task vectors in fp64 coordinates; None where all are zero."""
        known = [core for core in self.cores if core is not None]
        if not known:
            return None
        total = known[0].double()
        for core in known[1:]:
            total = total + core
        return total

    def lift(self, core: Tensor) -> Tensor:
        """Return the fp32 matrix, shape (out, in), that has these coordinates."""
        if self.left is None or self.right is None:
            return core.float()
        return (self.left @ core.double() @ self.right.T).float()

    def lift_rows(self, rows: Tensor) -> Tensor:
        """Return fp32 rows in the input space, shape (n, in), that have these coordinates."""
        return rows.float() if self.right is None else (rows.double() @ self.right.T).float()


def matrices_of(tensor: TensorInputs, *, thin: bool = True) -> list[Matrices]:
    """Split one tensor's task vectors into linear weights, in the coordinates of the adapters where that is smaller.

    Args:
        tensor: of role matrix, embedding or head, with at least one task vector that is not None.
        thin: allow the coordinates of the adapters; False keeps full matrices.

    Raises:
        ModelError: a task vector is not finite.
    """
    for model, delta in zip(tensor.models, tensor.deltas, strict=True):
        if delta is not None and not is_finite(delta):
            raise ModelError(
                f"model {model}",
                f"its change to {tensor.name} holds NaN or infinity",
                "leave the expert out or repair it",
            )
    split = tensor.layout.split
    parts = [None if delta is None else split(delta) for delta in tensor.deltas]
    shapes = next(([tuple(one.shape) for one in part] for part in parts if part is not None), [])
    factors = _split_factors(tensor) if thin else None
    result = []
    for index, (rows, columns) in enumerate(shapes):
        # An expert of zeros must give what an absent change gives, to the last bit.
        dense = tuple(None if p is None or not bool(p[index].any()) else p[index] for p in parts)
        whole = Matrices((rows, columns), dense, dense)
        result.append(whole if factors is None else _thinned(whole, [None if f is None else f[index] for f in factors]))
    return result


def _split_factors(tensor: TensorInputs) -> list[list[Factors] | None] | None:
    """Return every expert's factors by linear weight; None where a changed one has none."""
    if any(f is None and d is not None for f, d in zip(tensor.factors, tensor.deltas, strict=False)):
        return None
    order = _row_order(tensor) if tensor.factors else None
    if order is None:
        return None
    return [None if f is None else [Factors(f.b[rows], f.a) for rows in order] for f in tensor.factors]


def _row_order(tensor: TensorInputs) -> list[Tensor] | None:
    """Return which rows of the stored tensor each linear weight has; None where the layout does more than that."""
    rows, columns = tensor.base.shape
    if len(tensor.layout.labels) == 1 and tensor.layout.split(tensor.base)[0] is tensor.base:
        return [torch.arange(rows)]
    parts = tensor.layout.split(torch.arange(rows, dtype=torch.int32).view(-1, 1).repeat(1, columns))
    if any(part.shape[1] != columns or not torch.equal(part, part[:, :1].expand_as(part)) for part in parts):
        return None
    return [part[:, 0].long() for part in parts]


def _thinned(whole: Matrices, factors: Sequence[Factors | None]) -> Matrices:
    """Change to orthonormal bases of all columns of ``b`` and all rows of ``a``; exact up to fp64 rounding."""
    factors = [None if dense is None else f for f, dense in zip(factors, whole.dense, strict=True)]
    known = [f for f in factors if f is not None]
    if not known or sum(f.a.shape[0] for f in known) >= whole.rank:
        return whole
    left, above = torch.linalg.qr(torch.cat([f.b for f in known], dim=1).double())
    right, beside = torch.linalg.qr(torch.cat([f.a for f in known]).T.double())
    cores: list[Tensor | None] = []
    start = 0
    for one in factors:
        if one is None:
            cores.append(None)
            continue
        stop = start + one.a.shape[0]
        cores.append(above[:, start:stop] @ beside[:, start:stop].T)
        start = stop
    return Matrices(whole.shape, whole.dense, tuple(cores), left, right)


@dataclass(frozen=True)
class Triplets:
    """Leading singular triplets in fp64: ``u`` (rows, k), ``s`` (k) descending, ``v`` (columns, k)."""

    u: Tensor
    s: Tensor
    v: Tensor

    def product(self) -> Tensor:
        """Return the matrix of these triplets."""
        return (self.u * self.s) @ self.v.T


def triplets(matrix: Tensor, tolerance: float, *, limit: int | None = None, scale: float = 0.0) -> Triplets:
    """Return the leading singular triplets of a matrix, none beyond its numerical rank.

    Args:
        matrix: shape (rows, columns), fp32 or fp64.
        tolerance: singular values are left out up to this share of the largest one.
        limit: at most so many triplets.
        scale: taken as the largest singular value where it is larger, for a matrix that is the small
            difference of larger ones.
    """
    exact = matrix.double()
    wide = exact.shape[0] < exact.shape[1]
    values, vectors = torch.linalg.eigh(exact @ exact.T if wide else exact.T @ exact)
    s = values.flip(0).clamp_min(0.0).sqrt()
    kept = int((s > tolerance * max(float(s[0]), scale)).sum())
    kept = kept if limit is None else min(kept, limit)
    s, near = s[:kept], vectors.flip(1)[:, :kept]
    far = (exact.T if wide else exact) @ near / s
    return Triplets(near, s, far) if wide else Triplets(far, s, near)


def full_triplets(matrix: Tensor) -> Triplets:
    """Return all ``min(rows, columns)`` singular triplets; those of value zero are arbitrary."""
    u, s, vh = torch.linalg.svd(matrix.double(), full_matrices=False)
    return Triplets(u, s, vh.T)


def polar(stack: Tensor, tolerance: float, *, ridge: float | None = None) -> Tensor:
    """Return the orthogonal polar factor ``P Q^T`` of ``stack = P S Q^T`` in fp64.

    Directions beyond the numerical rank are left out (the factor is then a partial isometry), because their
    singular vectors are arbitrary.

    Args:
        stack: shape (rows, columns).
        tolerance: share of the largest singular value up to which directions are left out.
        ridge: if given, return ``stack (stack^T stack + ridge I)^(-1/2)`` instead, which fades such
            directions out.
    """
    exact = stack.double()
    if 0 in exact.shape:
        return exact
    wide = exact.shape[0] < exact.shape[1]
    values, vectors = torch.linalg.eigh(exact @ exact.T if wide else exact.T @ exact)
    if ridge is None:
        held = values > tolerance**2 * values[-1]
        inverse = torch.where(held, values, 1.0).rsqrt() * held
    else:
        inverse = (values.clamp_min(0.0) + ridge).rsqrt()
    root = (vectors * inverse) @ vectors.T
    factor: Tensor = root @ exact if wide else exact @ root
    return factor
