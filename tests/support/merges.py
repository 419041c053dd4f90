"""Merging bare tensors with an operator, for tests of its mathematics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from merging.coefficients import filled_options
from merging.operators import Operator, get_operator
from merging.operators.base import Factors, MergeInputs, Options, Prepared, TensorInputs, Values

SEED = 5


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
