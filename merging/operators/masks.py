"""Consensus merging: TALL masks say which expert needs which weight; keep what several need (2405.07813)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from evomerge.errors import RecipeError
from merging.blocks import BLOCK, spans
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

_STEPS = 250
_TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class _Masks:
    """One tensor's sum of task vectors, and for each expert that changes it the thresholds it passes.

    Args:
        total: fp32, flattened.
        levels: uint8, flattened; an element is in the expert's mask for every threshold below its level,
            in steps of 1 / 250.
        experts: index of each of ``levels``.
    """

    total: Tensor
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
        """Sum the task vectors and find the thresholds that each of their elements passes."""
        changed = {i: delta.view(-1) for i, delta in enumerate(tensor.deltas) if delta is not None}
        if len(changed) < int(options["k"]):
            return None
        total = torch.zeros(tensor.base.numel(), dtype=torch.float32)
        for delta in changed.values():
            total.add_(delta)
        return _Masks(total, tuple(_levels(delta, total) for delta in changed.values()), tuple(changed))

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind thresholds; see :meth:`Operator.kernel`."""
        masks, scale = prepared.data, values.merge["lambda"]
        if masks is None or scale == 0.0:
            return None
        least = int(prepared.options["k"])
        steps = [round(values.model["tall_lambda"][i] * _STEPS) for i in masks.experts]
        base = prepared.inputs.base.view(-1)
        mask_buffer = torch.empty(BLOCK)

        def kernel(span: slice, out: Tensor) -> None:
            mask = mask_buffer[: out.numel()]
            out.zero_()
            for levels, step in zip(masks.levels, steps, strict=True):
                # In fp32 because comparing integers into booleans is much slower in torch.
                out.add_(mask.copy_(levels[span]).gt_(step))
            out.ge_(least).mul_(masks.total[span]).mul_(scale).add_(base[span])

        return kernel


def _levels(delta: Tensor, total: Tensor) -> Tensor:
    """Return ``ceil(250 * |delta| / |total - delta|)`` as uint8, at most 255, which is above every threshold."""
    levels = torch.empty(delta.numel(), dtype=torch.uint8)
    ratio_buffer, others_buffer = (torch.empty(min(BLOCK, delta.numel())) for _ in range(2))
    for span in spans(delta.numel()):
        ratio, others = ratio_buffer[: span.stop - span.start], others_buffer[: span.stop - span.start]
        torch.sub(total[span], delta[span], out=others).abs_().clamp_min_(_TINY)
        torch.abs(delta[span], out=ratio).div_(others).mul_(_STEPS).ceil_().clamp_max_(255.0)
        levels[span] = ratio
    return levels
