"""From a recipe's coefficients to the numbers that apply to one tensor."""

from __future__ import annotations

from collections.abc import Sequence

from merging.names import block_index
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
        if parameter.scope == "step":
            continue
        setting = recipe.coefficients.get(parameter.name, {})
        default = (parameter.default,)
        if parameter.scope == "model":
            given = setting if not isinstance(setting, tuple) else {}
            model[parameter.name] = tuple(pick(given.get(name, default)) for name in models)
        else:
            merge[parameter.name] = pick(setting if isinstance(setting, tuple) else default)
    return Values(model, merge)


def steps_of(recipe: Recipe, num_blocks: int) -> dict[str, tuple[float, ...]]:
    """Return the values of every step on offer, by parameter; empty for operators without steps."""
    operator = get_operator(recipe.method)
    slots = operator.steps(recipe.models, num_blocks, options_of(recipe))
    found: dict[str, tuple[float, ...]] = {}
    for parameter in operator.all_parameters():
        if parameter.scope != "step":
            continue
        given = recipe.coefficients.get(parameter.name)
        if not isinstance(given, tuple):
            found[parameter.name] = tuple(slot.defaults[parameter.name] for slot in slots)
        else:
            found[parameter.name] = given * len(slots) if len(given) == 1 else given
    return found


def lines_factor(values: Values, name: str, num_blocks: int) -> float:
    """Return what LiNeS multiplies the change of a tensor by (2410.17146): alpha + beta * l / (L - 1) in block l.

    Args:
        values: with ``lines_alpha`` and ``lines_beta``.
        name: checkpoint name; outside the blocks the factor is alpha.
        num_blocks: L.
    """
    alpha, beta = values.merge["lines_alpha"], values.merge["lines_beta"]
    block, last = block_index(name), num_blocks - 1
    return alpha if block is None or not last else alpha + beta * block / last
