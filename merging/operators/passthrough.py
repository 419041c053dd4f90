"""Passthrough: one model as it is, scaled where wanted."""

from __future__ import annotations

from typing import ClassVar

from merging.operators.arithmetic import weighted_sum
from merging.operators.base import Kernel, Operator, Options, Parameter, Prepared, Values


class Passthrough(Operator):
    """``scale * expert``."""

    name = "passthrough"
    summary = "Takes one expert's weights, optionally scaled."
    paper = "none"
    needs_base = False
    max_models = 1
    by_span = True
    linear_flag = "LIN"
    parameters = (Parameter("scale", "model", True, 1.0, 0.5, 1.5, "Multiplies the expert's weights."),)
    mergekit: ClassVar[Options] = {}

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind the scale; see :meth:`Operator.kernel`."""
        (scale,) = values.model["scale"]
        return weighted_sum(prepared.inputs, scale, (scale,))
