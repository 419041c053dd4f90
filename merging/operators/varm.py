"""VaRM: weights from the variation of each expert (FuseChat, 2402.16107)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from evomerge.errors import Infeasible
from merging.names import block_index
from merging.operators.arithmetic import weighted_sum
from merging.operators.base import (
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
from merging.operators.gram import squared_norm
from merging.operators.stacks import constant, matrices_of, scaled_sum

_TINY = torch.finfo(torch.float32).tiny


class Varm(Operator):
    """``base + sum_i W_i * delta_i``, W_i the expert's share of the squared change, summed over one unit.

    A unit is the whole model, a block (tensors outside the blocks are units of their own), a matrix (every
    projection of a fused tensor, and every vector) or a single element. Where nothing changed, the shares are
    equal. An expert that was trained longer changed more and dominates; ``exponent`` softens that.
    """

    name = "varm"
    summary = "Averages the experts with weights from how much each of them changed."
    paper = "2402.16107"
    by_span = True
    linear_flag = "MAT"
    parameters = (
        Parameter(
            "exponent", "merge", False, 1.0, 0.0, 2.0,
            "Power of the squared change: 1 is the paper, 0 the plain average; not negative.",
        ),
    )  # fmt: skip
    options = (
        Option(
            "unit",
            "matrix",
            ("model", "layer", "matrix", "parameter"),
            "What one weight per expert is computed for.",
        ),
    )

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Sum the squared changes of each unit that is larger than a tensor."""
        if options["unit"] not in ("model", "layer"):
            return None
        energies: dict[str, npt.NDArray[np.float64]] = defaultdict(lambda: np.zeros(len(inputs.models)))
        for tensor in inputs:
            energies[_unit(tensor.name, options)] += _energies(tensor.deltas)
        return energies

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Return the squared changes that decide about this tensor, one array of shape (N,) per matrix."""
        if survey is not None:
            return (survey[_unit(tensor.name, options)],)
        if options["unit"] == "parameter":
            return None
        parts = [None if delta is None else matrices_of(tensor, delta) for delta in tensor.deltas]
        count = len(tensor.layout.labels)
        return tuple(_energies([None if p is None else p[index] for p in parts]) for index in range(count))

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind the exponent; see :meth:`Operator.kernel`."""
        inputs, exponent = prepared.inputs, values.merge["exponent"]
        if exponent < 0.0:
            raise Infeasible(f"the exponent {exponent:g} is negative")
        if all(vector is None for vector in inputs.vectors):
            return None
        if prepared.data is None:
            return _by_element(inputs, exponent)
        shares = [_shares(energies, exponent) for energies in prepared.data]
        if len(shares) == 1:
            return weighted_sum(inputs, 1.0, shares[0])
        return scaled_sum(inputs, None, [[constant(own) for own in expert] for expert in zip(*shares, strict=True)])


def _unit(name: str, options: Options) -> str:
    if options["unit"] == "model":
        return "model"
    block = block_index(name)
    return name if block is None else f"block {block}"


def _energies(deltas: Sequence[Tensor | None]) -> npt.NDArray[np.float64]:
    return np.array([0.0 if delta is None else squared_norm(delta) for delta in deltas])


def _shares(energies: npt.NDArray[np.float64], exponent: float) -> list[float]:
    # For a few experts, plain numbers are quicker than arrays.
    each = energies.tolist()
    if not all(map(math.isfinite, each)):
        raise Infeasible("an expert holds values that are not finite")
    most = max(each)
    if most == 0.0:
        return [1.0 / len(each)] * len(each)
    powers = [(energy / most) ** exponent for energy in each]
    total = sum(powers)
    return [power / total for power in powers]


def _by_element(inputs: TensorInputs, exponent: float) -> Kernel:
    """Return the kernel that computes the shares for every element by itself."""
    base = inputs.base.view(-1)
    vectors = [vector for vector in inputs.vectors if vector is not None]
    # Zero to the power of zero is one: with exponent 0 an expert without changes has its share too.
    idle = float(len(inputs.vectors) - len(vectors)) if exponent == 0.0 else 0.0

    def kernel(span: slice, out: Tensor) -> None:
        most, power, total = torch.zeros_like(out), torch.empty_like(out), torch.full_like(out, idle)
        for vector in vectors:
            torch.maximum(most, torch.abs(vector[span], out=power), out=most)
        most.clamp_min_(_TINY)
        out.zero_()
        for vector in vectors:
            # Relative to the largest change, because powers of small changes leave the range of fp32.
            torch.div(vector[span], most, out=power).abs_().pow_(2.0 * exponent)
            total.add_(power)
            out.addcmul_(power, vector[span])
        # Where nothing changed the sum is zero too; any positive divisor leaves it zero.
        out.div_(total.clamp_min_(_TINY)).add_(base[span])

    return kernel
