"""Whether a recipe fits its operator; the one place that decides it."""

from __future__ import annotations

from collections.abc import Mapping

from evomerge.errors import RecipeError, nearest
from merging.coefficients import filled_options
from merging.granularity import Granularity
from merging.operators import Operator, Option, Parameter, get_operator
from merging.operators.base import INTERVALS
from merging.recipe import Recipe


def validate_recipe(recipe: Recipe, num_blocks: int) -> None:
    """Check a recipe against its operator's declaration.

    Args:
        recipe: the candidate.
        num_blocks: decoder blocks of the base model.

    Raises:
        RecipeError: unknown operator, granularity, parameter, option or expert; a wrong number of experts or
            values; a value outside the parameter's domain.
    """
    operator = get_operator(recipe.method)
    slots = Granularity.parse(recipe.granularity).num_slots(num_blocks)
    _check_models(recipe, operator)
    options = {option.name: option for option in operator.all_options()}
    for name, value in recipe.options.items():
        if name not in options:
            raise RecipeError(f"recipe.options.{name}", f"{operator.name} has no such option", nearest(name, options))
        _check_option(options[name], value)
    chosen = filled_options(operator, recipe.options)
    parameters = {parameter.name: parameter for parameter in operator.all_parameters()}
    for name, setting in recipe.coefficients.items():
        if name not in parameters:
            raise RecipeError(
                f"recipe.coefficients.{name}",
                f"{operator.name} has no parameter of this name",
                nearest(name, parameters),
            )
        count = slots if parameters[name].scope != "step" else len(operator.steps(recipe.models, num_blocks, chosen))
        _check_setting(recipe, parameters[name], setting, count)


def _check_models(recipe: Recipe, operator: Operator) -> None:
    count, most = len(recipe.models), operator.max_models
    if count < operator.min_models or (most is not None and count > most):
        expected = f"{operator.min_models} or more" if most is None else f"{operator.min_models} to {most}"
        if most == operator.min_models:
            expected = f"exactly {most}"
        raise RecipeError(
            "recipe.models",
            f"{operator.name} merges {expected} {'expert' if most == 1 else 'experts'}, found {count}",
            "change the experts or the method",
        )
    if len(set(recipe.models)) != count:
        raise RecipeError(
            "recipe.models", f"an expert is named twice in {list(recipe.models)}", "name each expert once"
        )


def _check_setting(
    recipe: Recipe,
    parameter: Parameter,
    setting: Mapping[str, tuple[float, ...]] | tuple[float, ...],
    slots: int,
) -> None:
    where = f"recipe.coefficients.{parameter.name}"
    per_model = isinstance(setting, Mapping)
    if per_model != (parameter.scope == "model"):
        expected = "one list per expert" if parameter.scope == "model" else "one list for the whole merge"
        raise RecipeError(where, f"expected {expected}, found the other form", f"write {expected}")
    if not isinstance(setting, Mapping):
        _check_values(where, parameter, setting, slots)
        return
    for model, values in setting.items():
        if model not in recipe.models:
            raise RecipeError(
                f"{where}.{model}", "the recipe has no expert of this name", nearest(model, recipe.models)
            )
        _check_values(f"{where}.{model}", parameter, values, slots)


def _check_values(where: str, parameter: Parameter, values: tuple[float, ...], slots: int) -> None:
    lengths = {1, slots} if parameter.granular or parameter.scope == "step" else {1}
    if len(values) not in lengths:
        expected = " or ".join(str(length) for length in sorted(lengths))
        raise RecipeError(where, f"found {len(values)} values, expected {expected}", f"give {expected}")
    for value in values:
        if not parameter.admits(value):
            interval = INTERVALS[parameter.domain]
            raise RecipeError(where, f"{value} is outside {interval}", f"use values in {interval}")


def _check_option(option: Option, value: bool | str | int | float) -> None:
    where = f"recipe.options.{option.name}"
    # bool is an int in Python and 1 == True, so types are compared as well as values.
    if type(value) is not type(option.default):
        expected = type(option.default).__name__
        raise RecipeError(where, f"found {value!r}, expected a {expected}", f"write a {expected}")
    if option.choices is not None and value not in option.choices:
        choices = ", ".join(str(choice) for choice in option.choices)
        raise RecipeError(where, f"found {value!r}, expected one of {choices}", f"use one of {choices}")
