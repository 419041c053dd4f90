"""DARE: drop random elements of the task vectors, rescale the rest, merge (2311.03099)."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from merging.blocks import BLOCK, spans
from merging.operators.arithmetic import normalized
from merging.operators.base import (
    EXEMPT_1D,
    FIXED_LAMBDA,
    LAMBDA,
    WEIGHT_DOC,
    Kernel,
    Operator,
    Option,
    Options,
    Parameter,
    Prepared,
    TensorInputs,
    Values,
    effective_density,
)
from merging.operators.consensus import ELECTION_OPTIONS, Elector, Fill, consensus_kernel, copied
from merging.streams import keep_threshold, uniform_levels

_PARAMETERS = (
    Parameter("weight", "model", True, 1.0, -0.5, 1.5, WEIGHT_DOC),
    Parameter(
        "density", "model", True, 0.8, 0.1, 1.0,
        "Probability that an element of the task vector is kept.", domain="positive_unit",
    ),
)  # fmt: skip
_RESCALE = Option(
    "rescale",
    "inverse_density",
    ("inverse_density", "l1", "none"),
    "Divide what is kept by its probability (the paper), restore the L1 norm of each tensor, or neither.",
)


@dataclass(frozen=True)
class Dropped:
    """One expert's task vector after the drop: its fill without rescaling, and the rescaling factor."""

    fill: Fill
    factor: float
    weight: float


class _Dare(Operator):
    """Shared part: keyed draws, masks and rescaling.

    Each element has one fixed 16-bit draw, keyed by seed, tensor and expert, that decides for every
    density: raising the density only ever adds elements. Costs 2 bytes per element and expert.
    Densities act in steps of 1/65536.
    """

    paper = "2311.03099"
    seeded = True

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Draw for every masked element of one tensor."""
        if effective_density(0.0, tensor, options) == 1.0:
            return tuple(None for _ in tensor.deltas)
        return tuple(
            None if delta is None else torch.from_numpy(uniform_levels(tensor.seed, tensor.name, model, delta.numel()))
            for model, delta in zip(tensor.models, tensor.deltas, strict=True)
        )

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind densities and weights; see :meth:`Operator.kernel`."""
        inputs, survivors = prepared.inputs, []
        weights = self.weights(values, prepared.options)
        for delta, weight, asked, draws in zip(
            inputs.deltas, weights, values.model["density"], prepared.data, strict=True
        ):
            if delta is not None and weight != 0.0:
                density = effective_density(asked, inputs, prepared.options)
                survivors.append(_dropped(delta, draws, density, weight, prepared.options))
        return self.combine(inputs, survivors, values.merge["lambda"], prepared.options)

    def weights(self, values: Values, options: Options) -> list[float]:
        """Return the weight of each expert for one tensor."""
        return list(values.model["weight"])

    @abstractmethod
    def combine(self, inputs: TensorInputs, survivors: list[Dropped], scale: float, options: Options) -> Kernel | None:
        """Merge the sparsified task vectors."""


class DareLinear(_Dare):
    """Task arithmetic on randomly dropped and rescaled task vectors."""

    name = "dare_linear"
    summary = "Drops random changes, rescales the rest and adds them to the base."
    linear_flag = "LIN/M"
    parameters = (*_PARAMETERS, FIXED_LAMBDA)
    options = (
        _RESCALE,
        Option("normalize", False, (True, False), "Divide by the sum of the weights."),
        EXEMPT_1D,
    )

    def weights(self, values: Values, options: Options) -> list[float]:
        """Return the weights, normalized if asked."""
        weights = super().weights(values, options)
        return normalized(weights) if options["normalize"] else weights

    def combine(self, inputs: TensorInputs, survivors: list[Dropped], scale: float, options: Options) -> Kernel | None:
        """Add the weighted sum to the base."""
        if not survivors or scale == 0.0:
            return None
        base, buffer = inputs.base.view(-1), torch.empty(BLOCK)

        def kernel(span: slice, out: Tensor) -> None:
            out.copy_(base[span])
            scratch = buffer[: out.numel()]
            for survivor in survivors:
                survivor.fill(span, scratch)
                out.add_(scratch, alpha=scale * survivor.weight * survivor.factor)

        return kernel


class DareTies(_Dare):
    """Random drop in place of TIES' trim, then sign election and disjoint merge."""

    name = "dare_ties"
    summary = "Drops random changes, then elects a sign for each weight and averages the experts that agree."
    linear_flag = "NL"
    parameters = (Parameter("weight", "model", True, 1.0, 0.0, 1.0, WEIGHT_DOC), _PARAMETERS[1], LAMBDA)
    options = (_RESCALE, *ELECTION_OPTIONS, EXEMPT_1D)

    def combine(self, inputs: TensorInputs, survivors: list[Dropped], scale: float, options: Options) -> Kernel | None:
        """Elect signs over the rescaled task vectors."""
        electors = [Elector(_rescaled(s.fill, s.factor), s.weight) for s in survivors]
        return consensus_kernel(inputs, electors, scale, options)


def _dropped(delta: Tensor, draws: Tensor | None, density: float, weight: float, options: Options) -> Dropped:
    flat = delta.view(-1)
    if draws is None or density >= 1.0:
        return Dropped(copied(flat), 1.0, weight)
    threshold, probability = keep_threshold(density)
    if threshold > torch.iinfo(torch.int16).max:
        return Dropped(copied(flat), 1.0, weight)
    mask = torch.empty(BLOCK)

    def fill(span: slice, out: Tensor) -> None:
        kept = mask[: out.numel()]
        # In fp32 because comparing 16-bit integers into booleans is six times slower in torch.
        kept.copy_(draws[span]).lt_(threshold)
        torch.mul(flat[span], kept, out=out)

    factor = 1.0
    if options["rescale"] == "inverse_density":
        factor = 1.0 / probability
    elif options["rescale"] == "l1":
        factor = _l1_factor(flat, fill)
    return Dropped(fill, factor, weight)


def _rescaled(fill: Fill, factor: float) -> Fill:
    def rescaled(span: slice, out: Tensor) -> None:
        fill(span, out)
        if factor != 1.0:
            out.mul_(factor)

    return rescaled


def _l1_factor(flat: Tensor, fill: Fill) -> float:
    """Return the ratio of the L1 norms before and after the mask; 1 where the mask left nothing."""
    before = after = 0.0
    buffer = torch.empty(min(BLOCK, flat.numel()))
    for span in spans(flat.numel()):
        kept = buffer[: span.stop - span.start]
        before += float(flat[span].abs().sum(dtype=torch.float64))
        fill(span, kept)
        after += float(kept.abs_().sum(dtype=torch.float64))
    return before / after if after > 0.0 else 1.0
