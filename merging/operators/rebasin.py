"""Git Re-Basin: permute the neurons of one model to fit another, then interpolate (2209.04836, 2402.04051)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from merging.alignment.axes import heads_of, matrices_of
from merging.alignment.matching import Model, Permutations, match, permuted
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


@dataclass(frozen=True)
class Matched:
    """The pair of models with the permutations found for the second one."""

    model: Model
    permutations: Permutations


class GitRebasin(Operator):
    """``(1 - t) * first + t * permuted second``.

    The MLP's neurons and whole attention heads of the second expert are permuted, block by block; its
    function does not change. Models with a common ancestor keep the identity almost everywhere. Two models
    trained from different starting points need ``residual`` as well, and narrow networks keep a loss barrier
    all the same. At t = 1 the merge is the second expert in the first one's order, an expert for any other
    operator.
    """

    name = "git_rebasin"
    summary = "Permutes the neurons of the second expert to fit the first, then interpolates."
    paper = "2209.04836"
    needs_base = False
    min_models = max_models = 2
    linear_flag = "NL"
    cost = "iterative"
    seeded = True
    ordered = True
    parameters = (
        Parameter(
            "t", "merge", True, 0.5, 0.0, 1.0, "Position between the first expert (0) and the permuted second (1).",
            domain="unit",
        ),
    )  # fmt: skip
    options = (
        Option(
            "residual", False, (True, False),
            "Also permute the residual stream, for models that were not trained from one ancestor.",
        ),
    )  # fmt: skip

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Find the permutations.

        Raises:
            ModelError: what the axes of a tensor count is not known.
        """
        model = pair_of(inputs)
        return Matched(model, match(model, residual=bool(options["residual"]), seed=inputs.seed))

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Return the task vector of the permuted second expert; None where nothing moved and nothing changed."""
        matched: Matched = survey
        matrices = matched.model.matrices[tensor.name]
        second = expert(tensor, 1)
        moved = permuted(second, matrices, matched.model, matched.permutations)
        return tensor.deltas[1] if torch.equal(moved, second) else moved - tensor.base.float()

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind t; see :meth:`Operator.kernel`."""
        return interpolate(prepared, prepared.data, values.merge["t"])


def pair_of(inputs: MergeInputs) -> Model:
    """Return two experts as a pair to be matched.

    Raises:
        ModelError: what the axes of a tensor count is not known.
    """

    def pair(name: str) -> tuple[Tensor, Tensor]:
        tensor = inputs.load(name)
        return expert(tensor, 0), expert(tensor, 1)

    config: dict[str, Any] = {}
    matrices = {}
    for tensor in inputs:
        config = dict(tensor.config)
        matrices[tensor.name] = matrices_of(tensor.name, tuple(tensor.base.shape), config)
    return Model(matrices, heads_of(config), config, pair)


def expert(tensor: TensorInputs, index: int) -> Tensor:
    """Return one expert's whole weights in fp32."""
    delta = tensor.deltas[index]
    return tensor.base.float() if delta is None else tensor.base.float() + delta


def interpolate(prepared: Prepared, moved: Tensor | None, t: float) -> Kernel | None:
    """Return the kernel between the first expert and a second whose task vector is ``moved``."""
    inputs = TensorInputs(
        prepared.inputs.name, prepared.inputs.base, prepared.inputs.models, (prepared.inputs.deltas[0], moved)
    )
    return weighted_sum(inputs, 1.0, (1.0 - t, t))
