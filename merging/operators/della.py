"""DELLA: drop elements with probabilities that follow their magnitude's rank, then merge (2406.11617)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from merging.operators.base import (
    EXEMPT_1D,
    FIXED_LAMBDA,
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
from merging.operators.dare import dropped
from merging.operators.draws import DRAWS, Draws, draws_of, sequential_states
from merging.operators.fills import Rated, copied
from merging.operators.ranks import magnitude_ranks, row_length
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

_PARAMETERS = (
    Parameter(
        "density", "model", True, 0.7, 0.1, 1.0,
        "Mean probability that an element of the task vector is kept.", domain="positive_unit",
        coding="logit",
    ),
    Parameter(
        "epsilon", "model", True, 0.07, 0.0, 0.3,
        "Half of the window: the smallest change of a row is kept with this much less probability, the largest with "
        "this much more; narrower near densities 0 and 1.", domain="unit",
    ),
)  # fmt: skip
_OPTIONS = (
    Option(
        "threshold_scope",
        "row",
        ("row", "tensor"),
        "Rank magnitudes within each row (the last dimension) or within the whole tensor.",
    ),
    Option(
        "equal_magnitudes",
        "by_position",
        ("by_position", "torch_sort"),
        "Rank equal magnitudes by their positions, or as torch's unstable sort leaves them, as mergekit does.",
    ),
    RESCALE_RANDOM,
)
_OF_MERGEKIT: Options = {
    "equal_magnitudes": "by_position",
    "rescale": "l1",
    "draws": "sequential",
    "exempt_1d": False,
}


@dataclass(frozen=True)
class _Ranked:
    """One expert's draws, and the ranks of its magnitudes, up to ``highest``."""

    draws: Draws
    ranks: Tensor
    highest: int


class _Della(SparseMerge):
    """Shared part: ``p = density - epsilon + 2 epsilon rank``, ranks scaled to [0, 1], each element kept with its p.

    The window narrows to ``min(density, 1 - density)`` so that every p is a probability; its mean is always
    the density. A row of one element has p = density. Costs 4 bytes per element and expert: draws as in DARE
    and ranks.
    """

    paper = "2406.11617"
    cost = "sort"
    seeded = True

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Find where each tensor's draws begin, if all have one stream."""
        return sequential_states(inputs, options)

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Draw and rank every element of one tensor that may be dropped."""
        if is_exempt(tensor, options):
            return None
        length, as_torch = row_length(tensor, options), options["equal_magnitudes"] == "torch_sort"

        def ranked(model: str, vector: Vector) -> _Ranked:
            ranks = magnitude_ranks(vector, length, as_torch=as_torch)
            return _Ranked(draws_of(tensor, model, survey), ranks, length - 1)

        return tuple(
            None if vector is None else ranked(model, vector)
            for model, vector in zip(tensor.models, tensor.vectors, strict=True)
        )

    def sparse(self, prepared: Prepared, expert: int, flat: Vector, density: float, values: Values) -> Sparse:
        """Drop at random, small changes more often."""
        if density >= 1.0:
            return Sparse(copied(flat))
        ranked: _Ranked = prepared.data[expert]
        density = ranked.draws.probability(density)
        epsilon = min(values.model["epsilon"][expert], density, 1.0 - density)
        if epsilon == 0.0 or ranked.highest == 0:
            return dropped(flat, ranked.draws, density, prepared.options)
        draws, divides = ranked.draws, prepared.options["rescale"] == "inverse_density"
        lowest, window = density - epsilon, 2.0 * epsilon
        return Sparse(
            Rated(flat, draws.levels, ranked.ranks, ranked.highest, lowest, window, draws.origin, draws.slope, divides)
        )


class DellaLinear(_Della):
    """Task arithmetic on task vectors thinned by DELLA."""

    name = "della_linear"
    summary = "Drops small changes more often than large ones, rescales the rest and adds them to the base."
    linear_flag = "LIN/M"
    elects = False
    parameters = (ADDED_WEIGHT, *_PARAMETERS, FIXED_LAMBDA)
    options = (*_OPTIONS, NORMALIZE_SUM, DRAWS, EXEMPT_1D)
    mergekit: ClassVar[Options] = _OF_MERGEKIT


class Della(_Della):
    """DELLA's drop, then sign election and disjoint merge."""

    name = "della"
    summary = "Drops small changes more often than large ones, then elects signs and averages the experts that agree."
    linear_flag = "NL"
    elects = True
    parameters = (ELECTED_WEIGHT, *_PARAMETERS, LAMBDA)
    options = (*_OPTIONS, *ELECTION_OPTIONS, DRAWS, EXEMPT_1D)
    mergekit: ClassVar[Options] = {**ELECTION_OF_MERGEKIT, **_OF_MERGEKIT}
