"""TIES merging: trim, elect signs, disjoint merge (2306.01708)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from evomerge.errors import RecipeError
from merging.operators.band import EQUAL_MAGNITUDES, Ranking, largest, rankings, trimmed
from merging.operators.base import (
    EXEMPT_1D,
    LAMBDA,
    MergeInputs,
    Option,
    Options,
    Parameter,
    Prepared,
    TensorInputs,
    Values,
)
from merging.operators.consensus import ELECTION_OF_MERGEKIT, ELECTION_OPTIONS
from merging.operators.fills import copied
from merging.operators.sparse import ELECTED_WEIGHT, RESCALE_TRIMMED, Sparse, SparseMerge, is_exempt
from merging.operators.thresholds import (
    counted_populations,
    kept_elements,
    sorted_magnitudes,
)
from merging.vectors import Vector


class Ties(SparseMerge):
    """Trim each task vector to its largest elements, elect a sign per element, average what agrees.

    In a search the magnitudes are kept sorted, 4 bytes per trimmed element and expert, so that the threshold
    of any density is one look-up; a single merge counts them instead. With ``threshold_scope=global`` the
    population is the whole flattened task vector, tensors that an adapter does not touch included as zeros;
    a density that differs by slot selects its own global threshold.
    """

    name = "ties"
    summary = "Trims small changes, elects a sign for each weight and averages the experts that agree."
    paper = "2306.01708"
    linear_flag = "NL"
    cost = "sort"
    elects = True
    parameters = (
        ELECTED_WEIGHT,
        Parameter(
            "density", "model", True, 0.2, 0.05, 1.0,
            "Fraction of the task vector that survives the trim.", domain="positive_unit",
            coding="logit",
        ),
        LAMBDA,
    )  # fmt: skip
    options = (
        Option(
            "threshold_scope",
            "global",
            ("global", "tensor"),
            "Take the largest elements of the whole task vector (the paper) or of each tensor.",
        ),
        EQUAL_MAGNITUDES,
        RESCALE_TRIMMED,
        *ELECTION_OPTIONS,
        EXEMPT_1D,
    )
    mergekit: ClassVar[Options] = {
        **ELECTION_OF_MERGEKIT,
        "threshold_scope": "tensor",
        "equal_magnitudes": "by_position",
        "exempt_1d": False,
    }

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Rank each expert's whole task vector, for the scope ``global``.

        Raises:
            RecipeError: a global threshold cannot choose among equal magnitudes.
        """
        if options["threshold_scope"] != "global":
            return None
        if options["equal_magnitudes"] != "all":
            raise RecipeError(
                "recipe.options.equal_magnitudes",
                "only a trim of each tensor by itself can choose among equal magnitudes",
                "set threshold_scope to tensor, or equal_magnitudes to all",
            )
        if inputs.once:
            return counted_populations(inputs, partial(_asked, options=options))
        trimmable = [t for t in inputs if not is_exempt(t, options)]
        count = sum(t.base.numel() for t in trimmable)
        return tuple(
            sorted_magnitudes([v for t in trimmable if (v := t.vectors[i]) is not None], count)
            for i in range(len(inputs.models))
        )

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Rank the magnitudes of one tensor, for the scope ``tensor``."""
        if survey is not None:
            return survey
        if is_exempt(tensor, options):
            return None
        return rankings(tensor, descending=True)

    def sparse(self, prepared: Prepared, expert: int, flat: Vector, density: float, values: Values) -> Sparse:
        """Trim to the largest elements."""
        if density >= 1.0:
            return Sparse(copied(flat))
        options, found = prepared.options, prepared.data[expert]
        if isinstance(found, Ranking):
            return Sparse(largest(found, kept_elements(density, len(flat)), options))
        return Sparse(trimmed(flat, found.magnitude(kept_elements(density, found.count))))


def _asked(tensor: TensorInputs, options: Options) -> Sequence[float] | None:
    if tensor.values is None or is_exempt(tensor, options):
        return None
    return tensor.values.model["density"]
