"""Checks of the spec's merge section against what the operators declare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evomerge.errors import SpecError, nearest
from experiments.spec_merge import MergeSpec, ParameterSpec
from merging.operators import Operator, Parameter


def check_names(operators: Sequence[Operator], merge: MergeSpec, models: Sequence[str]) -> None:
    """Refuse parameters, options, experts and numbers of experts that no method has.

    Raises:
        SpecError: naming the field.
    """
    who = " and ".join(operator.name for operator in operators)
    known = {parameter.name for operator in operators for parameter in operator.all_parameters()}
    for name, setting in merge.parameters.items():
        if name not in known:
            raise SpecError(f"merge.parameters.{name}", f"{who} has no such parameter", nearest(name, known))
        for model in setting.models:
            if model not in models:
                raise SpecError(
                    f"merge.parameters.{name}.models.{model}", "there is no such expert", nearest(model, models)
                )
    _check_options(operators, merge, who)
    for operator in operators:
        _check_models(operator, len(models))
        if operator.composes_depth and len(operators) > 1:
            raise SpecError(
                "merge.methods",
                f"'{operator.name}' changes the number of blocks and cannot be one of several methods",
                f"use method: {operator.name} alone, or leave it out",
            )


def check_effect(parameter: Parameter, setting: ParameterSpec) -> None:
    """Refuse keys that would do nothing for a parameter.

    Raises:
        SpecError: naming the key.
    """
    field = f"merge.parameters.{parameter.name}"
    for key in setting.said & {"shared", "models"}:
        if parameter.scope != "model":
            raise SpecError(
                f"{field}.{key}", "the merge has one value of it, not one for each expert", f"remove '{key}'"
            )
    for key in setting.said & {"granularity", "hierarchy"}:
        if not parameter.granular and getattr(setting, key) != "global":
            raise SpecError(f"{field}.{key}", "it has one value for the whole depth", f"remove '{key}'")


@dataclass(frozen=True)
class Asked:
    """What the spec says of one value, an expert's own word before that for all."""

    range: tuple[float, float] | None = None
    init: float | None = None
    fixed: float | None = None

    @classmethod
    def of(cls, setting: ParameterSpec | None, owner: str | None) -> Asked:
        """Return what the spec says of one expert's value, or with None of the merge's."""
        if setting is None:
            return cls()
        own = setting.models.get(owner) if owner is not None else None
        if own is None:
            return cls(setting.range, setting.init, setting.fixed)
        init = own.init if own.range is not None or own.init is not None else setting.init
        return cls(own.range or setting.range, init, own.fixed)


def check_domain(field: str, parameter: Parameter, values: Sequence[float]) -> None:
    """Refuse values that a parameter cannot have.

    Raises:
        SpecError: naming the field.
    """
    if not all(parameter.admits(value) for value in values):
        shown = ", ".join(f"{value:g}" for value in values)
        raise SpecError(
            field,
            f"[{shown}] leaves the domain of {parameter.name}: {parameter.doc}",
            f"stay inside it; the default range is [{parameter.low:g}, {parameter.high:g}]",
        )


def value_range(field: str, parameter: Parameter, asked: Asked) -> tuple[float, float, float]:
    """Return low, high and start of a searched value.

    Raises:
        SpecError: the range leaves the parameter's domain, or the start leaves the range.
    """
    low, high = asked.range or (parameter.low, parameter.high)
    init = min(max(parameter.default, low), high) if asked.init is None else asked.init
    check_domain(f"{field}.range", parameter, (low, high))
    if not low <= init <= high:
        raise SpecError(
            f"{field}.init", f"{init:g} is outside the range [{low:g}, {high:g}]", "move it inside or give a range"
        )
    return float(low), float(high), float(init)


def _check_options(operators: Sequence[Operator], merge: MergeSpec, who: str) -> None:
    options = [option for operator in operators for option in operator.all_options()]
    for name, value in merge.options.items():
        found = [option for option in options if option.name == name]
        if not found:
            fix = nearest(name, [option.name for option in options])
            raise SpecError(f"merge.options.{name}", f"{who} has no such option", fix)
        for option in found:
            if option.choices is not None and value not in option.choices:
                raise SpecError(
                    f"merge.options.{name}", f"{value!r} is not a choice", f"use one of {list(option.choices)}"
                )


def _check_models(operator: Operator, count: int) -> None:
    if count < operator.min_models or (operator.max_models and count > operator.max_models):
        wanted = operator.min_models if operator.max_models == operator.min_models else f"{operator.min_models} or more"
        raise SpecError("models", f"{operator.name} merges {wanted} models, found {count}", "change models or method")
