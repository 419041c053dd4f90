"""What operators share that thin out task vectors one by one and then add them, or elect signs first."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from merging.blocks import BLOCK, spans
from merging.counting import arrays
from merging.loops import l1
from merging.operators.arithmetic import normalized
from merging.operators.base import (
    WEIGHT_DOC,
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
from merging.operators.fills import Fill, choices, copied, pieces
from merging.operators.kernels import ChoiceKernel, spliced
from merging.vectors import Vector

# Below this L1 norm a task vector is not rescaled.
_LEAST_NORM = 1e-7

ADDED_WEIGHT = Parameter("weight", "model", True, 1.0, -0.5, 1.5, WEIGHT_DOC)
ELECTED_WEIGHT = Parameter("weight", "model", True, 1.0, 0.0, 1.0, WEIGHT_DOC)
RESCALE_RANDOM = Option(
    "rescale",
    "inverse_density",
    ("inverse_density", "l1", "none"),
    "Divide what is kept by its probability (the paper), restore the L1 norm of each tensor, or neither.",
)
RESCALE_TRIMMED = Option(
    "rescale", "none", ("none", "l1"), "Leave what is kept as it is (the paper), or restore the L1 norm of each tensor."
)
NORMALIZE_SUM = Option("normalize", False, (True, False), "Divide by the sum of the weights.")


@dataclass(frozen=True)
class Sparse:
    """One expert's thinned task vector: its fill without rescaling, and the factor that rescales it."""

    fill: Fill
    factor: float = 1.0


class SparseMerge(Operator):
    """Thin out each task vector, then add (``elects`` False) or elect signs and merge what agrees.

    Class attributes:
        elects: whether signs are elected.
    """

    elects: ClassVar[bool]
    by_span = True

    @abstractmethod
    def sparse(self, prepared: Prepared, expert: int, flat: Vector, density: float, values: Values) -> Sparse:
        """Thin out one task vector of a tensor that is not exempt.

        Args:
            prepared: the tensor.
            expert: whose task vector.
            flat: the task vector, flattened.
            density: the fraction to keep, in (0, 1].
            values: all coefficients.
        """

    def binds_late(self, options: Options) -> bool:
        """Say yes where norms are added up, or elements of equal magnitude looked for."""
        return options["rescale"] == "l1" or options.get("equal_magnitudes", "all") != "all"

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind densities and weights; see :meth:`Operator.kernel`."""
        inputs, options = prepared.inputs, prepared.options
        weights = values.model["weight"]
        if not self.elects and options["normalize"]:
            weights = tuple(normalized(weights))
        electors = []
        for expert, (vector, weight) in enumerate(zip(inputs.vectors, weights, strict=True)):
            if vector is not None and weight != 0.0:
                thin = self._thin(prepared, expert, vector, values)
                electors.append(Elector(thin.fill, weight, thin.factor))
        scale = values.merge["lambda"]
        if self.elects:
            return consensus_kernel(inputs, electors, scale, Election.of(options))
        return _added(inputs, electors, scale)

    def _thin(self, prepared: Prepared, expert: int, flat: Vector, values: Values) -> Sparse:
        if is_exempt(prepared.inputs, prepared.options):
            return Sparse(copied(flat))
        thin = self.sparse(prepared, expert, flat, values.model["density"][expert], values)
        if prepared.options["rescale"] == "l1":
            return replace(thin, factor=_l1_factor(flat, thin.fill))
        return thin


def is_exempt(tensor: TensorInputs, options: Options) -> bool:
    """Return whether a tensor stays whole."""
    return bool(options["exempt_1d"]) and tensor.base.ndim < 2


def _added(inputs: TensorInputs, electors: list[Elector], scale: float) -> Kernel | None:
    """Return the kernel of ``base + scale * weighted sum``; None where nothing is added."""
    if not electors or scale == 0.0:
        return None
    factors = [scale * elector.weight * elector.factor for elector in electors]
    fills = [elector.fill for elector in electors]
    loop = spliced(fills, lambda uniform: ChoiceKernel(inputs.flat, uniform, factors))
    if loop is not None:
        return loop
    base = inputs.flat.tensor
    terms = list(zip(fills, factors, strict=True))

    def kernel(span: slice, out: Tensor) -> None:
        out.copy_(base[span])
        scratch = torch.empty_like(out)
        for fill, factor in terms:
            fill(span, scratch)
            out.add_(scratch, alpha=factor)

    return kernel


def _l1_factor(flat: Vector, fill: Fill) -> float:
    """Return the ratio of the L1 norms before and after; 1 where one of them is next to nothing."""
    before, after = _norms(flat, fill)
    return before / after if min(before, after) >= _LEAST_NORM else 1.0


def _norms(flat: Vector, fill: Fill) -> tuple[float, float]:
    known = pieces([fill])
    if known is not None:
        base, delta = arrays(flat)
        found = [l1(base[span], delta[span], *choices(uniform)(span)) for span, uniform in known]
        return sum(before for before, _ in found), sum(after for _, after in found)
    before = after = 0.0
    buffer = torch.empty(BLOCK)
    for span in spans(len(flat)):
        kept = buffer[: span.stop - span.start]
        fill(span, kept)
        before += _l1_of(flat[span])
        after += _l1_of(kept)
    return before, after


def _l1_of(block: Tensor) -> float:
    return float(np.add.reduce(np.abs(block.numpy()), dtype=np.float64))
