"""FRANK: how much of two experts goes into each block, in closed form from norms and depth (2505.16151)."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from evomerge.errors import RecipeError
from merging.blocks import spans
from merging.names import block_index
from merging.operators.arithmetic import weighted_sum
from merging.operators.base import (
    FIXED_LAMBDA,
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

_FIELD = "recipe.options.attention"
_OUTSIDE = {"first": (1.0, 0.0), "second": (0.0, 1.0), "base": (0.0, 0.0)}


@dataclass(frozen=True)
class _Survey:
    """Squared norms of both task vectors by unit, and what the prior starts from."""

    squares: dict[str | int, tuple[float, float]]
    num_blocks: int
    measured: float


@dataclass(frozen=True)
class _Ready:
    """One tensor's squared norms and block; no block outside the decoder blocks."""

    squares: tuple[float, float]
    block: int | None
    num_blocks: int
    measured: float


class Frank(Operator):
    """``base + lambda * (l_V * delta_V + l_R * delta_R)`` with coefficients for each block that sum to one.

    The first expert V is the multimodal one, the second R reasons. With squared norms n of the task vectors in a
    block and a prior ``w_V = 1 - w_R`` that falls exponentially with depth,
    ``l_V = w_V n_V / (w_V n_V + w_R n_R)``. The decay of the prior is ``decay`` plus the slope fitted to
    ``attention`` by least squares on its logarithm, where that is given: the paper's value is then decay 0, and
    a search corrects the measurement. Without a measurement decay alone is the slope.

    The paper normalises the prior over blocks, so with many blocks almost nothing of V is left anywhere;
    ``prior_norm`` has the alternatives. Whether the norms are those of whole blocks or of single matrices, and
    what happens outside the blocks, the paper does not say: ``unit`` and ``outside``.
    """

    name = "frank"
    summary = "Shares each block between a multimodal and a reasoning expert by task-vector norms and depth."
    paper = "2505.16151"
    min_models = max_models = 2
    linear_flag = "LIN"
    ordered = True
    parameters = (
        Parameter(
            "decay", "merge", False, 0.0, 0.0, 0.3,
            "Decay of the first expert's prior from block to block, added to the measured one if there is one.",
        ),
        FIXED_LAMBDA,
    )  # fmt: skip
    options = (
        Option(
            "attention", "", None,
            "JSON file with a list: mean attention from text to image tokens in each block, first block first.",
            path=True,
        ),
        Option(
            "prior_norm", "softmax", ("softmax", "max", "mean", "none"),
            "The first expert's prior sums to 1 over blocks (the paper), is 1 where it is largest, has mean 0.5 "
            "before it is cut at 1, or is 0.5 everywhere.",
        ),
        Option("unit", "block", ("block", "matrix"), "Take norms over a whole block, or of each tensor in it."),
        Option("outside", "first", tuple(_OUTSIDE), "Whose embeddings, final norm and head the merge has."),
    )  # fmt: skip

    def survey(self, inputs: MergeInputs, options: Options) -> _Survey:
        """Sum the squared norms of each unit and fit the measured decay."""
        path = str(options["attention"])
        measured = fitted_decay(_attention(Path(path), inputs.num_blocks)) if path else 0.0
        squares: dict[str | int, tuple[float, float]] = {}
        for tensor in inputs:
            unit = _unit(tensor.name, options)
            if unit is not None:
                first, second = squares.get(unit, (0.0, 0.0))
                squares[unit] = (first + _square(tensor.deltas[0]), second + _square(tensor.deltas[1]))
        return _Survey(squares, inputs.num_blocks, measured)

    def prepare(self, tensor: TensorInputs, options: Options, survey: _Survey) -> _Ready:
        """Look the tensor's unit up."""
        unit = _unit(tensor.name, options)
        squares = (0.0, 0.0) if unit is None else survey.squares[unit]
        return _Ready(squares, block_index(tensor.name), survey.num_blocks, survey.measured)

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind the decay; see :meth:`Operator.kernel`."""
        ready, options, scale = prepared.data, prepared.options, values.merge["lambda"]
        if ready.block is None:
            first, second = _OUTSIDE[str(options["outside"])]
        else:
            decay = ready.measured + values.merge["decay"]
            prior = priors(decay, ready.num_blocks, str(options["prior_norm"]))[ready.block]
            first, second = shares(prior, ready.squares)
        return weighted_sum(prepared.inputs, 1.0, (scale * first, scale * second))


def priors(decay: float, num_blocks: int, norm: str) -> list[float]:
    """Return the first expert's prior weight in each block, in [0, 1], see the option ``prior_norm``."""
    if norm == "none":
        return [0.5] * num_blocks
    logs = [-decay * block for block in range(num_blocks)]
    top = max(logs)
    scaled = [math.exp(log - top) for log in logs]
    if norm == "max":
        return scaled
    total = sum(scaled)
    factor = 1.0 if norm == "softmax" else 0.5 * num_blocks
    return [min(1.0, factor * one / total) for one in scaled]


def shares(prior: float, squares: tuple[float, float]) -> tuple[float, float]:
    """Return the coefficients of both experts, which sum to one; all of the first where neither has weight."""
    first, second = prior * squares[0], (1.0 - prior) * squares[1]
    share = first / (first + second) if first + second > 0.0 else 1.0
    return share, 1.0 - share


def fitted_decay(attention: Sequence[float]) -> float:
    """Return the slope of the least-squares line through ``-log(attention)`` by block."""
    return -float(np.polynomial.Polynomial.fit(range(len(attention)), np.log(attention), 1).convert().coef[1])


def _attention(path: Path, num_blocks: int) -> list[float]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeError(_FIELD, f"{path} is no readable JSON file ({error})", "give a JSON list") from error
    valid = isinstance(data, list) and all(type(one) in (int, float) and 0.0 < one < math.inf for one in data)
    if not valid or len(data) != num_blocks or num_blocks < 2:
        found = f"a list of {len(data)}" if isinstance(data, list) else type(data).__name__
        raise RecipeError(
            _FIELD,
            f"{path} holds {found}, expected positive numbers for {num_blocks} blocks (two at least)",
            "give a JSON list with the mean attention from text to image tokens of each block",
        )
    return [float(one) for one in data]


def _unit(name: str, options: Options) -> str | int | None:
    """Return what a tensor's norms are summed with; None outside the decoder blocks."""
    block = block_index(name)
    return block if block is None or options["unit"] == "block" else name


def _square(delta: Tensor | None) -> float:
    if delta is None:
        return 0.0
    flat = delta.view(-1)
    return sum(float(flat[span].double().square().sum()) for span in spans(flat.numel()))
