"""A recipe as it applies to a set of models: which coefficients belong to which tensor."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import torch

from evomerge.errors import RecipeError, nearest
from merging.coefficients import lines_factor, options_of, steps_of, values_of
from merging.granularity import Granularity
from merging.models import ModelSet
from merging.operators import Operator, get_operator
from merging.operators.base import LINES, Options, Values
from merging.recipe import Recipe
from merging.validation import validate_recipe


@dataclass(frozen=True)
class FittedRecipe:
    """One recipe, checked against the models.

    Args:
        recipe: as it was given.
        operator: its merge method.
        models: its experts, in the order in which they are summed.
        options: of the operator, with defaults filled in.
        granularity: how its coefficients are shared.
        num_blocks: decoder blocks of the base.
        dtype: of the merged tensors; None leaves each that of the base's.
    """

    recipe: Recipe
    operator: Operator
    models: tuple[str, ...]
    options: Options
    granularity: Granularity
    num_blocks: int
    dtype: torch.dtype | None = None
    _values: dict[tuple[int, ...], Values] = field(default_factory=dict)

    @classmethod
    def of(cls, recipe: Recipe, models: ModelSet) -> FittedRecipe:
        """Check a recipe against models.

        Raises:
            RecipeError: it fits neither its operator nor these models.
        """
        validate_recipe(recipe, models.num_blocks)
        known = [expert.name for expert in models.experts]
        for model in recipe.models:
            if model not in known:
                raise RecipeError("recipe.models", f"no expert is named {model!r}", nearest(model, known))
        operator = get_operator(recipe.method)
        # Where the order of experts means nothing they are sorted, so that summation order cannot differ either.
        ordered = recipe.models if operator.ordered else tuple(sorted(recipe.models))
        granularity = Granularity.parse(recipe.granularity)
        return cls(recipe, operator, ordered, options_of(recipe), granularity, models.num_blocks)

    def slots(self, name: str) -> tuple[int, ...]:
        """Return the slots whose coefficients apply to a whole tensor."""
        return (0,) if self.operator.composes_depth else self.granularity.slots_of(name, self.num_blocks)

    def values_in(self, slots: tuple[int, ...]) -> Values:
        """Return the coefficients of some slots; most tensors share theirs with others."""
        if slots not in self._values:
            values = values_of(self.recipe, self.models, slots)
            if self.operator.composes_depth:
                values = replace(values, steps=steps_of(self.recipe, self.num_blocks))
            self._values[slots] = values
        return self._values[slots]

    @property
    def has_profile(self) -> bool:
        """Whether differences from the base are scaled by depth."""
        return any(parameter.name in self.recipe.coefficients for parameter in LINES)

    def profile(self, name: str) -> float:
        """Return the factor of a tensor's difference from the base."""
        return lines_factor(self._lines, name, self.num_blocks) if self.has_profile else 1.0

    @cached_property
    def _lines(self) -> Values:
        return values_of(self.recipe, (), (0,))
