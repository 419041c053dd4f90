"""RAM: keep what one expert alone changed in full, average what several changed (2601.13572)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from evomerge.errors import RecipeError
from merging.blocks import spans
from merging.operators.base import (
    FIXED_LAMBDA,
    LAMBDA,
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
from merging.operators.fills import Band
from merging.operators.kernels import MeanKernel
from merging.threads import Threads

_EPSILON = Option("epsilon", 1e-5, None, "A change counts as one where its magnitude exceeds this.")

Overlap = npt.NDArray[np.int64]
"""Per expert, how many elements it shares with others and how many it alone changed; shape (experts, 2)."""


class Ram(Operator):
    """``base + lambda * sum_i tau_i / n``, n the number of experts that changed the element."""

    name = "ram"
    summary = "Keeps what one expert alone changed in full and averages what several changed."
    paper = "2601.13572"
    by_span = True
    linear_flag = "LIN/M"
    parameters = (LAMBDA,)
    options = (_EPSILON,)
    mergekit: ClassVar[Options] = {}

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Check the options.

        Raises:
            RecipeError: ``epsilon`` is negative or not finite.
        """
        _epsilon(options)

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind lambda; see :meth:`Operator.kernel`."""
        inputs = prepared.inputs
        return _shared_out(inputs, [1.0] * len(inputs.vectors), values.merge["lambda"], _epsilon(prepared.options))


class RamPlus(Operator):
    """RAM with what expert i alone changed multiplied by ``1 + r * min(rho_i, alpha)``.

    ``rho_i`` is the number of elements that the expert shares with others over the number that it alone
    changed, per tensor, or with ``overlap_scope=global`` over the whole model.
    """

    name = "ramplus_tl"
    summary = "RAM that amplifies what one expert alone changed the more it shares with others."
    paper = "2601.13572"
    by_span = True
    linear_flag = "LIN/M"
    parameters = (
        Parameter("r", "merge", True, 0.1, 0.0, 0.5, "How strongly sharing amplifies an expert's own changes."),
        Parameter("alpha", "merge", True, 0.2, 0.0, 1.0, "The most sharing that counts."),
        FIXED_LAMBDA,
    )
    options = (
        _EPSILON,
        Option("overlap_scope", "tensor", ("tensor", "global"), "Measure sharing per tensor or over the whole model."),
    )
    mergekit: ClassVar[Options] = {"overlap_scope": "tensor"}

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Count shared and own elements of the whole model, for the scope ``global``.

        Raises:
            RecipeError: ``epsilon`` is negative or not finite.
        """
        epsilon = _epsilon(options)
        if options["overlap_scope"] != "global":
            return None
        return sum(Threads().map(lambda name: _overlap(inputs.load(name), epsilon), inputs.names))

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Count shared and own elements of one tensor."""
        return _overlap(tensor, _epsilon(options)) if survey is None else survey

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind r and alpha; see :meth:`Operator.kernel`."""
        r, alpha = values.merge["r"], values.merge["alpha"]
        gains = [
            1.0 + r * min(shared / own if own else math.inf if shared else 0.0, alpha)
            for shared, own in prepared.data.tolist()
        ]
        return _shared_out(prepared.inputs, gains, values.merge["lambda"], _epsilon(prepared.options))


def _epsilon(options: Options) -> float:
    epsilon = float(options["epsilon"])
    if not 0.0 <= epsilon < math.inf:
        raise RecipeError("recipe.options.epsilon", f"found {epsilon}", "use a finite number from 0 up")
    return epsilon


def _overlap(tensor: TensorInputs, epsilon: float) -> Overlap:
    counts = np.zeros((len(tensor.vectors), 2), dtype=np.int64)
    changed = [(index, vector) for index, vector in enumerate(tensor.vectors) if vector is not None]
    for span in spans(tensor.base.numel()) if changed else ():
        active = [np.abs(vector[span].numpy()) > np.float32(epsilon) for _, vector in changed]
        shared = sum(part.astype(np.uint16) for part in active) > 1
        for (index, _), part in zip(changed, active, strict=True):
            both = np.count_nonzero(part & shared)
            counts[index] += both, np.count_nonzero(part) - both
    return counts


def _shared_out(inputs: TensorInputs, gains: Sequence[float], scale: float, epsilon: float) -> Kernel | None:
    """Return the kernel that adds each element's mean over the experts that changed it.

    Args:
        inputs: the tensor.
        gains: multiply what an expert alone changed.
        scale: multiplies everything.
        epsilon: a change counts above it.
    """
    changed = [(vector, gain) for vector, gain in zip(inputs.vectors, gains, strict=True) if vector is not None]
    if not changed or scale == 0.0:
        return None
    return MeanKernel(inputs.flat, [Band(vector, epsilon) for vector, _ in changed], scale, [one for _, one in changed])
