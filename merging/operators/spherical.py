"""Spherical interpolation between two experts: SLERP and NuSLERP (as in arcee-ai/mergekit; no paper).

Both results are linear in the inputs once the angle between them is known, so the angle is prepared and a
candidate costs two multiplications per element.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from merging.blocks import spans
from merging.operators.arithmetic import weighted_sum
from merging.operators.base import (
    Kernel,
    Operator,
    Option,
    Options,
    Parameter,
    Prepared,
    TensorInputs,
    Values,
)

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
    linear_flag = "NL"
    ordered = True
    parameters = (_T,)

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

    One angle per tensor, or with ``angle`` set to ``row`` or ``column`` one per row or column of a matrix.
    Vectors are interpolated linearly only where the sine of their angle is below 1e-8.
    """

    name = "nuslerp"
    summary = "Interpolates between the task vectors of two experts along a great circle."
    paper = "none"
    min_models = max_models = 2
    linear_flag = "NL"
    ordered = True
    parameters = (_T,)
    options = (
        Option("vectors", "task_vectors", ("task_vectors", "weights"), "What is interpolated."),
        Option("angle", "tensor", ("tensor", "row", "column"), "What one angle is measured over."),
    )

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Return the cosines, shaped to broadcast over the tensor."""
        if all(delta is None for delta in tensor.deltas):
            return None
        on_weights = options["vectors"] == "weights"
        if tensor.base.ndim < 2 or options["angle"] == "tensor":
            return _cosine(tensor, on_weights)
        first, second = (_vector(tensor, expert, slice(None), on_weights) for expert in range(2))
        along = -1 if options["angle"] == "row" else 0
        norms = first.norm(dim=along, keepdim=True) * second.norm(dim=along, keepdim=True)
        return ((first * second).sum(dim=along, keepdim=True) / norms.clamp_min(_LEAST)).clamp(-1.0, 1.0)

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
        angle = torch.acos(prepared.data)
        sine = torch.sin(angle)
        straight = sine < 1e-8
        divisor = torch.where(straight, 1.0, sine)
        first = torch.where(straight, 1.0 - t, torch.sin((1.0 - t) * angle) / divisor)
        second = torch.where(straight, t, torch.sin(t * angle) / divisor)
        merged = inputs.base.float() * (first + second).float() if on_weights else inputs.base.float()
        for delta, weight in zip(inputs.deltas, (first, second), strict=True):
            if delta is not None:
                merged = merged.addcmul(delta, weight.float())
        flat = merged.reshape(-1)

        def kernel(span: slice, out: Tensor) -> None:
            out.copy_(flat[span])

        return kernel


def _arc(cosine: float, t: float) -> tuple[float, float]:
    """Return the two factors of spherical interpolation at ``t``."""
    angle = math.acos(cosine)
    sine = math.sin(angle)
    return math.sin((1.0 - t) * angle) / sine, math.sin(t * angle) / sine


def _cosine(tensor: TensorInputs, on_weights: bool) -> float:
    """Return the cosine between two flattened experts, summed in fp64; 0 where one of them is zero."""
    dot = first_square = second_square = 0.0
    flat = replace(
        tensor,
        base=tensor.base.view(-1),
        deltas=tuple(None if delta is None else delta.view(-1) for delta in tensor.deltas),
    )
    for span in spans(tensor.base.numel()):
        first, second = (_vector(flat, expert, span, on_weights) for expert in range(2))
        dot += float(first.mul(second).sum())
        first_square += float(first.square().sum())
        second_square += float(second.square().sum())
    norms = max(math.sqrt(first_square) * math.sqrt(second_square), _LEAST)
    return max(-1.0, min(1.0, dot / norms))


def _vector(tensor: TensorInputs, expert: int, span: slice, on_weights: bool) -> Tensor:
    """Return a part of an expert's weights or task vector in fp64."""
    delta = tensor.deltas[expert]
    if on_weights:
        base = tensor.base[span].double()
        return base if delta is None else base.add_(delta[span])
    return torch.zeros_like(tensor.base[span], dtype=torch.float64) if delta is None else delta[span].double()
