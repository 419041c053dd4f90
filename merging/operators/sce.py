"""SCE: select what differs between experts, weigh experts by its energy, erase minority signs (2408.07990)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from evomerge.errors import Infeasible
from merging.counting import arrays, variances
from merging.loops import energy
from merging.operators.band import below, end_of
from merging.operators.base import (
    FIXED_LAMBDA,
    Kernel,
    Operator,
    Option,
    Options,
    Parameter,
    Prepared,
    TensorInputs,
    Values,
)
from merging.operators.consensus import Election, Elector, consensus_kernel
from merging.operators.fills import Band, Drawn, choices, copied
from merging.operators.thresholds import Population, population_of
from merging.vectors import Vector

_LEAST_OF_MERGEKIT = 1e-6


@dataclass(frozen=True)
class _Variance:
    """How much each element differs between experts: flat fp32, with its ranking."""

    flat: Tensor
    population: Population
    nonzero: int


class Sce(Operator):
    """Select the elements of largest variance, weigh experts by their energy there, merge what agrees in sign.

    The variance over experts is computed in fp64. With ``select_topk`` 1 every element is selected. Costs 8 bytes per
    element in a search, and reads the task vectors twice per candidate.
    """

    name = "sce"
    summary = "Merges where experts differ most, each weighted by its energy there, without minority signs."
    paper = "2408.07990"
    linear_flag = "NL"
    cost = "sort"
    by_span = True
    parameters = (
        Parameter(
            "select_topk", "merge", True, 0.1, 0.05, 1.0,
            "Fraction of the elements that differ between experts which takes part.", domain="positive_unit",
            coding="logit",
        ),
        FIXED_LAMBDA,
    )  # fmt: skip
    options = (
        Option(
            "variant",
            "paper",
            ("paper", "official", "mergekit"),
            "The selection limits the merge (paper) or only the weights (the official code); mergekit also weighs "
            "experts equally where their task vectors are small and no divisor falls below 1e-6.",
        ),
        Option(
            "equal_variances",
            "all",
            ("all", "by_position", "torch_topk"),
            "Select all elements that differ as much as the last selected one, or exactly as many as select_topk says: "
            "of equal ones the first, or those that torch.topk happens to find, as mergekit does.",
        ),
    )
    mergekit: ClassVar[Options] = {"variant": "mergekit", "equal_variances": "by_position"}

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Compute and rank the variance of each element; None where nothing is selected by it."""
        once = tensor.values is not None
        selects = tensor.values is None or tensor.values.merge["select_topk"] < 1.0
        if not selects or all(vector is None for vector in tensor.vectors):
            return None
        variance = torch.empty(tensor.base.numel())
        nonzero = _spread(tensor.vectors, variance)
        return _Variance(variance, population_of(variance, once), nonzero)

    def binds_late(self, options: Options) -> bool:
        """Say yes: the energies of what is selected are added up."""
        return True

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind the selection; see :meth:`Operator.kernel`."""
        inputs, variant = prepared.inputs, prepared.options["variant"]
        fills: list[Band | Drawn | None] = [None if one is None else copied(one) for one in inputs.vectors]
        chosen: Sequence[Band | Drawn | None] = fills
        if values.merge["select_topk"] < 1.0 and prepared.data is not None:
            if not prepared.data.population.finite:
                raise Infeasible("the task vectors are not finite")
            share, equal = values.merge["select_topk"], prepared.options["equal_variances"]
            chosen = _selected(inputs.vectors, prepared.data, share, str(equal))
        energies = [0.0 if fill is None else _energy(fill, inputs.base.numel()) for fill in chosen]
        weights = _weights(energies, _LEAST_OF_MERGEKIT if variant == "mergekit" else 0.0)
        merged = fills if variant == "official" else chosen
        electors = [
            # Block by block where mergekit selects: its sums are rounded otherwise than a loop's.
            Elector(fill.__call__ if variant == "mergekit" and chosen is not fills else fill, weight)
            for fill, weight in zip(merged, weights, strict=True)
            if fill is not None and weight != 0.0
        ]
        election = Election(draw_is_plus=True)
        if variant == "mergekit":
            election = Election(draw_is_plus=True, least=_LEAST_OF_MERGEKIT)
        return consensus_kernel(inputs, electors, values.merge["lambda"], election)


def _spread(vectors: Sequence[Vector | None], out: Tensor) -> int:
    """Write the population variance of each element over all experts; returns how many are not zero."""
    present = [arrays(vector) for vector in vectors if vector is not None]
    base, deltas = present[0][0], tuple(delta for _, delta in present)
    return int(variances(base, deltas, len(vectors), out.numpy()))


def _selected(
    vectors: Sequence[Vector | None], variance: _Variance, select_topk: float, equal: str
) -> list[Drawn | None]:
    """Return the fills of the selected elements; None where nothing is selected."""
    kept = int(variance.nonzero * select_topk)
    if kept == 0:
        return [None] * len(vectors)
    cut = variance.population.cut(kept)
    score, bound = variance.flat, below(cut.magnitude)
    chosen_anew = equal != "all" and cut.splits
    if chosen_anew and equal == "torch_topk":
        score, bound = torch.zeros_like(variance.flat), 0.5
        score[torch.topk(variance.flat, kept).indices] = 1.0
    elif chosen_anew:
        score, end = variance.flat.clone(), end_of(variance.flat, cut)
        torch.threshold_(score[end:], cut.magnitude, 0.0)
    return [None if one is None else Drawn(one, score, bound) for one in vectors]


def _energy(fill: Band | Drawn, size: int) -> float:
    """Return the mean square, summed in fp64."""
    return energy(arrays(fill.flat)[0], choices([fill])(slice(0, size))[0]) / size


def _weights(energies: Sequence[float], least: float) -> list[float]:
    """Return shares of the energy; equal ones where there is none or less than ``least``."""
    total = sum(energies)
    if total < least or total == 0.0:
        return [1.0 / len(energies)] * len(energies)
    return [energy / total for energy in energies]
