"""Model Breadcrumbs: drop the smallest and the very largest changes (2312.06795)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from evomerge.errors import Infeasible
from merging.operators.band import EQUAL_MAGNITUDES, banded, between, rankings
from merging.operators.base import (
    EXEMPT_1D,
    FIXED_LAMBDA,
    LAMBDA,
    Option,
    Options,
    Parameter,
    Prepared,
    TensorInputs,
    Values,
)
from merging.operators.consensus import ELECTION_OF_MERGEKIT, ELECTION_OPTIONS
from merging.operators.fills import Fill, Segment
from merging.operators.ranks import magnitude_ranks, row_length
from merging.operators.sparse import (
    ADDED_WEIGHT,
    ELECTED_WEIGHT,
    NORMALIZE_SUM,
    RESCALE_TRIMMED,
    Sparse,
    SparseMerge,
    is_exempt,
)
from merging.vectors import Vector, is_finite_vector

_PARAMETERS = (
    Parameter(
        "density", "model", True, 0.15, 0.05, 1.0,
        "Fraction of the task vector that is kept.", domain="positive_unit",
        coding="logit",
    ),
    Parameter(
        "gamma", "model", True, 0.006, 0.0, 0.02,
        "Fraction of the task vector, its largest elements, that is dropped.", domain="unit",
    ),
)  # fmt: skip
_OPTIONS = (
    Option(
        "threshold_scope",
        "tensor",
        ("tensor", "row"),
        "Compare magnitudes within each tensor (the paper) or within each row, its last dimension (the authors' code).",
    ),
    Option(
        "overlap",
        "gamma",
        ("gamma", "density"),
        "Which fraction holds where the two exceed 1: gamma, so that outliers always go and at least one element "
        "stays, or density as in mergekit, where none need stay.",
    ),
    EQUAL_MAGNITUDES,
    RESCALE_TRIMMED,
)
_OF_MERGEKIT: Options = {
    "overlap": "density",
    "equal_magnitudes": "by_position",
    "normalize": False,
    "exempt_1d": False,
}


@dataclass(frozen=True)
class _Rows:
    """One expert's ranks within rows, and whether its task vector is finite."""

    ranks: Tensor
    finite: bool


class _Breadcrumbs(SparseMerge):
    """Shared part: the mask between two quantiles of magnitude.

    The paper names quantiles: its beta is ``1 - density - gamma``. With the scope ``row``, equal magnitudes are
    always told apart by their positions. Costs 4 bytes per element and expert in a search, for the scope
    ``row`` 2.
    """

    paper = "2312.06795"
    cost = "sort"

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Rank the magnitudes of one tensor."""
        if is_exempt(tensor, options):
            return None
        if options["threshold_scope"] == "row":
            length = row_length(tensor, options)
            return tuple(
                None if vector is None else _Rows(magnitude_ranks(vector, length), is_finite_vector(vector))
                for vector in tensor.vectors
            )
        return rankings(tensor)

    def sparse(self, prepared: Prepared, expert: int, flat: Vector, density: float, values: Values) -> Sparse:
        """Drop both ends."""
        options, data = prepared.options, prepared.data[expert]
        by_row = isinstance(data, _Rows)
        if not (data.finite if by_row else data.population.finite):
            # Dropping the largest would hide it.
            raise Infeasible(f"the task vector of {prepared.inputs.models[expert]} is not finite")
        count = row_length(prepared.inputs, options) if by_row else len(flat)
        kept, outliers = _counts(density, values.model["gamma"][expert], count, options)
        if kept == 0:
            return Sparse(banded(flat, [Segment(len(flat), math.inf)]))
        if by_row:
            return Sparse(_ranked_between(flat, data.ranks, count - outliers - kept, count - outliers))
        return Sparse(between(data, kept, outliers, options))


class Breadcrumbs(_Breadcrumbs):
    """Task arithmetic on masked task vectors."""

    name = "breadcrumbs"
    summary = "Drops small changes and outliers and adds the rest to the base."
    linear_flag = "LIN/M"
    elects = False
    parameters = (ADDED_WEIGHT, *_PARAMETERS, FIXED_LAMBDA)
    options = (*_OPTIONS, NORMALIZE_SUM, EXEMPT_1D)
    mergekit: ClassVar[Options] = _OF_MERGEKIT


class BreadcrumbsTies(_Breadcrumbs):
    """The mask of Breadcrumbs in place of TIES' trim, then sign election and disjoint merge."""

    name = "breadcrumbs_ties"
    summary = "Drops small changes and outliers, then elects signs and averages the experts that agree."
    linear_flag = "NL"
    elects = True
    parameters = (ELECTED_WEIGHT, *_PARAMETERS, LAMBDA)
    options = (*_OPTIONS, *ELECTION_OPTIONS, EXEMPT_1D)
    mergekit: ClassVar[Options] = {**ELECTION_OF_MERGEKIT, **_OF_MERGEKIT}


def _counts(density: float, gamma: float, count: int, options: Options) -> tuple[int, int]:
    """Return how many elements of a population are kept, and how many larger ones are dropped."""
    kept, outliers = int(density * count), int(gamma * count)
    if options["overlap"] == "density":
        return kept, min(outliers, count - kept)
    kept = max(1, min(kept, count - outliers))
    return kept, min(outliers, count - kept)


def _ranked_between(flat: Vector, ranks: Tensor, first: int, stop: int) -> Fill:
    """Return the fill that keeps ranks from ``first`` to before ``stop``."""

    def fill(span: slice, out: Tensor) -> None:
        # Passes its first argument where the second lies between the bounds, in one pass.
        rank = out.copy_(ranks[span])
        torch.ops.aten.hardtanh_backward.grad_input(flat[span], rank, first - 0.5, stop - 0.5, grad_input=out)

    return fill
