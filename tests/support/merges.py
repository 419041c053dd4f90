"""Merging bare tensors with an operator, for tests of its mathematics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from torch import Tensor

from merging.coefficients import filled_options
from merging.operators import Operator, get_operator, operator_names
from merging.operators.base import Factors, MergeInputs, Options, Prepared, TensorInputs, Values

Expert = TypeVar("Expert")

SEED = 5
# Operators that any full experts can be merged with, and of these the ones that merge a lone tensor.
WITHOUT_DATA = tuple(
    name for name in operator_names() if get_operator(name).data == "none" and name not in ("evo_merging", "ot_fusion")
)
ON_TENSORS = tuple(name for name in WITHOUT_DATA if name not in ("layer_path", "git_rebasin"))


def quick(method: str) -> dict[str, Any]:
    """Return options with which an operator that iterates takes a few steps only."""
    return {"iterations": 3} if any(one.name == "iterations" for one in get_operator(method).options) else {}


def as_many_as_fit(method: str, experts: Sequence[Expert]) -> list[Expert]:
    """Return the first experts, as many of them as an operator takes."""
    return list(experts[: get_operator(method).max_models])


def merge(
    method: str,
    base: Tensor,
    deltas: Sequence[Tensor | None],
    *,
    seed: int = SEED,
    name: str = "t",
    options: dict[str, Any] | None = None,
    factors: Sequence[Factors | None] = (),
    once: bool = False,
    **coefficients: Any,
) -> Tensor:
    """Merge one tensor; per-model coefficients are lists, merge-wide ones numbers (``lam`` is lambda).

    ``once`` tells the operator the coefficients before it prepares, as a streamed merge does.
    """
    operator = get_operator(method)
    models = tuple("abcdefghijklmnop"[: len(deltas)])
    model: dict[str, tuple[float, ...]] = {}
    wide: dict[str, float] = {}
    for parameter in operator.all_parameters():
        given_value = coefficients.pop(parameter.name.replace("lambda", "lam"), None)
        if parameter.scope == "model":
            model[parameter.name] = tuple(given_value or [parameter.default] * len(deltas))
        else:
            wide[parameter.name] = parameter.default if given_value is None else given_value
    assert not coefficients
    values = Values(model, wide)
    inputs = TensorInputs(name, base, models, tuple(deltas), seed, tuple(factors), values if once else None)
    return operator.apply(prepared_by(operator, [inputs], filled_options(operator, options or {}))[name], values)


def prepared_by(operator: Operator, tensors: Sequence[TensorInputs], options: Options) -> dict[str, Prepared]:
    """Run both phases of preparation on tensors in memory."""
    survey = operator.survey(MergeInputs.of(tensors), options)
    return {t.name: Prepared(t, options, operator.prepare(t, options, survey)) for t in tensors}
