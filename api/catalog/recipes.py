"""Merges that people propose: checked like a spec before they are recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.catalog.confine import needed_file
from api.planning import Planner
from api.settings import Settings
from evomerge.errors import RecipeError, nearest
from experiments.entities import Experiment


def confine_recipe(
    recipe: Mapping[str, Any], experiment: Experiment, settings: Settings, planner: Planner
) -> dict[str, Any]:
    """Return a recipe in full that an experiment's workers can score.

    Args:
        recipe: of a merge, what is left out being the spec's; ``{"blackbox": {name: value}}`` for a black box.
        experiment: that it is proposed to.
        settings: where files may lie that its options name.
        planner: knows the operators.

    Raises:
        RecipeError: it does not fit the experiment.
        Unavailable: no answer in time.
    """
    full = completed(recipe, experiment.spec)
    if "blackbox" in experiment.spec:
        return full
    options = full["options"] if isinstance(full["options"], Mapping) else {}
    named = planner.path_options.get(full["method"], frozenset())
    files = {
        name: needed_file(f"recipe.options.{name}", str(value), settings)
        for name, value in options.items()
        if name in named and value
    }
    if files:
        full["options"] = {**options, **files}
    return planner.check_recipe(full, experiment)


def completed(recipe: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe in full, what is left out being the spec's; that of a black box is checked.

    Raises:
        RecipeError: it does not fit the spec.
    """
    if "blackbox" in spec:
        return {"blackbox": _coefficients(recipe, spec["blackbox"]["parameters"])}
    merge = spec["merge"]
    methods = merge.get("methods") or [merge["method"]]
    defaults = {
        "method": methods[0],
        "models": list(spec["models"]),
        "granularity": merge["granularity"],
        "options": merge["options"],
        "seed": spec["search"]["seed"],
    }
    full = {**defaults, **recipe}
    if full["method"] not in methods:
        # The workers' memory was reckoned for the methods of the spec.
        raise RecipeError(
            "recipe.method", f"{full['method']!r} is not of this experiment", nearest(str(full["method"]), methods)
        )
    return full


def _coefficients(recipe: Mapping[str, Any], parameters: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    values = recipe.get("blackbox")
    if set(recipe) != {"blackbox"} or not isinstance(values, Mapping):
        raise RecipeError("recipe", "a black box has coefficients only", 'write {"blackbox": {name: value}}')
    for name in values:
        if name not in parameters:
            raise RecipeError(f"recipe.blackbox.{name}", "there is no such coefficient", nearest(name, parameters))
    for name, parameter in parameters.items():
        value, (low, high) = values.get(name), parameter["range"]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise RecipeError(
                f"recipe.blackbox.{name}", f"found {value!r}, expected a number", f"give one from {low} to {high}"
            )
    return {name: float(values[name]) for name in parameters}
