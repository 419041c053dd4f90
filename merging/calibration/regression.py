"""The closed form of RegMean (2212.09849): the weights that keep every expert's layer outputs best."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

LARGEST_CONDITION = 1e8


def mean_delta(deltas: Sequence[Tensor | None]) -> Tensor | None:
    """Return the mean of task vectors in fp32; None where all are zero."""
    changed = [delta for delta in deltas if delta is not None]
    if not changed:
        return None
    total = changed[0].clone()
    for delta in changed[1:]:
        total.add_(delta)
    return total.div_(len(deltas))


def regression(grams: Sequence[Tensor | None], deltas: Sequence[Tensor | None], off_diagonal: float) -> Tensor | None:
    """Return the merged task vector of one linear layer, fp32 (out, in); None where all are zero.

    With G_i the Gram matrix whose off-diagonal elements are multiplied by ``off_diagonal``, the merged weight is
    ``W^T = (sum_i G_i)^-1 sum_i G_i W_i^T``. It is computed as the mean of the experts plus a correction, which
    is the same where the sum is invertible; in directions that no expert's inputs ever take, where it is not,
    the mean stays. The system is scaled to a unit diagonal first, because input features differ by orders of
    magnitude; eigenvalues below 1e-8 of the largest then count as zero. fp64.

    Args:
        grams: one per expert, fp32 (in, in); None where no token reached the layer.
        deltas: one per expert, fp32 (out, in); None where it is zero.
        off_diagonal: factor in [0, 1] of the elements beside the diagonal.
    """
    mean = mean_delta(deltas)
    seen = [gram for gram in grams if gram is not None]
    if mean is None or not seen:
        return mean
    total = torch.zeros(seen[0].shape, dtype=torch.float64)
    right = torch.zeros((seen[0].shape[0], mean.shape[0]), dtype=torch.float64)
    for gram, delta in zip(grams, deltas, strict=True):
        if gram is not None:
            shrunk = _shrunk(gram, off_diagonal)
            total += shrunk
            right.addmm_(shrunk, ((0.0 if delta is None else delta) - mean).double().T)
    correction = _solve(total, right, off_diagonal)
    return mean + correction.T.float()


def _shrunk(gram: Tensor, off_diagonal: float) -> Tensor:
    shrunk = gram.double() * off_diagonal
    shrunk.diagonal().copy_(gram.diagonal())
    return shrunk


def _solve(total: Tensor, right: Tensor, off_diagonal: float) -> Tensor:
    """Solve ``total @ x = right`` for a positive semidefinite matrix, by least squares where it is singular."""
    solution = torch.zeros_like(right)
    alive = total.diagonal() > 0
    if not alive.any() or not right.any():
        return solution
    scale = total.diagonal()[alive].rsqrt()
    scaled = total[alive][:, alive] * scale * scale[:, None]
    solution[alive] = _solve_scaled(scaled, right[alive] * scale[:, None], off_diagonal) * scale[:, None]
    return solution


def _solve_scaled(matrix: Tensor, right: Tensor, off_diagonal: float) -> Tensor:
    # A correlation matrix of size n has eigenvalues in [0, n]; shrinking it lifts the least to 1 - off_diagonal.
    if len(matrix) <= LARGEST_CONDITION * (1.0 - off_diagonal):
        factor, failed = torch.linalg.cholesky_ex(matrix)
        if not failed:
            return torch.cholesky_solve(right, factor)
    values, vectors = torch.linalg.eigh(matrix)
    kept = values * LARGEST_CONDITION > values[-1]
    basis = vectors[:, kept]
    return torch.mm(basis, torch.mm(basis.T, right) / values[kept][:, None])
