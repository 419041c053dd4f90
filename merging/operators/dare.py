"""DARE: drop random elements of the task vectors, rescale the rest, merge (2311.03099)."""

from __future__ import annotations

from typing import Any, ClassVar

from merging.operators.base import (
    EXEMPT_1D,
    FIXED_LAMBDA,
    LAMBDA,
    MergeInputs,
    Options,
    Parameter,
    Prepared,
    TensorInputs,
    Values,
)
from merging.operators.consensus import ELECTION_OF_MERGEKIT, ELECTION_OPTIONS
from merging.operators.draws import DRAWS, Draws, draws_of, sequential_states
from merging.operators.fills import Drawn, copied
from merging.operators.sparse import (
    ADDED_WEIGHT,
    ELECTED_WEIGHT,
    NORMALIZE_SUM,
    RESCALE_RANDOM,
    Sparse,
    SparseMerge,
    is_exempt,
)
from merging.vectors import Vector

_DENSITY = Parameter(
    "density", "model", True, 0.8, 0.1, 1.0,
    "Probability that an element of the task vector is kept.", domain="positive_unit",
    coding="logit",
)  # fmt: skip


class _Dare(SparseMerge):
    """Shared part: draws, masks and rescaling.

    Each element has one fixed draw that decides for every density: raising the density only ever adds
    elements. Keyed draws cost 2 bytes per element and expert, and densities act in steps of 1/65536;
    sequential ones cost 4.
    """

    paper = "2311.03099"
    seeded = True

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Find where each tensor's draws begin, if all have one stream."""
        return sequential_states(inputs, options)

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Draw for every element of one tensor that may be dropped."""
        if is_exempt(tensor, options):
            return None
        known = (None,) * len(tensor.models) if tensor.values is None else tensor.values.model["density"]
        return tuple(
            None if vector is None else draws_of(tensor, model, survey, only)
            for model, vector, only in zip(tensor.models, tensor.vectors, known, strict=True)
        )

    def sparse(self, prepared: Prepared, expert: int, flat: Vector, density: float, values: Values) -> Sparse:
        """Drop at random."""
        if density >= 1.0:
            return Sparse(copied(flat))
        return dropped(flat, prepared.data[expert], density, prepared.options)


class DareLinear(_Dare):
    """Task arithmetic on randomly dropped and rescaled task vectors."""

    name = "dare_linear"
    summary = "Drops random changes, rescales the rest and adds them to the base."
    linear_flag = "LIN/M"
    elects = False
    parameters = (ADDED_WEIGHT, _DENSITY, FIXED_LAMBDA)
    options = (RESCALE_RANDOM, NORMALIZE_SUM, DRAWS, EXEMPT_1D)
    mergekit: ClassVar[Options] = {"rescale": "l1", "draws": "sequential", "exempt_1d": False}


class DareTies(_Dare):
    """Random drop in place of TIES' trim, then sign election and disjoint merge."""

    name = "dare_ties"
    summary = "Drops random changes, then elects a sign for each weight and averages the experts that agree."
    linear_flag = "NL"
    elects = True
    parameters = (ELECTED_WEIGHT, _DENSITY, LAMBDA)
    options = (RESCALE_RANDOM, *ELECTION_OPTIONS, DRAWS, EXEMPT_1D)
    mergekit: ClassVar[Options] = {
        **ELECTION_OF_MERGEKIT,
        "normalize": False,
        "rescale": "l1",
        "draws": "sequential",
        "exempt_1d": False,
    }


def dropped(flat: Vector, draws: Draws, density: float, options: Options) -> Sparse:
    """Drop elements at random; what is kept is rescaled unless the options say otherwise."""
    probability = draws.probability(density)
    inverse = options["rescale"] == "inverse_density"
    return Sparse(Drawn(flat, draws.levels, draws.bound(probability)), 1.0 / probability if inverse else 1.0)
