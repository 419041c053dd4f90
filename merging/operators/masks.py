"""Consensus merging: TALL masks say which expert needs which weight; keep what several need (2405.07813)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from evomerge.errors import RecipeError
from merging.blocks import spans
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
from merging.operators.kernels import NeededKernel
from merging.vectors import Vector

_STEPS = 250
_TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class _Masks:
    """For each expert that changes a tensor the thresholds that its elements pass.

    Args:
        levels: uint8, flattened; an element is in the expert's mask for every threshold below its level,
            in steps of 1 / 250.
        experts: index of each of ``levels``.
    """

    levels: tuple[Tensor, ...]
    experts: tuple[int, ...]


class Consensus(Operator):
    """``base + lambda * mask * sum_i delta_i``; the mask is on where at least k experts have theirs on.

    The TALL mask of expert i is on where ``|delta_i| > tall_lambda_i * |sum of the other experts' deltas|``.
    Which thresholds an element passes is prepared, in steps of 1 / 250 and one byte per element and expert;
    ``tall_lambda`` is rounded to such a step.
    """

    name = "consensus"
    summary = "Adds the experts' summed task vectors where at least k experts need them."
    paper = "2405.07813"
    min_models = 2
    by_span = True
    linear_flag = "LIN/M"
    parameters = (
        Parameter(
            "tall_lambda", "model", True, 0.4, 0.2, 0.6,
            "A weight counts as this expert's where its change exceeds this multiple of all others' together.",
            domain="unit",
        ),
        Parameter(
            "lambda", "merge", True, 0.4, 0.1, 1.0, "Multiplies the sum of task vectors that the mask keeps."
        ),
    )  # fmt: skip
    options = (Option("k", 2, None, "Experts that must need a weight; 1 keeps what any of them needs."),)

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Check that k experts exist."""
        if not 1 <= int(options["k"]) <= len(inputs.models):
            raise RecipeError(
                "recipe.options.k",
                f"found {options['k']}, expected 1 to the number of experts, {len(inputs.models)}",
                f"use a k from 1 to {len(inputs.models)}",
            )

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Find the thresholds that each element of a task vector passes."""
        changed = {i: vector for i, vector in enumerate(tensor.vectors) if vector is not None}
        if len(changed) < int(options["k"]):
            return None
        return _Masks(_levels(list(changed.values())), tuple(changed))

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind thresholds; see :meth:`Operator.kernel`."""
        masks, scale = prepared.data, values.merge["lambda"]
        if masks is None or scale == 0.0:
            return None
        steps = [round(values.model["tall_lambda"][i] * _STEPS) for i in masks.experts]
        vectors = [vector for vector in prepared.inputs.vectors if vector is not None]
        return NeededKernel(
            prepared.inputs.flat, vectors, masks.levels, steps, int(prepared.options["k"]), scale
        )  # fmt: skip


def _levels(vectors: Sequence[Vector]) -> tuple[Tensor, ...]:
    """Return ``ceil(250 * |delta| / |total - delta|)`` as uint8, at most 255, which is above every threshold."""
    size = len(vectors[0])
    levels = tuple(torch.empty(size, dtype=torch.uint8) for _ in vectors)
    for span in spans(size):
        deltas = [vector[span] for vector in vectors]
        total = torch.stack(deltas).sum(0)
        for delta, out in zip(deltas, levels, strict=True):
            others = torch.sub(total, delta).abs_().clamp_min_(_TINY)
            out[span] = torch.abs(delta).div_(others).mul_(_STEPS).ceil_().clamp_max_(255.0)
    return levels
