"""Spherical interpolation between two experts: SLERP and NuSLERP (as in arcee-ai/mergekit; no paper).

Both results are linear in the inputs once the angle between them is known, so the angle is prepared and a
candidate costs two multiplications per element.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from merging.operators.arithmetic import weighted_sum
from merging.operators.base import Kernel, Operator, Option, Options, Parameter, Prepared, TensorInputs, Values
from merging.operators.gram import VECTORS, gram, products_along, vectors_of
from merging.operators.stacks import matrices_of, scaled_sum

# Keeps the cosine of a zero vector finite (it becomes 0).
_LEAST = 1e-30

_T = Parameter(
    "t", "merge", True, 0.5, 0.0, 1.0,
    "Position between the first expert (0) and the second (1).", domain="unit",
)  # fmt: skip


class Slerp(Operator):
    """Interpolate on the great circle between the full weights of two experts, tensor by tensor.

    Tensors whose cosine exceeds 0.9995 in magnitude are interpolated linearly, which for two fine-tunes of
    one base is almost every tensor; ``nuslerp`` on task vectors is the spherical choice there.
    """

    name = "slerp"
    summary = "Interpolates between the weights of two experts along a great circle."
    paper = "none"
    needs_base = False
    min_models = max_models = 2
    by_span = True
    linear_flag = "NL"
    ordered = True
    parameters = (_T,)
    mergekit: ClassVar[Options] = {}

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Return the cosine between the two experts' tensors."""
        return _cosine(tensor, on_weights=True)

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind t; see :meth:`Operator.kernel`."""
        t, cosine = values.merge["t"], prepared.data
        if abs(cosine) > 0.9995:
            return weighted_sum(prepared.inputs, 1.0, (1.0 - t, t))
        weights = _arc(cosine, t)
        return weighted_sum(prepared.inputs, sum(weights), weights)


class NuSlerp(Operator):
    """Interpolate on the great circle between two task vectors (default) or two full weights.

    One angle per tensor, or with ``angle`` set to ``row`` or ``column`` one per row or column of each matrix
    (mergekit: ``nuslerp_flatten`` false, without and with ``nuslerp_row_wise``, on the stored tensor even
    where it holds several matrices). Vectors are interpolated linearly only where the sine of their angle is
    below 1e-8. mergekit merges task vectors where its ``base_model`` is given and full weights otherwise.
    """

    name = "nuslerp"
    summary = "Interpolates between the task vectors of two experts along a great circle."
    paper = "none"
    min_models = max_models = 2
    by_span = True
    linear_flag = "NL"
    ordered = True
    parameters = (_T,)
    options = (
        VECTORS,
        Option("angle", "tensor", ("tensor", "row", "column"), "What one angle is measured over."),
    )
    mergekit: ClassVar[Options] = {}

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Return the cosine, or one tensor of cosines per matrix that broadcasts over it."""
        if all(vector is None for vector in tensor.vectors):
            return None
        on_weights = options["vectors"] == "weights"
        if tensor.base.ndim < 2 or options["angle"] == "tensor":
            return _cosine(tensor, on_weights)
        return _cosines(tensor, on_weights, "row" if options["angle"] == "row" else "column")

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind t; see :meth:`Operator.kernel`."""
        inputs, t = prepared.inputs, values.merge["t"]
        if prepared.data is None:
            return None
        on_weights = prepared.options["vectors"] == "weights"
        if isinstance(prepared.data, float):
            cosine = prepared.data
            if math.sin(math.acos(cosine)) < 1e-8:
                return weighted_sum(inputs, 1.0, (1.0 - t, t))
            weights = _arc(cosine, t)
            return weighted_sum(inputs, sum(weights) if on_weights else 1.0, weights)
        pairs = [_arcs(cosines, t) for cosines in prepared.data]
        base_factors = [(first + second).float() for first, second in pairs] if on_weights else None
        return scaled_sum(inputs, base_factors, [[pair[i].float() for pair in pairs] for i in range(2)])


def _arc(cosine: float, t: float) -> tuple[float, float]:
    """Return the two factors of spherical interpolation at ``t``."""
    angle = math.acos(cosine)
    sine = math.sin(angle)
    return math.sin((1.0 - t) * angle) / sine, math.sin(t * angle) / sine


def _arcs(cosines: Tensor, t: float) -> tuple[Tensor, Tensor]:
    """Return the two factors of spherical interpolation at ``t`` for many angles."""
    angle = torch.acos(cosines)
    sine = torch.sin(angle)
    straight = sine < 1e-8
    divisor = torch.where(straight, 1.0, sine)
    first = torch.where(straight, 1.0 - t, torch.sin((1.0 - t) * angle) / divisor)
    return first, torch.where(straight, t, torch.sin(t * angle) / divisor)


def _cosine(tensor: TensorInputs, on_weights: bool) -> float:
    """Return the cosine between two flattened experts; 0 where one of them is zero."""
    products = gram(vectors_of(tensor, on_weights), tensor.base.numel())
    norms = max(math.sqrt(products[0, 0]) * math.sqrt(products[1, 1]), _LEAST)
    return max(-1.0, min(1.0, float(products[0, 1]) / norms))


def _cosines(tensor: TensorInputs, on_weights: bool, along: Literal["row", "column"]) -> list[Tensor]:
    """Return the cosines between the rows or columns of each matrix of two experts."""
    found = []
    base = matrices_of(tensor, tensor.base)
    deltas = [None if delta is None else matrices_of(tensor, delta) for delta in tensor.deltas]
    for index, origin in enumerate(base):
        start = (origin,) if on_weights else ()
        vectors = [start if parts is None else (*start, parts[index]) for parts in deltas]
        shape = (origin.shape[0], origin.shape[1])
        dot, first, second = products_along(vectors, ((0, 1), (0, 0), (1, 1)), shape, along)
        cosines = (dot / (first.sqrt() * second.sqrt()).clamp_min(_LEAST)).clamp(-1.0, 1.0)
        found.append(cosines[:, None] if along == "row" else cosines[None, :])
    return found
