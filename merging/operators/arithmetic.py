"""Linear combinations: model soups and task arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from evomerge.errors import Infeasible
from merging.operators.base import (
    FIXED_LAMBDA,
    WEIGHT_DOC,
    Coding,
    Kernel,
    Operator,
    Option,
    Options,
    Parameter,
    Prepared,
    TensorInputs,
    Values,
)
from merging.operators.kernels import SumKernel
from merging.vectors import vectors_of


def weighted_sum(
    inputs: TensorInputs, scale: float, weights: Sequence[float], deltas: Sequence[Tensor | None] | None = None
) -> Kernel | None:
    """Return the kernel of ``scale * base + sum_i weights[i] * delta_i``; None where that is the base.

    Args:
        inputs: the tensor.
        scale: of the base.
        weights: one for each task vector.
        deltas: task vectors that an operator made, in place of the experts' own.
    """
    terms = [
        (vector, weight)
        for vector, weight in zip(inputs.vectors if deltas is None else vectors_of(deltas), weights, strict=True)
        if vector is not None and weight != 0.0
    ]
    if not terms:
        return None if scale == 1.0 else _scaled(inputs.flat.tensor, scale)
    vectors, weights = [vector for vector, _ in terms], [weight for _, weight in terms]
    return SumKernel(inputs.flat, vectors, weights, scale)


def _scaled(base: Tensor, scale: float) -> Kernel:
    def kernel(span: slice, out: Tensor) -> None:
        out.copy_(base[span]).mul_(scale)

    return kernel


def normalized(weights: Sequence[float]) -> list[float]:
    """Divide weights by their sum.

    Raises:
        Infeasible: the sum is zero or nearly so (below 1e-8).
    """
    total = sum(weights)
    if abs(total) < 1e-8:
        raise Infeasible(f"the weights {tuple(weights)} sum to {total:g} and cannot be normalized")
    return [weight / total for weight in weights]


class TaskArithmetic(Operator):
    """``base + lambda * sum_i weight_i * (expert_i - base)`` (2212.04089)."""

    name = "task_arithmetic"
    summary = "Adds the experts' task vectors to the base, each with its own weight."
    paper = "2212.04089"
    by_span = True
    linear_flag = "LIN"
    parameters = (Parameter("weight", "model", True, 1.0, -0.5, 1.5, WEIGHT_DOC), FIXED_LAMBDA)
    options = (
        Option("normalize", False, (True, False), "Divide by the sum of the weights."),
    )  # fmt: skip
    mergekit: ClassVar[Options] = {"normalize": False}

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind weights; see :meth:`Operator.kernel`."""
        weights, scale = values.model["weight"], values.merge["lambda"]
        if prepared.options["normalize"]:
            weights = tuple(normalized(weights))
        return weighted_sum(prepared.inputs, 1.0, [scale * weight for weight in weights])


class Linear(Operator):
    """``sum_i weight_i * expert_i``, by default divided by the sum of weights (model soup, 2203.05482).

    Computed as ``(sum of weights) * base + sum_i weight_i * delta_i``, which is the same combination and
    shares the task vectors with every other operator. The base's weights cancel out of it.
    """

    name = "linear"
    summary = "Averages the experts' weights (a model soup)."
    paper = "2203.05482"
    needs_base = False
    by_span = True
    linear_flag = "LIN"
    parameters = (
        Parameter(
            "weight", "model", True, 1.0, 0.0, 1.0, "Share of this expert's weights in the average.",
            coding="log_ratio",
        ),
    )  # fmt: skip
    options = (
        Option("normalize", True, (True, False), "Divide by the sum of the weights."),
    )  # fmt: skip
    mergekit: ClassVar[Options] = {"normalize": True}

    def coding(self, parameter: Parameter, options: Options) -> Coding:
        """Return log-ratios where the weights are divided by their sum: their scale then cancels."""
        return parameter.coding if options["normalize"] else "linear"

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind weights; see :meth:`Operator.kernel`."""
        weights = values.model["weight"]
        if prepared.options["normalize"]:
            return weighted_sum(prepared.inputs, 1.0, normalized(weights))
        return weighted_sum(prepared.inputs, sum(weights), weights)
