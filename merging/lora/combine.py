"""Algebra of low-rank task vectors: sums, norms and truncations without the dense matrix.

A sum of low-rank terms has the factors side by side as its own factors. QR decompositions of both sides leave
a core as small as the sum of the ranks, which has all singular values of the sum.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from merging.operators.inputs import Factors

# Singular values below this share of the largest are rounding noise of fp32 task vectors.
NEGLIGIBLE = 1e-7
# Of a random projection: columns beyond the rank, and passes that separate the leading components from the rest.
_OVERSAMPLED, _POWER_ITERATIONS = 8, 2


def concatenated(terms: Sequence[tuple[float, Factors]]) -> Factors:
    """Return the factors of ``sum_i c_i * b_i @ a_i``, exactly: rank sum of ranks, coefficients in ``b``.

    Args:
        terms: at least one pair of a coefficient and factors; those with coefficient 0 are left out unless
            all are.
    """
    kept = [term for term in terms if term[0] != 0.0] or [terms[0]]
    b = torch.cat([factors.b * coefficient for coefficient, factors in kept], dim=1)
    return Factors(b, torch.cat([factors.a for _, factors in kept]))


def truncated(factors: Factors, rank: int) -> Factors:
    """Return the best approximation of ``b @ a`` in the Frobenius norm with at most ``rank`` components.

    Components that are zero to rounding are left out; at least one stays.
    """
    return balanced(*leading_of(factors, rank))


def leading_of(factors: Factors, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the leading singular triples of ``b @ a``: (out, k), (k,), (k, in) in fp64, k <= rank.

    Costs two QR decompositions and one singular value decomposition of a core as small as the present rank.
    """
    left, r_left = torch.linalg.qr(factors.b.double())
    right, r_right = torch.linalg.qr(factors.a.double().T)
    u, s, vh = torch.linalg.svd(r_left @ r_right.T, full_matrices=False)
    count = significant(s, rank)
    return left @ u[:, :count], s[:count], vh[:count] @ right.T


def low_rank(matrix: Tensor, rank: int) -> Factors:
    """Return the best approximation of a dense (out, in) matrix with at most ``rank`` components."""
    return balanced(*leading(matrix, rank))


def leading(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the leading singular triples of a dense matrix: (out, k), (k,), (k, in) in fp64, k <= rank.

    Made from the eigenvectors of the smaller Gram matrix, several times quicker than a singular value
    decomposition. In fp64 that resolves singular values down to 1e-8 of the largest, less than fp32 holds.
    """
    if matrix.shape[0] > matrix.shape[1]:
        v, s, uh = leading(matrix.T, rank)
        return uh.T, s, v.T
    dense = matrix.double()
    squares, vectors = torch.linalg.eigh(dense @ dense.T)
    values = squares.clamp_min(0.0).sqrt().flip(0)
    count = significant(values, rank)
    u = vectors.flip(1)[:, :count]
    projected = u.T @ dense
    # The norms of the projections are the singular values again, free of the Gram matrix's rounding.
    s = projected.norm(dim=1)
    return u, s, projected / s.clamp_min(torch.finfo(s.dtype).tiny).unsqueeze(1)


def approximated(matrix: Tensor, rank: int) -> tuple[Factors, tuple[float, float]]:
    """Return nearly the best approximation of a dense fp32 matrix with at most ``rank`` components.

    By random projections with two power iterations (Halko, Martinsson & Tropp, arXiv 0909.4061): a few products with
    thin matrices, where :func:`low_rank` needs all singular values. Equal matrices have equal results.

    Returns:
        The factors, and the squared Frobenius norms of what they keep and of the matrix; their difference is that of
        what is lost.
    """
    width = min(rank + _OVERSAMPLED, *matrix.shape)
    generator = torch.Generator().manual_seed(0)
    spread = torch.randn(matrix.shape[1], width, generator=generator)
    for _ in range(_POWER_ITERATIONS):
        spread = matrix.T @ torch.linalg.qr(matrix @ spread).Q
    basis = torch.linalg.qr(matrix @ spread).Q
    u, s, vh = torch.linalg.svd(basis.T @ matrix, full_matrices=False)
    count = significant(s, rank)
    kept = float(s[:count].double().square().sum())
    whole = float(torch.linalg.vector_norm(matrix, dtype=torch.float64)) ** 2
    return balanced(basis @ u[:, :count], s[:count], vh[:count]), (kept, whole)


def balanced(u: Tensor, s: Tensor, vh: Tensor) -> Factors:
    """Return fp32 factors of ``u @ diag(s) @ vh`` with equal norms on both sides."""
    root = s.sqrt()
    return Factors((u * root).float().contiguous(), (vh * root.unsqueeze(1)).float().contiguous())


def significant(values: Tensor, rank: int) -> int:
    """Count the singular values, descending, that are more than rounding: 1 to ``rank``."""
    above = int((values > NEGLIGIBLE * values[0]).sum())
    return max(1, min(rank, above))


def norm(factors: Factors) -> float:
    """Return the Frobenius norm of ``b @ a``, from the cores of both QR decompositions in fp64."""
    r_left = torch.linalg.qr(factors.b.double(), mode="r").R
    r_right = torch.linalg.qr(factors.a.double().T, mode="r").R
    return float((r_left @ r_right.T).norm())


def distance(target: Tensor | Factors, found: Factors) -> tuple[float, float]:
    """Return the Frobenius norms of ``target - found`` and of ``target``."""
    if isinstance(target, Factors):
        if torch.equal(target.a, found.a) and torch.equal(target.b, found.b):
            return 0.0, norm(target)
        difference = Factors(torch.cat([target.b, -found.b], dim=1), torch.cat([target.a, found.a]))
        return norm(difference), norm(target)
    dense = target.double()
    return float((dense - found.b.double() @ found.a.double()).norm()), float(dense.norm())
