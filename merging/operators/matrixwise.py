"""Shared by operators that merge matrix by matrix and end as ``base + lambda * Delta``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from evomerge.errors import RecipeError
from merging.operators.arithmetic import weighted_sum
from merging.operators.base import Kernel, Operator, Option, Options, Prepared, TensorInputs, Values
from merging.operators.spectra import Matrices, matrices_of

_EMBEDDINGS_DOC = "Embedding and head: average of the task vectors, the base's, or merged like any matrix."
_VECTORS_DOC = "Norm gains and biases: average of the task vectors, or the base's."
EMBEDDINGS_MEAN = Option("embeddings", "mean", ("mean", "base", "merge"), _EMBEDDINGS_DOC)
EMBEDDINGS_BASE = Option("embeddings", "base", ("mean", "base", "merge"), _EMBEDDINGS_DOC)
VECTORS_MEAN = Option("vectors", "mean", ("mean", "base"), _VECTORS_DOC)
VECTORS_BASE = Option("vectors", "base", ("mean", "base"), _VECTORS_DOC)


class MatrixOperator(Operator):
    """Computes merged task vectors of every matrix once; a candidate then costs one weighted sum.

    :meth:`merged` gives one task vector in all or, where the operator has a ``weight`` per expert, one per
    expert. Costs 4 bytes of memory per element and task vector. What is averaged is divided by the number of
    experts, unchanged ones included, after the weights.
    """

    linear_flag = "NL"
    needs_factors = True

    @abstractmethod
    def merged(self, matrices: Matrices, options: Options) -> Sequence[Tensor | None]:
        """Return merged fp32 task vectors of one linear weight, shape (out, in); None for zero."""

    def thin(self, options: Options) -> bool:
        """Return whether adapters may be merged in their own small coordinates."""
        return True

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Merge the task vectors of one tensor."""
        if _treatment(tensor, options) != "merge" or all(delta is None for delta in tensor.deltas):
            return None
        parts = [(m.shape, self.merged(m, options)) for m in matrices_of(tensor, thin=self.thin(options))]
        return tuple(
            _fused(tensor, [(shape, found[which]) for shape, found in parts]) for which in range(len(parts[0][1]))
        )

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind lambda and weights; see :meth:`Operator.kernel`."""
        inputs, scale = prepared.inputs, values.merge["lambda"]
        weights = values.model.get("weight")
        treatment = _treatment(inputs, prepared.options)
        if treatment == "mean":
            count = len(inputs.deltas)
            return weighted_sum(inputs, 1.0, [scale * weight / count for weight in weights or [1.0] * count])
        if treatment == "base" or prepared.data is None:
            return None
        return weighted_sum(inputs, 1.0, [scale * weight for weight in weights or [1.0]], prepared.data)


def require(holds: bool, operator: str, option: str, value: object, expected: str) -> None:
    """Check the value of an option.

    Raises:
        RecipeError: it does not hold.
    """
    if not holds:
        raise RecipeError(
            f"recipe.options.{option}", f"{operator} found {value!r}, expected {expected}", f"use {expected}"
        )


def _treatment(tensor: TensorInputs, options: Options) -> str:
    """Return ``merge``, ``mean`` or ``base``."""
    role = tensor.layout.role
    return "merge" if role == "matrix" else str(options["vectors" if role == "vector" else "embeddings"])


def _fused(tensor: TensorInputs, parts: Sequence[tuple[tuple[int, int], Tensor | None]]) -> Tensor | None:
    if all(part is None for _, part in parts):
        return None
    whole = tensor.layout.fuse([torch.zeros(shape) if part is None else part for shape, part in parts])
    return whole.reshape(tensor.base.shape).contiguous()
