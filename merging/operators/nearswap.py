"""NearSwap: move to the expert where it is near (as in arcee-ai/mergekit; no paper)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from evomerge.errors import Infeasible
from merging.blocks import is_finite
from merging.operators.base import Kernel, Operator, Options, Parameter, Prepared, TensorInputs, Values


class NearSwap(Operator):
    """``base + min(t / |delta|, 1) * delta``, which is the task vector with its elements clamped to [-t, t].

    mergekit raises magnitudes below 1e-6 to that, which makes a difference only for a t below 1e-6.
    """

    name = "nearswap"
    summary = "Moves each weight of the base towards the expert's by at most t."
    paper = "none"
    max_models = 1
    linear_flag = "NL"
    parameters = (
        Parameter("t", "merge", True, 1e-3, 1e-5, 1e-2, "Largest change of a weight.", domain="unit", coding="log"),
    )  # fmt: skip
    mergekit: ClassVar[Options] = {}

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Return whether the task vector is finite, which clamping would hide."""
        (delta,) = tensor.deltas
        return delta is None or is_finite(delta)

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind t; see :meth:`Operator.kernel`."""
        (delta,), t = prepared.inputs.deltas, values.merge["t"]
        if delta is None or t == 0.0:
            return None
        if not prepared.data:
            raise Infeasible("the expert holds values that are not finite")
        base, flat = prepared.inputs.base.view(-1), delta.view(-1)

        def kernel(span: slice, out: Tensor) -> None:
            torch.clamp(flat[span], -t, t, out=out)
            out.add_(base[span])

        return kernel
