"""Means of many experts on the sphere: Multi-SLERP (as in arcee-ai/mergekit; no paper) and the Karcher mean.

Every vector that occurs lies in the span of the experts, so their inner products are all that either mean
needs: they are prepared, a candidate computes N numbers per tensor from them, and merging is a weighted sum.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from operator import mul
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from evomerge.errors import Infeasible, RecipeError
from merging.compiled import compiled
from merging.operators.arithmetic import normalized, weighted_sum
from merging.operators.base import (
    Kernel,
    MergeInputs,
    Operator,
    Option,
    Options,
    Parameter,
    Prepared,
    TensorInputs,
    Values,
)
from merging.operators.gram import VECTORS, gram, vectors_of

Numbers = npt.NDArray[np.float64]

# Differences of fp64 inner products of unit vectors say nothing about lengths below this.
_LEAST_TANGENT = 1e-8


class _SphereMean(Operator):
    """Shared part: inner products, and the sum over experts."""

    by_span = True

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Return the inner products of the experts' vectors, fp64, shape (N, N)."""
        return gram(vectors_of(tensor, options["vectors"] == "weights"), tensor.base.numel())

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind weights; see :meth:`Operator.kernel`."""
        if not _is_finite(prepared.data):
            raise Infeasible("an expert holds values that are not finite")
        factors = self.factors(prepared.data, values.model["weight"], prepared.options)
        on_weights = prepared.options["vectors"] == "weights"
        return weighted_sum(prepared.inputs, sum(factors) if on_weights else 1.0, factors)

    @abstractmethod
    def factors(self, products: Numbers, weights: Sequence[float], options: Options) -> list[float]:
        """Return the factor of each expert's vector in the mean.

        Raises:
            Infeasible: these weights have no mean.
        """


class MultiSlerp(_SphereMean):
    """The weighted mean of the directions, at the weighted mean of the lengths.

    The published procedure projects all directions on the tangent space at their normalized weighted mean
    and adds the weighted mean of the projections there. That second mean is zero by construction (the
    directions' weighted mean has no part across itself), so the first one is the result.
    """

    name = "multislerp"
    summary = "Averages the directions of the experts' task vectors and their lengths apart."
    paper = "none"
    linear_flag = "NL"
    parameters = (
        Parameter("weight", "model", True, 1.0, 0.0, 1.0, "Share of this expert in the direction and the length."),
    )
    options = (
        VECTORS,
        Option("normalize", True, (True, False), "Divide the weights by their sum."),
        Option("eps", 1e-8, None, "Added to each length before dividing by it; shorter mean directions count as zero."),
        Option(
            "on_balance",
            "infeasible",
            ("infeasible", "linear"),
            "Where directions cancel: refuse the weights, or (mergekit) add two experts linearly.",
        ),
    )
    mergekit: ClassVar[Options] = {"on_balance": "linear"}

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Check the options."""
        _require_positive("eps", options)

    def factors(self, products: Numbers, weights: Sequence[float], options: Options) -> list[float]:
        """Return the factors; see :meth:`_SphereMean.factors`."""
        eps = float(options["eps"])
        shares = normalized(weights) if options["normalize"] else list(weights)
        lengths = [math.sqrt(square) for square in np.diag(products).tolist()]
        size = sum(map(mul, shares, lengths))
        if not any(map(mul, shares, lengths)):
            return [0.0] * len(shares)
        directions = [share / (length + eps) for share, length in zip(shares, lengths, strict=True)]
        length = _length(products, np.array(directions))
        if length >= eps:
            return [direction * (size / length) for direction in directions]
        if options["on_balance"] == "linear" and len(shares) == 2:
            return [float(share) for share in shares]
        raise Infeasible(f"with the weights {tuple(weights)} the experts' directions cancel")


class Karcher(_SphereMean):
    """The point of the unit sphere with the least weighted sum of squared angles to the experts' directions.

    It is scaled by the weighted mean of their lengths. The iteration runs on the N factors of the mean, so its
    cost does not depend on the size of the tensor. Experts that are zero in a tensor have no direction: they
    count in the length only.
    """

    name = "karcher"
    summary = "Takes the Karcher mean of the experts' directions, at their mean length."
    paper = "2603.04972"
    linear_flag = "NL"
    parameters = (
        Parameter(
            "weight", "model", True, 1.0, 0.0, 1.0,
            "Weight of this expert's squared angle, divided by the sum of the weights.", domain="unit",
        ),
    )  # fmt: skip
    options = (
        Option("vectors", "weights", ("weights", "task_vectors"), VECTORS.doc),
        Option("max_iter", 10, None, "Most steps of the iteration."),
        Option("tol", 1e-5, None, "The iteration ends where a step is shorter than this angle, or than 1e-8."),
    )
    mergekit: ClassVar[Options] = {"vectors": "weights"}

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Check the options."""
        _require_positive("max_iter", options)
        _require_positive("tol", options)

    def factors(self, products: Numbers, weights: Sequence[float], options: Options) -> list[float]:
        """Return the factors; see :meth:`_SphereMean.factors`."""
        shares = np.array(normalized(weights))
        found: list[float] = _karcher(products, shares, int(options["max_iter"]), float(options["tol"])).tolist()
        return found


@compiled
def _is_finite(products):  # type: ignore[no-untyped-def]
    return np.isfinite(products).all()


@compiled
def _karcher(products, shares, max_iter, tol):  # type: ignore[no-untyped-def]
    """Return the factors of the vectors in their Karcher mean at their mean length; what has no length has none."""
    lengths = np.sqrt(np.diag(products))
    factors = np.zeros(len(shares))
    counted = np.flatnonzero((lengths > 0.0) & (shares > 0.0))
    if not len(counted):
        return factors
    units, own = np.empty((len(counted), len(counted))), shares[counted]
    for i in range(len(counted)):
        for j in range(len(counted)):
            units[i, j] = products[counted[i], counted[j]] / (lengths[counted[i]] * lengths[counted[j]])
    mean = karcher_mean(units, own / own.sum(), max_iter, tol)
    factors[counted] = mean * (shares * lengths).sum() / lengths[counted]
    return factors


@compiled
def karcher_mean(cosines, shares, max_iter, tol):  # type: ignore[no-untyped-def]
    """Return the Karcher mean of unit vectors as factors of these vectors.

    Args:
        cosines: between all pairs, fp64, shape (N, N).
        shares: positive, sum 1, shape (N,).
        max_iter: most steps.
        tol: shortest step that is taken.
    """
    size = _length(cosines, shares)
    mean = np.zeros(len(shares))
    if size < tol:
        mean[0] = 1.0
    else:
        mean = shares / size
    for _ in range(max_iter):
        along = np.minimum(np.maximum(_applied(cosines, mean), -1.0), 1.0)
        angles = np.arccos(along)
        sines = np.sin(angles)
        # At angle 0 there is nowhere to go, and from the antipode no direction is shortest.
        moving = sines >= tol
        pull = np.where(moving, shares * angles / np.where(moving, sines, 1.0), 0.0)
        tangent = pull - (pull * along).sum() * mean
        step = _length(cosines, tangent)
        if step < max(tol, _LEAST_TANGENT):
            break
        mean = math.cos(step) * mean + math.sin(step) / step * tangent
        mean = mean / _length(cosines, mean)
    return mean


@compiled
def _length(products, factors):  # type: ignore[no-untyped-def]
    """Return the length of a sum of vectors."""
    return math.sqrt(max(0.0, (factors * _applied(products, factors)).sum()))


@compiled
def _applied(products, factors):  # type: ignore[no-untyped-def]
    found = np.zeros(len(factors))
    for i in range(len(factors)):
        for j in range(len(factors)):
            found[i] += products[i, j] * factors[j]
    return found


def _require_positive(name: str, options: Options) -> None:
    value = options[name]
    if not float(value) > 0.0:
        raise RecipeError(
            f"recipe.options.{name}", f"found {value}, expected a number above 0", "use a positive number"
        )
