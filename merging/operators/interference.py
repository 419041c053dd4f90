"""The loss that WUDI and its relatives minimise, its gradient, and the points that optimisers reach on it.

The loss is ``sum_i ||(M - T_i) L_i^T||^2`` over the merged task vector M. The rows of ``L_i`` stand for the
inputs of expert i, ``T_i`` is what its outputs should stay. With ``C = sum L_i^T L_i`` and
``D = sum T_i L_i^T L_i`` the gradient is ``2 (M C - D)``: one product per step, however many experts there are.
``L_i`` includes the division by the norm of the task vector, so that the trace of C is at most their number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from merging.blocks import BLOCK
from merging.operators.spectra import Matrices, triplets
from merging.threads import Threads

_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8
_MOMENTUM = 0.9
_THREADS = Threads()
_NOISE = 16.0 * torch.finfo(torch.float32).eps


@dataclass(frozen=True)
class Term:
    """One expert's part of the loss, in the coordinates of :class:`Matrices`.

    Args:
        rows: ``L_i`` without its scale, shape (n, in).
        target: ``T_i``, shape (out, in).
        scale: of the rows.
    """

    rows: Tensor
    target: Tensor
    scale: float

    def scaled(self) -> Tensor:
        """Return ``L_i`` in fp64."""
        return self.rows.double() * self.scale

    def pull(self) -> Tensor:
        """Return ``T_i L_i^T L_i`` in fp64."""
        rows, target = self.scaled(), self.target.double()
        return target @ (rows.T @ rows) if rows.shape[0] > rows.shape[1] else (target @ rows.T) @ rows


@dataclass(frozen=True)
class Directions:
    """Eigenvalues of C in descending order, without zeros, and eigenvectors as the columns of ``v``, in fp64."""

    eigenvalues: Tensor
    v: Tensor


def plain_terms(matrices: Matrices) -> list[Term]:
    """Return WUDI's own terms, ``T_i = tau_i`` and ``L_i = tau_i / ||tau_i||``, one per changed expert."""
    return [Term(core, core, 1.0 / float(core.double().norm())) for core in matrices.cores if core is not None]


def total_pull(terms: Sequence[Term]) -> Tensor:
    """Return D in fp64."""
    total = terms[0].pull()
    for term in terms[1:]:
        total += term.pull()
    return total


def directions(matrices: Matrices, terms: Sequence[Term]) -> Directions:
    """Return the eigenvectors of C up to its numerical rank."""
    width = terms[0].rows.shape[1]
    if sum(len(term.rows) for term in terms) < width:
        found = triplets(torch.cat([term.scaled() for term in terms]), matrices.tolerance)
        return Directions(found.s.square(), found.v)
    values, vectors = torch.linalg.eigh(_gram(terms))
    kept = int((values > matrices.tolerance**2 * values[-1]).sum())
    return Directions(values.flip(0)[:kept], vectors.flip(1)[:, :kept])


def filtered(start: Tensor, pull: Tensor, found: Directions, gain: Tensor) -> Tensor:
    """Return ``M0 (I - V f V^T) + D V (f / eigenvalue) V^T``, where f is the gain in each direction."""
    return start + ((pull @ found.v) * (gain / found.eigenvalues) - (start @ found.v) * gain) @ found.v.T


def momentum_gain(eigenvalues: Tensor, lr: float, steps: int) -> Tensor:
    """Return the share of the way to the minimum that SGD with momentum 0.9 goes in each eigen-direction."""
    left, velocity = torch.ones_like(eigenvalues), torch.zeros_like(eigenvalues)
    for _ in range(steps):
        velocity = _MOMENTUM * velocity + 2.0 * eigenvalues * left
        left = left - lr * velocity
    return 1.0 - left


def adam(matrices: Matrices, start: Tensor, terms: Sequence[Term], lr: float, steps: int) -> Tensor:
    """Return the fp32 point, shape (out, in), that Adam reaches from ``start`` (fp64 coordinates).

    Adam treats every element of the weight by itself, so this runs in the coordinates of the weight also for
    adapters; their gradient stays a product of low rank. It divides gradients by their own size and so turns
    rounding noise into full steps: therefore the gradient is kept as its exact value at the start plus ``2 C``
    times the way from there, which is small.
    """
    first = total_pull([replace(term, target=start - term.target) for term in terms])
    first = matrices.lift(_without_noise(first, total_pull(terms)))
    way = torch.zeros(matrices.shape)
    width, stacked = terms[0].rows.shape[1], sum(len(term.rows) for term in terms)
    if matrices.right is None and 2 * stacked >= width:
        quadratic = _gram(terms).float()
        _descend(way, lambda point: point, quadratic, first, lr, steps)
    else:
        rows = torch.cat([term.scaled() for term in terms])
        rows = matrices.lift_rows(torch.linalg.qr(rows, mode="r").R if stacked > width else rows)
        across = rows.T.contiguous()

        def part(span: slice) -> None:
            _descend(way[span], lambda point: point @ across, rows, first[span], lr, steps)

        # The rows of a weight are independent. A product of low rank costs little, so here the element-wise
        # steps decide, and they are twice as quick in the cache of one core.
        height = max(1, BLOCK // matrices.shape[1])
        spans = (slice(start, start + height) for start in range(0, len(way), height))
        for _ in _THREADS.map(part, spans):
            pass
    return way.add_(matrices.lift(start))


def _descend(
    way: Tensor, inner: Callable[[Tensor], Tensor], outer: Tensor, first: Tensor, lr: float, steps: int
) -> None:
    """Move ``way`` in place by Adam on the gradient ``2 (first + inner(way) @ outer)``."""
    slope, mean, square = torch.empty_like(way), torch.zeros_like(way), torch.zeros_like(way)
    for step in range(1, steps + 1):
        torch.addmm(first, inner(way), outer, beta=2.0, alpha=2.0, out=slope)
        mean.lerp_(slope, 1.0 - _BETA1)
        # The square is kept divided by beta2 ** step, which saves the pass that would decay it.
        square.addcmul_(slope, slope, value=(1.0 - _BETA2) / _BETA2**step)
        unbiased: float = (_BETA2**step / (1.0 - _BETA2**step)) ** 0.5
        torch.sqrt(square, out=slope).add_(_EPS / unbiased)
        way.addcdiv_(mean, slope, value=-lr / (1.0 - _BETA1**step) / unbiased)


def _without_noise(difference: Tensor, whole: Tensor) -> Tensor:
    """Set elements to zero that are no more than the rounding of fp32 task vectors leaves of a difference."""
    return torch.where(difference.abs() > _NOISE * whole.abs().max(), difference, 0.0)


def _gram(terms: Sequence[Term]) -> Tensor:
    """Return C in fp64."""
    width = terms[0].rows.shape[1]
    gram = torch.zeros(width, width, dtype=torch.float64)
    for term in terms:
        rows = term.scaled()
        gram.addmm_(rows.T, rows)
    return gram
