"""Evo-Merging's operator: magnitude-sparsified, signed sums of LoRA adapters (2509.12951)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from evomerge.errors import RecipeError
from merging.operators.arithmetic import weighted_sum
from merging.operators.base import (
    Factors,
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
class _Sparsifiable:
    """An expert's factors with the magnitudes of its ``a`` in descending order."""

    factors: Factors
    descending: Tensor


class EvoMerging(Operator):
    """``base + sum_i weight_i * B_i TopMag(A_i, alpha_i)``: noise is cut from one factor, signs are searched.

    TopMag keeps the fraction ``alpha`` of a matrix' elements that is largest in magnitude, ties with the
    smallest of them included; ``A`` alone is sparsified. The paper's code adds the factors of all adapters
    apart, ``(sum_i weight_i B_i) (sum_i weight_i TopMag(A_i, alpha_i))``, which brings in products of one
    adapter's ``B`` with another's ``A`` and squares every weight, so that a negative one cannot subtract; the
    form ``factors`` makes that. The paper searches ``alpha`` first, with every weight at one over the number of
    adapters, then the weights; in its own form a weight of 1 adds an adapter as it is.

    Tensors that an adapter replaces as a whole take the weighted sum. On weights that the base stores as
    (in, out), as GPT-2 does, the sparsified factor is the adapter's ``B``.
    """

    name = "evo_merging"
    summary = "Sparsifies one factor of each LoRA adapter and adds them with signed weights."
    paper = "2509.12951"
    needs_factors = True
    linear_flag = "LIN/M"
    cost = "sort"
    parameters = (
        Parameter("weight", "model", True, 1.0, -1.5, 1.5, "Signed scale of this adapter's change."),
        Parameter(
            "alpha", "model", True, 1.0, 0.0, 1.0,
            "Fraction of the adapter's A factor that is kept.", domain="unit",
        ),
    )  # fmt: skip
    options = (
        Option(
            "form",
            "exact",
            ("exact", "factors"),
            "Add the adapters' products, or add A and B apart and multiply (the paper's code, with cross terms).",
        ),
    )

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Check that every expert is an adapter."""
        for model in inputs.models:
            if inputs.model_set is not None and not inputs.model_set.is_adapter(model):
                raise RecipeError(
                    "recipe.models",
                    f"evo_merging works on the factors of LoRA adapters, and {model} is none",
                    "merge adapters only, or use task_arithmetic",
                )
        return None

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Sort the magnitudes of every A factor."""
        given = tensor.factors or (None,) * len(tensor.models)
        ready = tuple(None if one is None else _Sparsifiable(one, _descending(one.a)) for one in given)
        ranks = {one.factors.a.shape[0] for one in ready if one is not None}
        if options["form"] == "factors" and len(ranks) > 1:
            raise RecipeError(
                "recipe.options.form",
                f"'factors' adds matrices of one rank, and the adapters have ranks {sorted(ranks)} on {tensor.name}",
                "use 'exact', or compress the adapters to one rank first",
            )
        return ready

    def binds_late(self, options: Options) -> bool:
        """Say yes: where some of an adapter is cut, the change is a product of factors."""
        return True

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Sparsify, weigh and multiply; see :meth:`Operator.kernel`."""
        weights, alphas = values.model["weight"], values.model["alpha"]
        inputs: TensorInputs = prepared.inputs
        form, exact = str(prepared.options["form"]), prepared.options["form"] == "exact"
        # An adapter of which nothing is cut adds its task vector, which is known.
        whole = [one is None or (exact and alpha >= 1.0) for one, alpha in zip(prepared.data, alphas, strict=True)]
        if all(whole):
            return weighted_sum(inputs, 1.0, weights)
        terms = [
            (weight, one.factors.b, _top(one, alpha))
            for weight, alpha, one, kept in zip(weights, alphas, prepared.data, whole, strict=True)
            if not kept and weight != 0.0 and alpha > 0.0
        ]
        changes = [delta if kept else None for delta, kept in zip(inputs.deltas, whole, strict=True)]
        return weighted_sum(inputs, 1.0, (*weights, 1.0), (*changes, _product(terms, form) if terms else None))


def _product(terms: Sequence[tuple[float, Tensor, Tensor]], form: str) -> Tensor:
    b = [weight * one for weight, one, _ in terms]
    if form == "exact":
        return torch.cat(b, dim=1) @ torch.cat([a for _, _, a in terms])
    return sum(b[1:], b[0]) @ sum((weight * a for weight, _, a in terms[1:]), terms[0][0] * terms[0][2])


def _descending(a: Tensor) -> Tensor:
    return a.abs().reshape(-1).sort(descending=True).values


def _top(one: _Sparsifiable, alpha: float) -> Tensor:
    """Return A with all but the largest floor(alpha * size) elements zeroed, at least one kept, ties all kept."""
    a = one.factors.a
    if alpha >= 1.0:
        return a
    threshold = one.descending[max(1, int(alpha * a.numel())) - 1]
    return torch.where(a.abs() >= threshold, a, 0.0)
