"""From resolved mergekit parameters to the options and coefficients of our operators, one tensor at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from merging.coefficients import filled_options
from merging.documents import Node
from merging.mergekit.methods import MethodSpec, ParameterSpec
from merging.mergekit.parameters import Resolved, Settings, resolve
from merging.operators import Operator
from merging.operators.base import INTERVALS, Options, OptionValue, Parameter, Values

Compat = Literal["mergekit", "paper"]
_LEAST_SUM = 1e-8


@dataclass(frozen=True)
class Input:
    """One model of a slice as parameters see it: its settings from near to wide, its own name of the tensor."""

    label: str
    scopes: tuple[Settings, ...]
    tensor: str


@dataclass(frozen=True)
class Setup:
    """Everything that is the same for all tensors of a merge.

    Args:
        method: of the file.
        operator: ours.
        compat: whose defaults hold where the file says nothing.
        has_base: task vectors are measured from a base model that takes part.
        node: the document, for errors about what it lacks.
    """

    method: MethodSpec
    operator: Operator
    compat: Compat
    has_base: bool
    node: Node


def settle(
    setup: Setup, scopes: Sequence[Settings], experts: Sequence[Input], tensor: str, depth: float
) -> tuple[Options, Values]:
    """Return options and coefficients of one tensor.

    Args:
        setup: of the merge.
        scopes: settings of the slice, the module and the merge.
        experts: the models that the operator merges, in its order.
        tensor: name of the output tensor, which filters of merge-wide parameters see.
        depth: position in the slice, from 0 to 1.

    Raises:
        RecipeError: a required parameter is missing, or a value is outside what the operator can take.
    """
    wide: dict[str, Resolved | None] = {}
    each: dict[str, list[Resolved | None]] = {}
    for spec in setup.method.parameters:
        if spec.scope == "merge":
            found = resolve(spec.name, spec.kind, scopes, tensor, depth)
            wide[spec.name] = _required(setup, spec, found, f"for {tensor}")
        else:
            each[spec.name] = [
                _required(setup, spec, resolve(spec.name, spec.kind, one.scopes, one.tensor, depth), f"for {one.label}")
                for one in experts
            ]
    options = _options(setup, wide)
    model = {
        parameter.name: tuple(
            _coefficient(setup, parameter, found) for found in each.get(parameter.name, [None] * len(experts))
        )
        for parameter in setup.operator.all_parameters()
        if parameter.scope == "model"
    }
    merge = {
        parameter.name: _coefficient(setup, parameter, wide.get(parameter.name))
        for parameter in setup.operator.all_parameters()
        if parameter.scope == "merge"
    }
    if setup.method.name == "nuslerp":
        merge["t"] = _share([float(one.value) for one in each["weight"] if one is not None], setup.node)
    if setup.method.normalizes:
        _normalize(model, bool(_plain(wide["normalize"])))
    return options, Values(_without_empty(model), merge)


def _required(setup: Setup, spec: ParameterSpec, found: Resolved | None, whose: str) -> Resolved | None:
    """Fill in the default that the other tool would take; in ``paper`` mode leave it to our operator."""
    if found is not None:
        return found
    if spec.required:
        raise setup.node.error(
            f"{setup.method.name} needs the parameter {spec.name} {whose}",
            f"add '{spec.name}' to the parameters of the model, the slice or the merge",
        )
    if spec.default is None or setup.compat == "paper":
        return None
    return Resolved(spec.default, setup.node)


def _options(setup: Setup, wide: Mapping[str, Resolved | None]) -> Options:
    known = {option.name: option for option in setup.operator.all_options()}
    given: dict[str, OptionValue] = {"compat": setup.compat} if "compat" in known else {}
    for spec in setup.method.parameters:
        found = wide.get(spec.name)
        if spec.option is None or found is None:
            continue
        value: OptionValue = spec.values[found.value] if spec.values else found.value
        if setup.compat == "paper" and spec.name == "rescale" and found.value:
            # The papers have a way of their own to rescale, where they do at all.
            continue
        given[spec.option] = value
    if setup.method.name == "nuslerp":
        given |= _nuslerp(setup, wide)
    elif "vectors" in known and setup.method.base == "optional":
        given["vectors"] = "task_vectors" if setup.has_base else "weights"
    if setup.method.normalizes and "normalize" in known:
        given["normalize"] = False
    return filled_options(setup.operator, given)


def _nuslerp(setup: Setup, wide: Mapping[str, Resolved | None]) -> dict[str, OptionValue]:
    flatten = _plain(wide["nuslerp_flatten"]) in (True, None)
    angle = "tensor" if flatten else "column" if _plain(wide["nuslerp_row_wise"]) else "row"
    return {"vectors": "task_vectors" if setup.has_base else "weights", "angle": angle}


def _coefficient(setup: Setup, parameter: Parameter, found: Resolved | None) -> float:
    if found is None:
        return parameter.default
    value = float(found.value)
    if parameter.name == "density" and setup.compat == "mergekit":
        # The tool keeps everything above 1 and nothing at 0; nothing is what weight 0 says here.
        value = min(value, 1.0)
        if value == 0.0:
            return value
    if parameter.name == "select_topk":
        value = min(value, 1.0)
    if not parameter.admits(value):
        interval = INTERVALS[parameter.domain]
        raise found.node.error(f"{value:g} is outside {interval}", f"use values in {interval}")
    return value


def _without_empty(model: dict[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
    """Give an expert of which nothing is kept weight 0 instead of density 0."""
    density = model.get("density")
    if density is None or 0.0 not in density:
        return model
    weights = tuple(0.0 if kept == 0.0 else weight for kept, weight in zip(density, model["weight"], strict=True))
    return model | {"weight": weights, "density": tuple(kept or 1.0 for kept in density)}


def _normalize(model: dict[str, tuple[float, ...]], normalize: bool) -> None:
    """Divide weights by their sum, or leave them where it is zero."""
    total = sum(model["weight"])
    if normalize and abs(total) >= _LEAST_SUM:
        model["weight"] = tuple(weight / total for weight in model["weight"])


def _share(weights: list[float], node: Node) -> float:
    """Return the position between two models that their weights stand for."""
    total = sum(weights)
    share = 0.5 if abs(total) < 1e-6 else weights[1] / total
    if not 0.0 <= share <= 1.0:
        raise node.error(
            f"the weights {weights[0]:g} and {weights[1]:g} lead outside the arc between the two models",
            "give nuslerp two weights of one sign",
        )
    return share


def _plain(found: Resolved | None) -> float | int | bool | None:
    return None if found is None else found.value
