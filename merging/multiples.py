"""What a linear merge multiplies every task vector by: numbers in place of tensors.

Where all experts are adapters, these numbers make a candidate an adapter itself, with the experts' factors stacked:
``sum_k c_k B_k A_k = [c_1 B_1 | c_2 B_2 | ...] [A_1; A_2; ...]``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from evomerge.errors import RecipeError
from merging.coefficients import lines_factor, options_of, values_of
from merging.granularity import Granularity
from merging.operators import get_operator
from merging.operators.base import LINES, MergeInputs, Options, Prepared, TensorInputs
from merging.recipe import Recipe

_FIX = (
    "use task_arithmetic, or linear with normalize, or write every candidate in place (workers.population: off and no "
    "search.screening)"
)


def check_linear(method: str, options: Options, granularity: str) -> None:
    """Check that every recipe of a method is the base plus multiples of whole task vectors.

    Raises:
        RecipeError: it is not, with the reason.
    """
    operator = get_operator(method)
    if operator.linear_flag != "LIN" or operator.composes_depth:
        raise _refused(f"{method} does not add multiples of task vectors")
    if operator.data != "none" or operator.cost != "linear":
        raise _refused(f"{method} takes its weights from the tensors themselves or from data")
    if Granularity.parse(granularity).chunks is not None:
        raise _refused(f"granularity {granularity} cuts through tensors")
    count = max(2, operator.min_models) if operator.max_models is None else operator.max_models
    models = tuple(f"m{number}" for number in range(count))
    # Unlike any default, so that a weight of the base that depends on them shows.
    uneven = {
        parameter.name: {model: (0.3 + 0.1 * number,) for number, model in enumerate(models)}
        for parameter in operator.parameters
        if parameter.scope == "model"
    }
    recipe, names = Recipe(method, models, "global", uneven, options), ["model.layers.3.mlp.up_proj.weight"]
    if _measured(recipe, names, 8, 1.0) != _measured(recipe, names, 8, 2.0):
        raise _refused(f"{method} looks at the size of the task vectors")


def multiples(recipe: Recipe, names: Iterable[str], num_blocks: int) -> dict[str, dict[str, float]]:
    """Return, by checkpoint name and expert, what the expert's task vector is multiplied by in that tensor.

    The operator itself merges tensors of one element per model, each of which is 1 in its own element and 0 in the
    others, so these are its numbers in fp32, whatever leads to them.

    Args:
        recipe: valid for its operator, see :func:`merging.validation.validate_recipe`.
        names: checkpoint names of tensors in the blocks or outside.
        num_blocks: decoder blocks of the base.

    Raises:
        RecipeError: the merge is something else than the base plus multiples of task vectors.
        Infeasible: the operator refuses the coefficients.
    """
    check_linear(recipe.method, recipe.options, recipe.granularity)
    return _measured(recipe, names, num_blocks, 1.0)


def _measured(recipe: Recipe, names: Iterable[str], num_blocks: int, ratio: float) -> dict[str, dict[str, float]]:
    """See :func:`multiples`; every expert's task vector is ``ratio`` times as large as the one's before it."""
    operator, options = get_operator(recipe.method), options_of(recipe)
    granularity = Granularity.parse(recipe.granularity)
    models = recipe.models if operator.ordered else tuple(sorted(recipe.models))
    sizes = torch.tensor([1.0, *(ratio**k for k in range(len(models)))])
    units = torch.diag(sizes)
    names = tuple(names)
    inputs = MergeInputs(names, models, num_blocks, lambda name: _probe(name, models, units, recipe.seed), recipe.seed)
    survey = operator.survey(inputs, options)
    profiled = any(parameter.name in recipe.coefficients for parameter in LINES)
    found: dict[str, dict[str, float]] = {}
    for tensor in inputs:
        values = values_of(recipe, models, granularity.slots_of(tensor.name, num_blocks))
        prepared = Prepared(tensor, options, operator.prepare(tensor, options, survey))
        base, *weights = operator.apply(prepared, values).div_(sizes).tolist()
        if base != 1.0:
            raise _refused(f"{recipe.method} multiplies the base itself by {base:g}")
        profile = lines_factor(values, tensor.name, num_blocks) if profiled else 1.0
        found[tensor.name] = {model: profile * weight for model, weight in zip(models, weights, strict=True)}
    return found


def _probe(name: str, models: Sequence[str], units: Tensor, seed: int) -> TensorInputs:
    return TensorInputs(name, units[0], tuple(models), tuple(units[1:]), seed)


def _refused(why: str) -> RecipeError:
    return RecipeError("recipe.method", f"its candidates cannot be adapters: {why}", _FIX)
