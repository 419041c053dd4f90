"""From a recipe's coefficients to the numbers that apply to one tensor."""

from __future__ import annotations

from collections.abc import Sequence

from merging.operators import Operator, get_operator
from merging.operators.base import Options, Values
from merging.recipe import Recipe


def options_of(recipe: Recipe) -> Options:
    """Return every option of the recipe's operator, with the defaults of the chosen ``compat`` filled in."""
    return filled_options(get_operator(recipe.method), recipe.options)


def filled_options(operator: Operator, given: Options) -> Options:
    """Return every option of an operator: what is given, else the default of the chosen ``compat``."""
    compat = operator.mergekit if given.get("compat") == "mergekit" else None
    defaults = {option.name: option.default for option in operator.all_options()} | dict(compat or {})
    return {name: given.get(name, default) for name, default in defaults.items()}


def values_of(recipe: Recipe, models: Sequence[str], slots: tuple[int, ...]) -> Values:
    """Return the coefficients of one tensor, averaged over its slots, in the order of ``models``."""

    def pick(values: tuple[float, ...]) -> float:
        if len(values) == 1:
            return values[0]
        return sum(values[slot] for slot in slots) / len(slots)

    model: dict[str, tuple[float, ...]] = {}
    merge: dict[str, float] = {}
    for parameter in get_operator(recipe.method).all_parameters():
        setting = recipe.coefficients.get(parameter.name, {})
        default = (parameter.default,)
        if parameter.scope == "model":
            given = setting if not isinstance(setting, tuple) else {}
            model[parameter.name] = tuple(pick(given.get(name, default)) for name in models)
        else:
            merge[parameter.name] = pick(setting if isinstance(setting, tuple) else default)
    return Values(model, merge)
