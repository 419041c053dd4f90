"""Which merges of sparsified task vectors mergekit can make, and how it is told."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from merging.models import ModelSet
from merging.operators.base import Options, Values
from merging.recipe import Recipe

SPARSE = ("ties", "dare_linear", "dare_ties", "breadcrumbs", "breadcrumbs_ties", "della", "della_linear")
_RANDOM = ("dare_linear", "dare_ties", "della", "della_linear")
_ELECTS = ("ties", "dare_ties", "breadcrumbs_ties", "della")


@dataclass(frozen=True)
class SparseMerge:
    """One merge of sparsified task vectors.

    Args:
        recipe: the merge.
        models: its models.
        options: all options of its operator.
        values: the coefficients of every merged tensor; the density of an exempt one is 1.
    """

    recipe: Recipe
    models: ModelSet
    options: Options
    values: Mapping[str, Values]

    @property
    def per_model(self) -> list[str]:
        """Names of the parameters that each model has in mergekit."""
        return [
            name for name in ("weight", "density", "gamma", "epsilon") if name in next(iter(self.values.values())).model
        ]

    @property
    def wide(self) -> dict[str, Any]:
        """Parameters of the whole merge in mergekit, but for lambda."""
        return {"normalize": self.options["normalize"], "rescale": self._drops() and self.options["rescale"] == "l1"}

    def obstacle(self) -> str | None:
        """Return why mergekit cannot make this merge, a full sentence; None where it can."""
        method = self.recipe.method
        found = self._thinning() if self._drops() else None
        return found or (self._election() if method in _ELECTS else None)

    def draws(self) -> bool:
        """Return whether mergekit needs the recipe's seed."""
        return self.recipe.method in _RANDOM and self._drops()

    def _drops(self) -> bool:
        return any(density < 1.0 for density in self._densities())

    def _densities(self) -> Sequence[float]:
        return [density for values in self.values.values() for density in values.model["density"]]

    def _full(self) -> list[str]:
        return [name for name in self.recipe.models if not self.models.is_adapter(name)]

    def _thinning(self) -> str | None:
        options, method = self.options, self.recipe.method
        if method in _RANDOM:
            return self._draws()
        if options["threshold_scope"] == "global":
            return "mergekit trims each tensor by itself; this recipe uses one global threshold."
        if options["threshold_scope"] == "row":
            return "mergekit masks each tensor as a whole; this recipe masks each row (option threshold_scope)."
        if self._full() and options["equal_magnitudes"] != "torch_sort":
            return (
                f"{self._full()[0]} is a full checkpoint: differences of 16-bit numbers have many equal magnitudes, "
                "of which mergekit keeps an arbitrary part (option equal_magnitudes)."
            )
        if method != "ties" and options["overlap"] == "gamma" and any(map(self._overlaps, self.values)):
            return "mergekit keeps outliers where density and gamma exceed 1; this recipe drops them (option overlap)."
        return None

    def _overlaps(self, name: str) -> bool:
        shape, model = self.models.tensor_info(name).shape, self.values[name].model
        if len(shape) < 2 and self.options["exempt_1d"]:
            return False
        size = math.prod(shape)
        counts = [(int(d * size), int(g * size)) for d, g in zip(model["density"], model["gamma"], strict=True)]
        return any(kept < 1 or kept + outliers > size for kept, outliers in counts)

    def _draws(self) -> str | None:
        options = self.options
        if options["draws"] != "sequential":
            return "mergekit drops other elements: its random draws are not keyed by tensor name (option draws)."
        if options["rescale"] == "inverse_density":
            return "mergekit restores L1 norms; this recipe divides by densities (option rescale)."
        if any(density >= 1.0 for density in self._densities()):
            return "mergekit draws nothing for a density of 1, here it does, so that later draws are others."
        if self.recipe.models != tuple(sorted(self.recipe.models)):
            return "mergekit draws for experts in the order of the recipe, here it is that of their names."
        return self._window() if self.recipe.method.startswith("della") else None

    def _window(self) -> str | None:
        if self.options["threshold_scope"] != "row":
            return "mergekit ranks within rows; this recipe within tensors (option threshold_scope)."
        if self._full() and self.options["equal_magnitudes"] != "torch_sort":
            return "mergekit ranks equal magnitudes in an arbitrary order (option equal_magnitudes)."
        if any(len(self.models.tensor_info(name).shape) > 2 for name in self.values):
            return "mergekit ranks along another dimension where a tensor has three."
        pairs = [
            pair for v in self.values.values() for pair in zip(v.model["density"], v.model["epsilon"], strict=True)
        ]
        if any(not epsilon < density < 1.0 - epsilon for density, epsilon in pairs):
            return "mergekit refuses an epsilon that density or 1 - density does not exceed."
        return None

    def _election(self) -> str | None:
        options = self.options
        if options["consensus"] == "count":
            return "mergekit elects the sign of the sum; this recipe that of the majority."
        rows = [values.model["weight"] for values in self.values.values()]
        raw, absolute = options["elect_on"] == "raw", options["normalize"] and options["divisor"] == "absolute"
        # Where all weights that are not zero are equal, the weighted and the plain sum have one sign.
        if raw and any(len({weight for weight in row if weight}) > 1 for row in rows):
            return "mergekit elects signs on weighted task vectors; this recipe on plain ones."
        if (raw or absolute) and any(weight < 0.0 for row in rows for weight in row):
            return "mergekit treats negative weights in another way."
        if options["on_draw"] == "base" and len(self._full()) > 1:
            return (
                "mergekit elects plus where task vectors cancel exactly; this recipe keeps the base there "
                "(option on_draw)."
            )
        return None
