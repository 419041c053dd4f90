"""Fisher merging: a mean in which every weight counts as much as the expert depends on it (2111.09832)."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from evomerge.errors import Infeasible, RecipeError
from merging.calibration.model import LiveModel
from merging.calibration.options import DATA_OPTIONS, Calibration, opened
from merging.calibration.statistics import Stored, Task, fisher_diagonal
from merging.operators.base import (
    LAMBDA,
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
from merging.operators.kernels import BalancedKernel

_LEAST = 1e-24


class Fisher(Operator):
    """``base + lambda * sum_i weight_i F_i delta_i / sum_i weight_i F_i`` with F_i the diagonal of the Fisher matrix.

    F_i is the mean squared gradient of an expert's log-likelihood on its own examples, in fp32, kept on disk and
    memory-mapped. It never falls below ``floor``, so elements that matter to nobody are the plain weighted mean.
    Costs one backward pass per example and expert, and 4 bytes of memory per element and expert.
    """

    name = "fisher"
    summary = "Averages the experts, each weight by how much each expert's predictions depend on it."
    paper = "2111.09832"
    by_span = True
    linear_flag = "MAT"
    cost = "calibration"
    data = "text"
    seeded = True
    parameters = (
        Parameter(
            "weight", "model", True, 1.0, 0.05, 1.0,
            "Importance of this expert; only the ratios between experts matter.", domain="unit",
            coding="log_ratio",
        ),
        LAMBDA,
    )  # fmt: skip
    options = (
        *DATA_OPTIONS,
        Option(
            "labels",
            "sampled",
            ("sampled", "argmax", "data"),
            "Whose likelihood: of tokens drawn from the expert's own predictions (the paper), of its best last "
            "token (2505.10833), or of the file's tokens.",
        ),
        Option(
            "normalize",
            False,
            (False, True),
            "Divide each expert's Fisher by its L2 norm, so that large gradients alone do not win.",
        ),
        Option("floor", 1e-10, None, "Least value of the Fisher, after the division; at least 1e-24."),
    )

    def survey(self, inputs: MergeInputs, options: Options) -> tuple[Stored, ...]:
        """Estimate the Fisher of every expert, or find it in the cache."""
        if not 0.0 <= float(options["floor"]) < float("inf"):
            raise RecipeError("recipe.options.floor", f"found {options['floor']}", "use a small number from 0 up")
        models, calibration = opened(inputs), Calibration.of(options, inputs.seed)
        live = functools.cache(lambda: LiveModel(models, device=calibration.device))
        task = Task(models, live, calibration, calibration.examples(inputs.models))
        return tuple(fisher_diagonal(task, expert, str(options["labels"])) for expert in inputs.models)

    def prepare(self, tensor: TensorInputs, options: Options, survey: tuple[Stored, ...]) -> tuple[Tensor, ...] | None:
        """Read, normalize and floor the Fishers of one tensor; None where no expert changes it."""
        if all(vector is None for vector in tensor.vectors):
            return None
        floor = max(float(options["floor"]), _LEAST)
        return tuple(_floored(stored, tensor, bool(options["normalize"]), floor) for stored in survey)

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind weights; see :meth:`Operator.kernel`."""
        weights, scale = values.model["weight"], values.merge["lambda"]
        if sum(weights) <= 0.0:
            raise Infeasible(f"the weights {tuple(weights)} sum to zero and cannot be normalized")
        if prepared.data is None or scale == 0.0:
            return None
        terms = [
            (fisher.view(-1), vector, weight)
            for fisher, vector, weight in zip(prepared.data, prepared.inputs.vectors, weights, strict=True)
            if weight != 0.0
        ]
        # Experts that leave the tensor alone come last.
        terms.sort(key=lambda term: term[1] is None)
        vectors = [vector for _, vector, _ in terms if vector is not None]
        if not vectors:
            return None
        fishers, counting = [fisher for fisher, _, _ in terms], [weight for *_, weight in terms]
        return BalancedKernel(prepared.inputs.flat, vectors, fishers, counting, scale)


def _floored(stored: Stored, tensor: TensorInputs, normalize: bool, floor: float) -> Tensor:
    fisher = stored.tensor(tensor.name)
    if fisher is None:
        # A buffer has no gradient.
        return torch.full(tensor.base.shape, floor)
    norm = float(stored.facts["norm"]) if normalize else 1.0
    return (fisher / norm if norm > 0.0 else fisher.clone()).clamp_min_(floor)
